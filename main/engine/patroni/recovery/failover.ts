import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { memberIn, untold, type PatroniSnapshot } from "../snapshot";
import { changeObjections, holds, layoutOf, mostAdvanced, noLeader, storeObjections } from "./judges";
import { failOver, nothingToDo } from "./steps";

/** Has a named replica promoted where nobody leads. Without a leader Patroni checks neither lag nor timeline nor synchrony (3.0). */
export const failover: RecoveryAction<PatroniSnapshot> = {
  action: "patroni/failover",
  risk: "R3",
  answers: ["patroni/NoLeader"],
  verifyWithinMs: 120_000,

  objections: (snapshot) => {
    const reason = noLeader(snapshot);
    const unseen = untold(snapshot).map(({ member }) => sentence("patroni/may-take-writes", { member }));
    return [...(reason === null ? [] : [reason]), ...unseen, ...storeObjections(snapshot)];
  },
  targets: (snapshot) =>
    snapshot.members
      .filter(({ standing }) => standing.kind === "replica")
      .map((target) => {
        const reason = mostAdvanced(snapshot, target);
        const isExcluded = target.listed?.tags.includes("nofailover") === true;
        return {
          target: target.member,
          objections: [
            ...changeObjections(target),
            ...(isExcluded ? [sentence("patroni/tagged-nofailover", { member: target.member })] : []),
            ...(reason === null ? [] : [reason]),
          ],
        };
      }),

  plan: (snapshot, targetName) => {
    const target = memberIn(snapshot, targetName);
    if (target === null) return nothingToDo;
    return {
      steps: [failOver(target)],
      warnings: [sentence("patroni/warning.unchecked", { member: target.member })],
      restsOn: layoutOf(snapshot),
      goal: [holds.leads(target.member)],
    };
  },
};
