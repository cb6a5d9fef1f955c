import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { isLeftOutOf, solePrimary, standbysOf, type ServersSnapshot } from "../snapshot";
import { canBeModel, holds, layoutOf, serverIn } from "./judges";
import { objectionsToSlot, slotWarnings } from "./joining";
import { connectionTo, follow, nothingToDo, provideUsedSlot } from "./steps";

/** Points a standby that does not receive from the primary at it, as after a failover that it was left out of. */
export const repoint: RecoveryAction<ServersSnapshot> = {
  action: "postgresql/point-at-primary",
  risk: "R1",
  answers: ["postgresql/StandbyNotStreaming"],
  verifyWithinMs: 60_000,

  objections: (snapshot) => (solePrimary(snapshot) === null ? [sentence("postgresql/no-sole-primary")] : []),
  targets: (snapshot) => {
    const primary = solePrimary(snapshot);
    return standbysOf(snapshot)
      .filter(({ standing }) => primary === null || isLeftOutOf(standing.state, primary.standing.state))
      .map((server) => ({
        target: server.member,
        objections: [
          ...(canBeModel(server) ? [] : [sentence("postgresql/connection-not-readable", { member: server.member })]),
          ...objectionsToSlot(snapshot, server),
        ],
      }));
  },

  plan: (snapshot, targetName) => {
    const primary = solePrimary(snapshot);
    const target = serverIn(snapshot, targetName);
    if (primary === null || target?.standing.kind !== "standby") return nothingToDo;
    const before = target.standing.state.primaryConnection;
    const connection = connectionTo(primary, before, target.member);
    return {
      steps: [...provideUsedSlot(primary, target), follow(target, primary, connection)],
      warnings: [
        sentence("postgresql/warning.may-have-diverged", { member: target.member, primary: primary.member }),
        ...slotWarnings(snapshot, target),
      ],
      restsOn: [...layoutOf(snapshot), ...(before === null ? [] : [holds.pointsAt(target.member, before)])],
      goal: [holds.solePrimary(primary.member), holds.streams(target.member, primary.member)],
    };
  },
};
