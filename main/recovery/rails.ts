import type { PlanUndo, RunRecord } from "../../contract/recovery";
import { sentence, type Sentence } from "../../contract/sentence";
import { isUnsettled, wasSent } from "./run-state";

/** After a run that changed something the cluster is left alone this long, or until a person has looked at it. */
const cooldownMs = 3_600_000;
const dayMs = 24 * 3_600_000;

/** Why no run may begin on the cluster of these runs; null when one may. */
export function restingOf(runs: readonly RunRecord[], nowMs: number): Sentence | null {
  if (runs.some(isUnsettled)) return sentence("recovery/another-run");
  const recent = runs.find((run) => run.needsAcknowledgement && nowMs - (run.endedAt ?? run.approvedAt) < cooldownMs);
  return recent === undefined ? null : sentence("recovery/cooldown", { action: recent.action });
}

/** Runs of an action on a target within the last day that sent something. */
export function recentOn(
  runs: readonly RunRecord[],
  action: string,
  target: string,
  nowMs: number,
): readonly RunRecord[] {
  return runs.filter(
    (run) =>
      run.action === action && run.target === target && nowMs - run.approvedAt < dayMs && run.steps.some(wasSent),
  );
}

/** What an undo would take back, the last step first: what took effect, or may have taken effect in part, and was not yet undone. */
export function stepsToUndo(
  run: RunRecord,
): readonly { readonly index: number; readonly undo: PlanUndo & { kind: "by" } }[] {
  const undone = new Set(
    run.steps
      .filter(({ undoes, state }) => undoes !== null && (state === "kept" || state === "already"))
      .map(({ undoes }) => undoes),
  );
  return run.steps
    .flatMap(({ step, state, undoes, wasSo }, index) =>
      undoes === null &&
      !wasSo &&
      (state === "kept" || state === "broken") &&
      step.undo.kind === "by" &&
      !undone.has(index)
        ? [{ index, undo: step.undo }]
        : [],
    )
    .reverse();
}

/** Why a run cannot be undone now, as far as the journal tells; null when fresh readings may be asked. */
export function undoObstacle(run: RunRecord, runs: readonly RunRecord[]): Sentence | null {
  if (run.state === "undone") return sentence("recovery/undone-already");
  if (run.state === "refused") return sentence("recovery/undo-nothing");
  if (run.state !== "done" && run.state !== "failed" && run.state !== "stopped")
    return sentence("recovery/undo-unsettled");
  for (const { step, state, undoes } of run.steps)
    if (undoes === null && (state === "kept" || state === "broken") && step.undo.kind === "none")
      return step.undo.reason;
  if (stepsToUndo(run).length === 0) return sentence("recovery/undo-nothing");
  const later = runs.find((other) => other.approvedAt > run.approvedAt && other.steps.some(wasSent));
  return later === undefined ? null : sentence("recovery/undo-later-run", { action: later.action });
}
