export interface Pace {
  /** Runs the next turn now, or right after the one that is running; resolves when that turn is over. */
  now(): Promise<void>;
  /** As `now`, where nobody waits for it: what goes wrong is told of. */
  soon(): void;
  /** Runs the first turn and then goes on by itself. */
  start(): void;
  stop(): void;
}

/**
 * Repeats a turn with a pause between the end of one and the start of the next, so that a slow cluster is never asked twice at once.
 * What goes wrong on a node is a turn's own result; a turn that throws all the same is told of, and the next one comes as ever.
 */
export function keepPace(parts: {
  readonly pauseMs: () => number;
  readonly turn: () => Promise<void>;
  readonly failed: (error: unknown) => void;
}): Pace {
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> | null = null;
  let stopped = false;

  function schedule(): void {
    if (stopped) return;
    timer = setTimeout(() => void run().catch(parts.failed), parts.pauseMs());
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

  async function now(): Promise<void> {
    if (stopped) return;
    // A turn under way may have read before the caller's change; only one started after the call tells of it.
    await running?.catch(parts.failed);
    await run();
  }

  return {
    now,
    soon: () => void now().catch(parts.failed),
    start: () => void run().catch(parts.failed),
    stop: () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** A value that is read anew each time, and is what it last was when it cannot be read: that is told of, and nobody stands still for it. */
export function lastKnown<T>(read: () => T, first: T, failed: (error: unknown) => void): () => T {
  let last = first;
  return () => {
    try {
      last = read();
    } catch (error) {
      failed(error);
    }
    return last;
  };
}
