import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { answering, soleLeader, type Answering, type PatroniSnapshot } from "../snapshot";
import { candidatesOf } from "../candidates";
import { changeObjections, holds, layoutOf, storeObjections, synchronousWarnings } from "./judges";
import { nothingToDo, reinitialize } from "./steps";

/** Throws a replica's data away and has it copy the leader's: for one that is stuck on an old timeline or no longer follows. */
export const reinitializeReplica: RecoveryAction<PatroniSnapshot> = {
  action: "patroni/reinitialize",
  risk: "R3",
  answers: ["patroni/TimelineBehind", "patroni/NotStreaming", "patroni/ServerNotRunning"],
  verifyWithinMs: 120_000,

  objections: (snapshot) =>
    soleLeader(snapshot) === null ? [sentence("patroni/no-sole-leader")] : storeObjections(snapshot),
  targets: (snapshot) =>
    answering(snapshot)
      .filter(({ standing }) => standing.kind === "replica" || standing.kind === "serverless")
      .map((target) => ({ target: target.member, objections: objectionsTo(target) })),

  plan: (snapshot, targetName) => {
    const leader = soleLeader(snapshot);
    const target = answering(snapshot).find(({ member }) => member === targetName);
    if (leader === null || target === undefined) return nothingToDo;
    const isLastCopy = candidatesOf(snapshot).filter(({ member }) => member !== targetName).length === 0;
    return {
      steps: [reinitialize(target, leader)],
      warnings: [
        sentence("patroni/warning.data-thrown-away", { member: targetName, leader: leader.member }),
        ...synchronousWarnings(snapshot, target),
        ...(isLastCopy ? [sentence("patroni/warning.no-candidate-meanwhile", { leader: leader.member })] : []),
      ],
      restsOn: layoutOf(snapshot),
      goal: [holds.leads(leader.member), holds.follows(targetName)],
    };
  },
};

function objectionsTo(target: Answering): readonly Sentence[] {
  const { member, takesWrites, listed, store } = target;
  // Cut off from the store it would throw its data away and have nobody to copy from.
  const isCutOff = store.kind === "failed" || (store.kind === "value" && store.value === "no-majority");
  return [
    ...changeObjections(target),
    ...(listed === null ? [sentence("patroni/not-listed", { member })] : []),
    ...(isCutOff ? [sentence("patroni/store-not-reached", { member })] : []),
    ...(takesWrites === false ? [] : [sentence("patroni/may-take-writes", { member })]),
  ];
}
