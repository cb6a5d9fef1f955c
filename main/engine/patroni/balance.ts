import type { Balance } from "../../../contract/balance";
import { judgeShares } from "../shares";
import { activityFigure, lagFigure } from "./members";
import type { PatroniSnapshot } from "./snapshot";

/** Every member holds all the data, so only the work of serving clients can be shared out; none of it is a must. */
export function patroniBalance(snapshot: PatroniSnapshot): readonly Balance[] {
  const { members } = snapshot;
  return [
    judgeShares({
      measure: "patroni/balance.connections",
      unit: "count",
      goal: "shown",
      tolerance: null,
      shares: members.map((member) => ({
        member: member.member,
        amount: activityFigure(member, ({ connectionCount }) => connectionCount),
      })),
    }),
    judgeShares({
      measure: "patroni/balance.lag",
      unit: "bytes",
      goal: "shown",
      tolerance: null,
      shares: members
        .filter(({ standing }) => standing.kind !== "leader")
        .map((member) => ({ member: member.member, amount: lagFigure(member, snapshot) })),
    }),
  ];
}
