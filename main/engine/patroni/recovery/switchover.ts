import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { obstaclesTo } from "../candidates";
import { memberIn, soleLeader, streams, untold, type PatroniSnapshot } from "../snapshot";
import { changeObjections, holds, layoutOf, pauseWarnings, stopWarnings, storeObjections } from "./judges";
import { nothingToDo, switchOver } from "./steps";

/** Moves the leader's role to a named replica while all is well; nothing is lost, and it can be moved back. */
export const switchover: RecoveryAction<PatroniSnapshot> = {
  action: "patroni/switchover",
  risk: "R2",
  answers: [],
  verifyWithinMs: 120_000,

  objections: (snapshot) => {
    const leader = soleLeader(snapshot);
    if (leader === null) return [sentence("patroni/no-sole-leader")];
    // One that is not seen may take writes without the key, and would then be left beside the new leader.
    const unseen = untold(snapshot).map(({ member }) => member);
    return [
      ...changeObjections(leader),
      ...storeObjections(snapshot),
      ...(unseen.length === 0 ? [] : [sentence("patroni/not-all-told", { members: unseen.join(", ") })]),
    ];
  },
  targets: (snapshot) =>
    snapshot.members
      .filter(({ standing }) => standing.kind !== "leader")
      .map((target) => ({ target: target.member, objections: obstaclesTo(snapshot, target) })),

  plan: (snapshot, targetName) => {
    const leader = soleLeader(snapshot);
    const target = memberIn(snapshot, targetName);
    if (leader === null || target === null) return nothingToDo;
    const others = snapshot.members.filter(
      (other) => other.member !== targetName && (other === leader || streams(snapshot, other)),
    );
    return {
      steps: [switchOver(leader, target)],
      warnings: [
        sentence("patroni/warning.writes-stop", { leader: leader.member }),
        ...stopWarnings(snapshot, target.member),
        ...pauseWarnings(snapshot, target.member),
        ...scheduledWarnings(snapshot),
      ],
      restsOn: layoutOf(snapshot),
      goal: [
        holds.leads(target.member),
        ...others.map(({ member }) => holds.follows(member)),
        ...snapshot.members
          .filter((other) => other.member !== targetName && !others.includes(other))
          .map(({ member }) => holds.takesNoWrites(member)),
      ],
    };
  },
};

/** Patroni keeps one request at a time: this one takes the place of one that was planned. */
function scheduledWarnings({ view }: PatroniSnapshot): readonly Sentence[] {
  const planned = view?.scheduledSwitchover ?? null;
  return planned === null ? [] : [sentence("patroni/warning.scheduled-is-dropped", { at: Date.parse(planned.at) })];
}
