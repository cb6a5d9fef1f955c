import type { RunState } from "../../contract/recovery";

/** Every move a run may make. Nothing leaves `in-doubt` but by evidence, and nothing that ended runs again. */
const moves: Readonly<Record<RunState, readonly RunState[]>> = {
  planned: ["approved", "refused"],
  approved: ["running", "refused"],
  running: ["verifying", "refused", "failed", "in-doubt"],
  verifying: ["done", "in-doubt"],
  done: ["undoing"],
  failed: ["undoing"],
  undoing: ["undone", "failed", "in-doubt"],
  "in-doubt": ["done", "failed"],
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
