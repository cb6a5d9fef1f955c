import { sentence, type Sentence } from "../../contract/sentence";
import type { Clock } from "../clock";

/** Whether what was read may still be relied on: after the desktop slept or its clock jumped, nothing read before is of now. */
export interface Trust {
  /** Why nothing of this cluster may be relied on; null when a full round was read since the last tilt. */
  doubt(clusterId: string): Sentence | null;
  /** Grows with every tilt: readings begun under another count are of another time. */
  count(): number;
  /** Whether the desktop was away so long since that count that a person should look before anything goes on. */
  wasAwaySince(count: number): boolean;
}

export interface TrustKeeper extends Trust {
  /** To be called every `beatMs`; finds the gaps that nobody tells of. */
  beat(): void;
  /** The desktop says that it goes to sleep or came back. */
  suspended(): void;
  resumed(): void;
  /** A full round of readings of a cluster, begun then by the monotonic clock, is there. */
  roundRead(clusterId: string, begunAtMonotonicMs: number): void;
}

export const beatMs = 500;
/** A later beat means that this process was stopped, starved or asleep. */
const gapAllowedMs = 2_000;
/** How far the wall clock may move against the monotonic one between two beats. */
const jumpAllowedMs = 1_000;
const awayMs = 30_000;

interface Tilt {
  readonly atMonotonicMs: number;
  readonly reason: Sentence;
  readonly isAway: boolean;
}

export function createTrust(parts: {
  readonly clock: Clock;
  readonly tilted: (reason: Sentence) => void;
}): TrustKeeper {
  const { clock } = parts;
  const tilts: Tilt[] = [];
  const readAt = new Map<string, number>();
  let wall = clock.nowMs();
  let monotonic = clock.monotonicMs();
  let isSuspended = false;

  function tilt(reason: Sentence, isAway: boolean): void {
    tilts.push({ atMonotonicMs: clock.monotonicMs(), reason, isAway });
    parts.tilted(reason);
  }

  function beat(): void {
    const wallMs = clock.nowMs() - wall;
    const gapMs = clock.monotonicMs() - monotonic;
    wall += wallMs;
    monotonic += gapMs;
    // Whether the monotonic clock runs on during sleep differs by system; the wall clock always does.
    const isJump = Math.abs(wallMs - gapMs) > jumpAllowedMs;
    const lostMs = Math.max(gapMs, isJump ? Math.abs(wallMs - gapMs) : 0);
    if (isJump) tilt(sentence("recovery/tilt.clock-jumped", { byMs: wallMs - gapMs }), lostMs > awayMs);
    else if (gapMs > beatMs + gapAllowedMs)
      tilt(sentence("recovery/tilt.stood-still", { forMs: gapMs }), lostMs > awayMs);
  }

  return {
    beat,
    suspended: () => {
      isSuspended = true;
      tilt(sentence("recovery/tilt.asleep"), true);
    },
    resumed: () => {
      isSuspended = false;
      wall = clock.nowMs();
      monotonic = clock.monotonicMs();
      tilt(sentence("recovery/tilt.woke"), true);
    },
    roundRead: (clusterId, begunAt) => void readAt.set(clusterId, begunAt),
    doubt: (clusterId) => {
      // A beat that is late is found here, before anyone relies on what was read before it.
      beat();
      const last = tilts.at(-1);
      if (last === undefined) return null;
      return !isSuspended && (readAt.get(clusterId) ?? -1) > last.atMonotonicMs ? null : last.reason;
    },
    count: () => tilts.length,
    wasAwaySince: (count) => tilts.slice(count).some(({ isAway }) => isAway),
  };
}
