import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { answering, isPaused, soleLeader, streams, type PatroniSnapshot } from "../snapshot";
import { changeObjections, holds, layoutOf, stopWarnings, storeObjections, synchronousWarnings } from "./judges";
import { nothingToDo, restartServer } from "./steps";

/** Has Patroni restart the PostgreSQL of one member, as a pending restart wants it; the member keeps its role. */
export const restartMember: RecoveryAction<PatroniSnapshot> = {
  action: "patroni/restart-server",
  risk: "R2",
  answers: ["patroni/PendingRestart", "patroni/ConnectionsNearLimit"],
  verifyWithinMs: 60_000,

  objections: (snapshot) =>
    soleLeader(snapshot) === null ? [sentence("patroni/no-sole-leader")] : storeObjections(snapshot),
  targets: (snapshot) =>
    answering(snapshot).map((target) => ({
      target: target.member,
      objections: [
        ...changeObjections(target),
        ...(target.standing.kind === "leader" || target.standing.kind === "replica"
          ? []
          : [sentence("patroni/is-not-replica", { member: target.member })]),
      ],
    })),

  plan: (snapshot, targetName) => {
    const leader = soleLeader(snapshot);
    const target = answering(snapshot).find(({ member }) => member === targetName);
    if (leader === null || target === undefined) return nothingToDo;
    const isLeader = target.member === leader.member;
    const back = isLeader
      ? [holds.leads(targetName)]
      : streams(snapshot, target)
        ? [holds.follows(targetName)]
        : [holds.answers(targetName)];
    return {
      steps: [restartServer(target, back)],
      warnings: isLeader
        ? [
            sentence("patroni/warning.writes-stop", { leader: targetName }),
            ...stopWarnings(snapshot, targetName),
            isPaused(snapshot)
              ? sentence("patroni/warning.paused-meanwhile", { member: targetName })
              : sentence("patroni/warning.restart-may-fail-over"),
          ]
        : synchronousWarnings(snapshot, target),
      restsOn: layoutOf(snapshot),
      goal: [...back, holds.leads(leader.member)],
    };
  },
};
