import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { isSynchronous } from "../candidates";
import { memberIn, untold, type PatroniMember, type PatroniSnapshot } from "../snapshot";
import { changeObjections, holds, layoutOf, mostAdvanced, noLeader, pauseWarnings, storeObjections } from "./judges";
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
            ...synchronousObjections(snapshot, target),
          ],
        };
      }),

  plan: (snapshot, targetName) => {
    const target = memberIn(snapshot, targetName);
    if (target === null) return nothingToDo;
    return {
      steps: [failOver(target)],
      warnings: [
        sentence("patroni/warning.unchecked", { member: target.member }),
        ...(snapshot.settings?.isSynchronous === true && !isSynchronous(target)
          ? [sentence("patroni/warning.commits-lost", { member: target.member })]
          : []),
        ...pauseWarnings(snapshot, target.member),
      ],
      restsOn: layoutOf(snapshot),
      goal: [
        holds.leads(target.member),
        ...snapshot.members
          .filter(({ member }) => member !== target.member)
          .map(({ member }) => holds.takesNoWrites(member)),
      ],
    };
  },
};

/** What was acknowledged is surely on a synchronous replica; any other is taken only where none of those can be. */
function synchronousObjections(snapshot: PatroniSnapshot, target: PatroniMember): readonly Sentence[] {
  if (snapshot.settings?.isSynchronous !== true || isSynchronous(target)) return [];
  const better = snapshot.members.find((other) => isSynchronous(other) && other.standing.kind === "replica");
  return better === undefined
    ? []
    : [sentence("patroni/another-is-synchronous", { member: target.member, other: better.member })];
}
