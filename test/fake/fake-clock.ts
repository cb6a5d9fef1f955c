import type { Clock } from "../../main/clock";

/** A clock that stands until it is moved; a pause moves it. */
export interface FakeClock extends Clock {
  /** Both clocks, as time passes. */
  pass(ms: number): void;
  /** Only the wall clock, as somebody sets it. */
  set(byMs: number): void;
  pause(ms: number): Promise<void>;
}

export function fakeClock(): FakeClock {
  let wall = 1_790_000_000_000;
  let monotonic = 1_000;
  const pass = (ms: number): void => {
    wall += ms;
    monotonic += ms;
  };
  return {
    nowMs: () => wall,
    monotonicMs: () => monotonic,
    pass,
    set: (byMs) => void (wall += byMs),
    pause: (ms) => {
      pass(ms);
      return Promise.resolve();
    },
  };
}
