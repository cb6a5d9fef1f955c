import type { Evidence, EvidenceId } from "../../contract/figure";
import type { Sentence } from "../../contract/sentence";
import type { Command, DialTarget } from "../ssh/access";

/** What is put to a node. Every form can be shown as text (`showAsk`), so that a figure can be traced to it. */
export type Ask =
  /** A constant script of shell builtins for the long-lived sh: starts no process. */
  | { readonly kind: "read"; readonly script: string }
  /** Starts a process; never for a routine read. */
  | { readonly kind: "run"; readonly command: Command }
  /** The answer's text is the rows as a JSON list of objects, every value as PostgreSQL's own text or null. */
  | { readonly kind: "postgres"; readonly login: PostgresLogin; readonly statement: string };

export interface PostgresLogin {
  readonly target: DialTarget;
  readonly user: string;
  readonly database: string;
}

/** A question and the parser of its answer, kept together so that neither drifts from the other. */
export interface Probe<T> {
  readonly ask: Ask;
  readonly deadlineMs?: number;
  readonly maxBytes?: number;
  /** Asked again no sooner than this; in between the last reading stands, with its own age. 0 or absent: every cycle. */
  readonly everyMs?: number;
  /**
   * Pure and total over texts: returns the value, throws NotThere when the engine says there is no such thing here,
   * ParseError on a text it does not know.
   */
  parse(text: string): T;
}

/** The answer came, and no value can be made of it. `line` is what could not be read. */
export class ParseError extends Error {
  readonly what: string;
  readonly line: string;
  constructor(what: string, line: string) {
    super(`${what}: ${JSON.stringify(line.slice(0, 200))}`);
    this.name = "ParseError";
    this.what = what;
    this.line = line;
  }
}

/** The node answered, and the answer is that it has none: wrong role, feature off, not allowed. */
export class NotThere extends Error {
  readonly sentence: Sentence;
  constructor(reason: Sentence) {
    super(reason.code);
    this.name = "NotThere";
    this.sentence = reason;
  }
}

/** What became of one ask. `reason` of anything but a value is a sentence for people. */
export type Reading<T> =
  | { readonly kind: "value"; readonly value: T; readonly evidence: Evidence }
  | { readonly kind: "not-there"; readonly reason: Sentence; readonly evidence: Evidence }
  | { readonly kind: "failed"; readonly reason: Sentence; readonly evidence: Evidence };

export type Probes = Readonly<Record<string, Probe<unknown>>>;
export type ValueOf<P> = P extends Probe<infer T> ? T : never;
export type Readings<P extends Probes> = { readonly [N in keyof P]: Reading<ValueOf<P[N]>> };

/** A reading with its raw text, as the probes' runner gives it; the raw text is kept for the evidence view and recordings. */
export interface Taken {
  readonly reading: Reading<unknown>;
  readonly raw: string;
}

export function evidenceId(node: string, member: string, probe: string): EvidenceId {
  return `${node}/${member}/${probe}`;
}
