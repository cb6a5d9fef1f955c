import type { Level } from "./health";

/** What cannot be told stands after what is certainly bad and before what is only to be watched: a doubt may hide worse than that. */
const worstFirst: readonly Level[] = ["critical", "degraded", "unknown", "watch", "ok"];

export function bySeverity(one: Level, other: Level): number {
  return worstFirst.indexOf(one) - worstFirst.indexOf(other);
}

/** The level of all that is found of a cluster, a member or a node. How many doubts there are is said beside it. */
export function levelOf(found: readonly { readonly level: Level }[]): Level {
  return worstFirst.find((level) => found.some((one) => one.level === level)) ?? "ok";
}

/** When a cluster was read; null where it was not yet. */
export interface Seen {
  readonly takenAt: number | null;
  readonly staleAfterMs: number;
}

/** The desktop's clock may be this much behind what was read last without having been set back. */
const clockPlayMs = 2_000;

/** Whether something was read at a time that the desktop's clock has not reached: it was set back, and the age is not known. */
export function isOfTheFuture(takenAt: number, nowMs: number): boolean {
  return takenAt - nowMs > clockPlayMs;
}

export function isStale({ takenAt, staleAfterMs }: Seen, nowMs: number): boolean {
  return takenAt === null || staleAfterMs <= 0 || nowMs - takenAt > staleAfterMs || isOfTheFuture(takenAt, nowMs);
}

/** What was seen too long ago is a doubt like any other: what was well then is unknown now, what was bad is not taken back. */
export function levelNow(seen: Seen & { readonly level: Level }, nowMs: number): Level {
  return isStale(seen, nowMs) ? levelOf([seen, { level: "unknown" }]) : seen.level;
}
