import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { leaderOf, memberIn, votersOf, type EtcdSnapshot } from "../snapshot";
import { holds, inSync, layoutOf } from "./judges";
import { moveLeader, nothingToDo } from "./steps";

/** Hands the leadership to a named follower; nothing is lost, and it can be handed back. */
export const moveLeaderTo: RecoveryAction<EtcdSnapshot> = {
  action: "etcd/move-leader",
  risk: "R1",
  answers: ["etcd/FsyncSlow", "etcd/CommitSlow"],
  verifyWithinMs: 30_000,

  objections: (snapshot) => (leaderOf(snapshot) === null ? [sentence("etcd/no-sole-leader")] : []),
  targets: (snapshot) => {
    const voters = new Set(votersOf(snapshot).map(({ id }) => id));
    return snapshot.members
      .filter(({ standing }) => standing.kind !== "leader")
      .map(({ member, id }) => {
        const reason = inSync(snapshot, member);
        const noVoter = id === null || !voters.has(id) ? [sentence("etcd/does-not-vote", { member })] : [];
        return { target: member, objections: [...noVoter, ...(reason === null ? [] : [reason])] };
      });
  },

  plan: (snapshot, target) => {
    const leader = leaderOf(snapshot);
    const heir = memberIn(snapshot, target);
    if (leader === null || heir?.id == null) return nothingToDo;
    return {
      steps: [moveLeader(leader, heir)],
      warnings: [],
      restsOn: layoutOf(snapshot),
      goal: [holds.leads(target), holds.inSync(leader.member)],
    };
  },
};
