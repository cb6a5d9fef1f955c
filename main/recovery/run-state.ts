import type { RunRecord, RunState, RunStep } from "../../contract/recovery";

/** Every move a run may make. Nothing leaves `in-doubt` but by evidence, and nothing that ended is carried out again. */
const moves: Readonly<Record<RunState, readonly RunState[]>> = {
  planned: ["approved", "refused"],
  approved: ["running", "refused"],
  running: ["verifying", "refused", "failed", "stopped", "in-doubt"],
  verifying: ["done", "in-doubt"],
  done: ["undoing"],
  failed: ["undoing"],
  stopped: ["undoing"],
  undoing: ["undone", "failed", "stopped", "in-doubt"],
  "in-doubt": ["done", "stopped", "undone", "failed"],
  undone: [],
  refused: [],
};

export function canMove(from: RunState, to: RunState): boolean {
  return moves[from].includes(to);
}

/** A run that is still owed an answer: nothing else may change its cluster. */
export function isOpen(state: RunState): boolean {
  return (
    state === "approved" || state === "running" || state === "verifying" || state === "undoing" || state === "in-doubt"
  );
}

/** A run in doubt that a person has looked at stays in doubt, and no longer stands in the way. */
export function isUnsettled(run: RunRecord): boolean {
  return isOpen(run.state) && !(run.state === "in-doubt" && run.acknowledgement !== null);
}

/** Whether the node may have received it. */
export function wasSent({ state }: RunStep): boolean {
  return state === "sent" || state === "kept" || state === "broken" || state === "unknown";
}

export function isUndoing(run: RunRecord): boolean {
  return run.steps.some(({ undoes }) => undoes !== null);
}

/** What a run comes to that is carried on by nobody: nothing is guessed of a step that was sent and not judged. */
export function abandonedState(run: RunRecord): RunState {
  if (run.steps.some(({ state }) => state === "sent" || state === "unknown")) return "in-doubt";
  if (run.state === "verifying") return "in-doubt";
  if (run.state === "undoing" && run.steps.every(({ state }) => state !== "waiting" && state !== "checking"))
    return "in-doubt";
  return run.steps.some(wasSent) ? "stopped" : "refused";
}

/** Steps that nobody will send any more say so. */
export function unsentSkipped(steps: readonly RunStep[]): RunStep[] {
  return steps.map((step) =>
    step.state === "waiting" || step.state === "checking" ? { ...step, state: "skipped" as const } : step,
  );
}
