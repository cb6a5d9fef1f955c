import { sentence, type Sentence } from "../../../../contract/sentence";
import type { Claim, RecoveryAction } from "../../engine";
import { isPaused, memberIn, soleLeader, writers, type PatroniMember, type PatroniSnapshot } from "../snapshot";
import { anotherTakesWrites, controlObjections, holds, layoutOf, storeObjections, synchronousWarnings } from "./judges";
import { killHungPatroni, nothingToDo, startPatroni, stopPatroni } from "./steps";

/** Starts Patroni where it is stopped, ends and starts one that hangs, or restarts the one of a replica. */
export const restartPatroni: RecoveryAction<PatroniSnapshot> = {
  action: "patroni/restart-patroni",
  risk: "R2",
  answers: ["patroni/PatroniStopped", "patroni/PatroniHung", "patroni/PrimaryUnguarded", "patroni/NoLeader"],
  verifyWithinMs: 120_000,

  objections: () => [],
  targets: (snapshot) =>
    snapshot.members.map((target) => ({ target: target.member, objections: objectionsTo(snapshot, target) })),

  plan: (snapshot, targetName) => {
    const target = memberIn(snapshot, targetName);
    if (target === null) return nothingToDo;
    const { standing, member } = target;
    const leader = soleLeader(snapshot);
    const isRunning = standing.kind !== "stopped" && standing.kind !== "hung";
    // One that was down may have diverged, which Patroni 3.0 does not always notice: that is a finding and a recovery of its own.
    const mayHaveDiverged = leader !== null && !isRunning;
    const back: readonly Claim[] =
      leader === null
        ? [holds.answers(member)]
        : isRunning
          ? [holds.follows(member)]
          : [holds.answers(member), ...(leader.member === member ? [] : [holds.takesNoWrites(member)])];
    return {
      steps: [
        ...(standing.kind === "hung" ? [killHungPatroni(target, standing.pid, [])] : []),
        ...(isRunning ? [stopPatroni(target, leader === null ? [] : [holds.leads(leader.member)])] : []),
        startPatroni(target, [holds.answers(member)]),
      ],
      warnings: [
        // While it is paused Patroni leaves its server alone, also when it ends.
        ...(isRunning && !isPaused(snapshot)
          ? [sentence("patroni/warning.server-stops-too", { member }), ...synchronousWarnings(snapshot, target)]
          : []),
        ...(mayHaveDiverged ? [sentence("patroni/warning.may-not-follow", { member })] : []),
      ],
      restsOn: layoutOf(snapshot),
      goal: back,
    };
  },
};

/**
 * For a primary that another was promoted beside: its Patroni, which hangs or is gone, is started anew, sees the other's key, demotes the
 * server and rewinds it. What it took since is lost.
 */
export const endSecondPrimary: RecoveryAction<PatroniSnapshot> = {
  action: "patroni/end-second-primary",
  risk: "R3",
  answers: ["patroni/TwoPrimaries"],
  verifyWithinMs: 180_000,

  objections: (snapshot) => (writers(snapshot).length === 2 ? [] : [sentence("patroni/not-two-primaries")]),
  targets: (snapshot) =>
    writers(snapshot)
      .filter(({ standing }) => standing.kind === "stopped" || standing.kind === "hung")
      .map((target) => {
        const reason = anotherTakesWrites(snapshot, target.member);
        return {
          target: target.member,
          objections: [...controlObjections(target), ...(reason === null ? [] : [reason])],
        };
      }),

  plan: (snapshot, targetName) => {
    const target = memberIn(snapshot, targetName);
    const kept = writers(snapshot).find(({ member }) => member !== targetName);
    if (target === null || kept === undefined) return nothingToDo;
    const { standing } = target;
    const safe = [holds.anotherTakesWrites(targetName)];
    return {
      steps: [
        ...(standing.kind === "hung" ? [killHungPatroni(target, standing.pid, safe)] : []),
        startPatroni(target, [holds.takesNoWrites(targetName)]),
      ],
      warnings: [
        sentence("patroni/warning.second-primary-loses", { member: targetName, leader: kept.member }),
        sentence("patroni/warning.may-not-follow", { member: targetName }),
      ],
      restsOn: [...layoutOf(snapshot), holds.takesWrites(targetName), ...safe],
      goal: [holds.leads(kept.member), holds.takesNoWrites(targetName)],
    };
  },
};

function objectionsTo(snapshot: PatroniSnapshot, target: PatroniMember): readonly Sentence[] {
  const { member, standing, takesWrites } = target;
  const always = controlObjections(target);
  const second =
    writers(snapshot).length > 1 && takesWrites === true ? [sentence("patroni/two-primaries", { member })] : [];
  switch (standing.kind) {
    case "unseen":
    case "refusing":
      return [...always, sentence("patroni/not-read", { member })];
    case "stopped":
    case "hung":
      return [...always, ...second];
    case "leader":
    case "keyless":
    case "standby-leader":
      return [...always, sentence("patroni/is-the-leader", { member })];
    case "replica":
    case "serverless":
      // In failsafe mode the leader of a lost store steps down when a single member does not answer it.
      return [
        ...always,
        ...(soleLeader(snapshot) === null ? [sentence("patroni/no-sole-leader")] : []),
        ...storeObjections(snapshot),
      ];
  }
}
