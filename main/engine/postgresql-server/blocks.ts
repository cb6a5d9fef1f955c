import type { Figure } from "../../../contract/figure";
import { sentence } from "../../../contract/sentence";
import type { Reading } from "../../probe/probe";
import { figureOf, nothing } from "../figure-of";

/** Of one run of a server, as pg_stat_database sums them up since its statistics were last reset. */
export interface BlockCounters {
  readonly startedAt: number;
  /** Found in shared buffers. */
  readonly hitBlocks: number | null;
  /** Asked of the operating system. */
  readonly readBlocks: number | null;
}

/** Blocks asked for between two readings, and how many of them were in shared buffers. */
export interface Blocks {
  readonly asked: number;
  readonly hit: number;
}

/** Null until there are two readings of one run. Counters that step back were reset. */
export function blocksSince(before: Reading<BlockCounters>, now: Reading<BlockCounters>): Blocks | null {
  if (before.kind !== "value" || now.kind !== "value") return null;
  if (before.value.startedAt !== now.value.startedAt) return null;
  const gain = (of: "hitBlocks" | "readBlocks"): number | null => {
    const [from, to] = [before.value[of], now.value[of]];
    return from === null || to === null || to < from ? null : to - from;
  };
  const [hit, read] = [gain("hitBlocks"), gain("readBlocks")];
  return hit === null || read === null ? null : { asked: hit + read, hit };
}

/** Of the blocks asked for since the reading before; what the statistics hold since their start hides what it is now. */
export function hitRatio(state: Reading<BlockCounters>, blocks: Blocks | null): Figure {
  return figureOf(state, "ratio", () => {
    if (blocks === null) return sentence("probe/needs-two-readings");
    return blocks.asked === 0 ? nothing(sentence("probe/nothing-read")) : blocks.hit / blocks.asked;
  });
}
