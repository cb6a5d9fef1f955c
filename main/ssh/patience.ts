export interface Patience {
  /** The clock stands still while a person thinks. */
  pause(): void;
  resume(): void;
  stop(): void;
}

/** Calls `spent` when `limitMs` have passed, pauses left out. */
export function createPatience(limitMs: number, spent: () => void): Patience {
  let leftMs = limitMs;
  let startedAt = performance.now();
  let timer: NodeJS.Timeout | null = setTimeout(spent, leftMs);
  let stopped = false;

  const halt = (): void => {
    if (timer === null) return;
    clearTimeout(timer);
    timer = null;
    leftMs = Math.max(0, leftMs - (performance.now() - startedAt));
  };
  return {
    pause: halt,
    resume: () => {
      if (timer !== null || stopped) return;
      startedAt = performance.now();
      timer = setTimeout(spent, leftMs);
    },
    stop: () => {
      stopped = true;
      halt();
    },
  };
}
