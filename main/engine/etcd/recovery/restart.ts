import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { leaderOf, memberIn, type EtcdMember, type EtcdSnapshot } from "../snapshot";
import { controlObjections, heirOf, holds, layoutOf, majorityWithout } from "./judges";
import { killHungMember, moveLeader, nothingToDo, startMember, stopMember } from "./steps";

/** Stops one member and starts it again, or starts one that is stopped, or ends one that hangs and starts it. A leader hands over first. */
export const restartMember: RecoveryAction<EtcdSnapshot> = {
  action: "etcd/restart-member",
  risk: "R2",
  answers: ["etcd/MemberStopped", "etcd/MemberHung", "etcd/QuorumLost", "etcd/MemberCutOff"],
  verifyWithinMs: 60_000,

  objections: () => [],
  targets: (snapshot) =>
    snapshot.members.map((target) => ({ target: target.member, objections: objectionsTo(snapshot, target) })),

  plan: (snapshot, targetName) => {
    const target = memberIn(snapshot, targetName);
    if (target === null) return nothingToDo;
    const { standing, member } = target;
    // Without a leader anywhere, a member that is started can only wait for the others.
    const back = leaderOf(snapshot) !== null || standing.kind === "leader" ? holds.inSync(member) : holds.runs(member);
    const heir = standing.kind === "leader" ? heirOf(snapshot) : null;
    const isRunning = standing.kind !== "stopped" && standing.kind !== "hung";
    const safe = standing.kind === "leaderless" ? [] : [holds.majorityWithout(member)];
    return {
      steps: [
        ...(heir === null ? [] : [moveLeader(target, heir)]),
        ...(standing.kind === "hung" ? [killHungMember(target, standing.pid)] : []),
        ...(isRunning ? [stopMember(target, safe)] : []),
        startMember(target, [back]),
      ],
      warnings: isRunning ? [sentence("etcd/warning.clients-move", { member })] : [],
      restsOn: layoutOf(snapshot),
      goal: [back],
    };
  },
};

function objectionsTo(snapshot: EtcdSnapshot, target: EtcdMember): readonly Sentence[] {
  const { member, standing } = target;
  const always = controlObjections(target);
  switch (standing.kind) {
    case "unseen":
    case "refusing":
      return [...always, sentence("etcd/not-read", { member })];
    case "stopped":
    case "hung":
    case "leaderless":
    case "learner":
      return always;
    case "leader":
    case "follower": {
      const risk = majorityWithout(snapshot, member);
      return risk === null ? always : [...always, risk];
    }
  }
}
