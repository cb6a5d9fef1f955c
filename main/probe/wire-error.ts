import { sentence, type Fact, type Sentence } from "../../contract/sentence";

/** Each kind has one message `wire/<kind>`. */
export const wireErrorKinds = [
  "login-refused",
  "password-missing",
  "database-missing",
  "too-many-clients",
  "starting-up",
  "shutting-down",
  "silent",
  "permission-denied",
  "statement-failed",
  "connection-lost",
  "garbled",
  "tls-refused",
  "certificate-unreadable",
] as const;
export type WireErrorKind = (typeof wireErrorKinds)[number];

/** A service behind a node did not answer as its protocol says; the SSH connection itself is well. */
export class WireError extends Error {
  readonly kind: WireErrorKind;
  readonly facts: Readonly<Record<string, Fact>>;

  constructor(kind: WireErrorKind, facts: Readonly<Record<string, Fact>>, cause?: unknown) {
    super(`${kind} ${JSON.stringify(facts)}`, cause === undefined ? undefined : { cause });
    this.name = "WireError";
    this.kind = kind;
    this.facts = facts;
  }

  get sentence(): Sentence {
    return sentence(`wire/${this.kind}`, this.facts);
  }
}
