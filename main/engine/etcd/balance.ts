import type { Balance } from "../../../contract/balance";
import type { Figure, Unit } from "../../../contract/figure";
import { sentence } from "../../../contract/sentence";
import { figureOf } from "../figure-of";
import { judgeShares } from "../shares";
import { sinceFigure } from "./members";
import type { EtcdMember, EtcdSnapshot } from "./snapshot";

/** Every member holds all keys, so only the work of serving clients can be shared out; none of it is a must. */
export function etcdBalance({ members }: EtcdSnapshot): readonly Balance[] {
  const shareOut = (measure: string, unit: Unit, amountOf: (member: EtcdMember) => Figure): Balance =>
    judgeShares({
      measure,
      unit,
      goal: "shown",
      tolerance: null,
      shares: members.map((member) => ({ member: member.member, amount: amountOf(member) })),
    });
  return [
    shareOut("etcd/balance.watchers", "count", ({ metrics }) =>
      figureOf(metrics, "count", ({ watchers }) => watchers ?? sentence("etcd/not-measured")),
    ),
    shareOut("etcd/balance.requests", "per-second", (member) =>
      sinceFigure(member, "per-second", (since) => since.requestsPerSecond),
    ),
    shareOut("etcd/balance.clientTraffic", "bytes-per-second", (member) =>
      sinceFigure(member, "bytes-per-second", (since) => since.clientSentBytesPerSecond),
    ),
  ];
}
