export interface Pace {
  /** Runs the next turn now, or right after the one that is running; resolves when that turn is over. */
  now(): Promise<void>;
  stop(): void;
}

/**
 * Repeats a turn with a pause between the end of one and the start of the next, so that a slow cluster is never asked twice at once.
 * A turn must not throw; what goes wrong in it is its own result.
 */
export function keepPace(parts: { readonly pauseMs: () => number; readonly turn: () => Promise<void> }): Pace {
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> | null = null;
  let stopped = false;

  function schedule(): void {
    if (stopped) return;
    timer = setTimeout(() => void run(), parts.pauseMs());
  }

  function run(): Promise<void> {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    running ??= parts.turn().finally(() => {
      running = null;
      schedule();
    });
    return running;
  }

  return {
    now: async () => {
      if (stopped) return;
      // A turn under way may have read before the caller's change; only one started after the call tells of it.
      if (running !== null) await running;
      await run();
    },
    stop: () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}
