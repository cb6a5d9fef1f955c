import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { answering, soleLeader, writers, type Answering, type PatroniSnapshot } from "../snapshot";
import { changeObjections, holds, layoutOf, storeObjections } from "./judges";
import { nothingToDo, setPause } from "./steps";

/** Takes Patroni's hands off the cluster for maintenance: nobody is promoted or demoted until it is resumed. */
export const pause: RecoveryAction<PatroniSnapshot> = {
  ...forWholeCluster("patroni/pause", true),
  answers: [],
};

/** Lets Patroni act again, which it then does at once. */
export const resume: RecoveryAction<PatroniSnapshot> = {
  ...forWholeCluster("patroni/resume", false),
  answers: ["patroni/Paused"],
};

function forWholeCluster(action: string, paused: boolean): Omit<RecoveryAction<PatroniSnapshot>, "answers"> {
  return {
    action,
    risk: "R1",
    verifyWithinMs: 60_000,
    objections: (snapshot) => {
      const teller = tellerOf(snapshot);
      if (teller === null) return [sentence("patroni/nobody-answers")];
      const isPaused = snapshot.view?.isPaused === true;
      const already = isPaused === paused ? [sentence(paused ? "patroni/is-paused" : "patroni/is-not-paused")] : [];
      return [...already, ...changeObjections(teller), ...storeObjections(snapshot)];
    },
    targets: (snapshot) => {
      const teller = tellerOf(snapshot);
      return teller === null ? [] : [{ target: teller.site.settings.scope, objections: [] }];
    },
    plan: (snapshot) => {
      const teller = tellerOf(snapshot);
      if (teller === null) return nothingToDo;
      const after = paused ? holds.paused() : holds.notPaused();
      return {
        steps: [setPause(teller, paused)],
        warnings: paused ? [sentence("patroni/warning.no-failover")] : resumeWarnings(snapshot),
        restsOn: layoutOf(snapshot),
        goal: [after],
      };
    },
  };
}

function tellerOf(snapshot: PatroniSnapshot): Answering | null {
  return soleLeader(snapshot) ?? answering(snapshot)[0] ?? null;
}

/** What Patroni will do the moment it may. */
function resumeWarnings(snapshot: PatroniSnapshot): readonly Sentence[] {
  if (writers(snapshot).length > 1) return [sentence("patroni/warning.resume-demotes")];
  return soleLeader(snapshot) === null ? [sentence("patroni/warning.resume-promotes")] : [];
}
