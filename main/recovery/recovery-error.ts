import type { Sentence } from "../../contract/sentence";

export type RecoveryErrorKind = "refused" | "not-found" | "journal" | "in-use";

/** A recovery that was not begun, with the reason for people. Nothing was sent to any node. */
export class RecoveryError extends Error {
  constructor(
    readonly kind: RecoveryErrorKind,
    readonly sentence: Sentence,
  ) {
    super(`${kind}: ${sentence.code} ${JSON.stringify(sentence.facts)}`);
    this.name = "RecoveryError";
  }
}
