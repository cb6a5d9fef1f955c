import type { EvidenceId, Figure, Unit } from "../../contract/figure";
import type { Sentence } from "../../contract/sentence";
import type { Reading } from "../probe/probe";

type Shown = string | number | boolean;

/** What a pick yields where an answer was read and there is nothing of the kind, such as the lag of a primary. */
export interface NothingOfTheKind {
  readonly none: Sentence;
}

/**
 * A figure of one reading; a reading without a value gives a missing figure with the reading's own reason.
 * A sentence that is picked says why the answer does not tell it; `nothing` that there is none to tell.
 */
export function figureOf<T>(
  reading: Reading<T>,
  unit: Unit,
  pick: (value: T) => Shown | Sentence | NothingOfTheKind,
): Figure {
  const { id } = reading.evidence;
  if (reading.kind !== "value") return missing(reading.reason, id);
  const picked = pick(reading.value);
  if (typeof picked !== "object") return known(picked, unit, id);
  return "none" in picked ? { state: "none", reason: picked.none, evidence: id } : missing(picked, id);
}

export function nothing(reason: Sentence): NothingOfTheKind {
  return { none: reason };
}

export function known(value: Shown, unit: Unit, evidence: EvidenceId): Figure {
  return { state: "known", value, unit, evidence };
}

export function missing(reason: Sentence, evidence: EvidenceId | null): Figure {
  return { state: "missing", reason, evidence };
}

/** There is none, as the reading behind it shows. */
export function none(reason: Sentence, evidence: EvidenceId): Figure {
  return { state: "none", reason, evidence };
}

/** The number a figure holds, or null; for computing, never for showing. */
export function numberOf(figure: Figure): number | null {
  return figure.state === "known" && typeof figure.value === "number" ? figure.value : null;
}
