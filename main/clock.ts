/** Time as a parameter. `nowMs` is wall clock for people; `monotonicMs` never jumps and is for measuring and deadlines. */
export interface Clock {
  nowMs(): number;
  monotonicMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
