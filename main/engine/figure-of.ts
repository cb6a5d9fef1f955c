import type { EvidenceId, Figure, Unit } from "../../contract/figure";
import type { Sentence } from "../../contract/sentence";
import type { Reading } from "../probe/probe";

type Shown = string | number | boolean;

/** A figure of one reading; a reading without a value gives a missing figure with the reading's own reason. */
export function figureOf<T>(reading: Reading<T>, unit: Unit, pick: (value: T) => Shown | Sentence): Figure {
  if (reading.kind !== "value") return { state: "missing", reason: reading.reason, evidence: reading.evidence.id };
  const picked = pick(reading.value);
  if (typeof picked === "object") return { state: "missing", reason: picked, evidence: reading.evidence.id };
  return { state: "known", value: picked, unit, evidence: reading.evidence.id };
}

export function known(value: Shown, unit: Unit, evidence: EvidenceId): Figure {
  return { state: "known", value, unit, evidence };
}

export function missing(reason: Sentence, evidence: EvidenceId | null): Figure {
  return { state: "missing", reason, evidence };
}

/** The number a figure holds, or null; for computing, never for showing. */
export function numberOf(figure: Figure): number | null {
  return figure.state === "known" && typeof figure.value === "number" ? figure.value : null;
}
