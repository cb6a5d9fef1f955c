import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { answering, leaderOf, memberIn, type EtcdSnapshot } from "../snapshot";
import { decimalId } from "../probes";
import { holds, inSync, layoutOf } from "./judges";
import { call, none, nothingToDo } from "./steps";

/** Gives a learner that has caught up its vote. */
export const promoteLearner: RecoveryAction<EtcdSnapshot> = {
  action: "etcd/promote-learner",
  risk: "R2",
  answers: [],
  verifyWithinMs: 30_000,

  objections: (snapshot) => (leaderOf(snapshot) === null ? [sentence("etcd/no-sole-leader")] : []),
  targets: (snapshot) =>
    answering(snapshot)
      .filter(({ standing }) => standing.kind === "learner")
      .map(({ member }) => {
        const reason = inSync(snapshot, member);
        return { target: member, objections: reason === null ? [] : [reason] };
      }),

  plan: (snapshot, target) => {
    const leader = leaderOf(snapshot);
    const learner = memberIn(snapshot, target);
    if (leader === null || learner?.id == null) return nothingToDo;
    return {
      steps: [
        {
          title: sentence("etcd/step.promote", { member: target }),
          node: leader.node,
          effect: call(leader, "/v3/cluster/member/promote", { ID: decimalId(learner.id) }),
          changes: true,
          deadlineMs: 30_000,
          stillSafe: [holds.inSync(target)],
          achieved: [holds.votes(target)],
          undo: none("etcd/no-undo.promoted", target),
        },
      ],
      warnings: [],
      restsOn: layoutOf(snapshot),
      goal: [holds.votes(target), holds.inSync(target)],
    };
  },
};
