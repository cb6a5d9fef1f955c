import type { Clock } from "../clock";

/** When what failed may be tried again: the first time at once, and after each failure in a row twice as late, up to a longest pause. */
export interface Backoff {
  isDue(): boolean;
  failed(): void;
  succeeded(): void;
}

export function createBackoff(
  clock: Pick<Clock, "monotonicMs">,
  { firstMs, longestMs }: { readonly firstMs: number; readonly longestMs: number },
): Backoff {
  let pauseMs = firstMs;
  let dueAtMs = Number.NEGATIVE_INFINITY;
  return {
    isDue: () => clock.monotonicMs() >= dueAtMs,
    failed: () => {
      dueAtMs = clock.monotonicMs() + pauseMs;
      pauseMs = Math.min(longestMs, 2 * pauseMs);
    },
    succeeded: () => {
      pauseMs = firstMs;
      dueAtMs = Number.NEGATIVE_INFINITY;
    },
  };
}
