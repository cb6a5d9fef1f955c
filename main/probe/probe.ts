import type { Evidence, EvidenceId } from "../../contract/figure";
import type { Sentence } from "../../contract/sentence";
import type { Command, DialTarget } from "../ssh/access";

/** What is put to a node. Every form can be shown as text (`showAsk`), so that a figure can be traced to it. */
export type Ask =
  /** A constant script of shell builtins for the long-lived sh: starts no process. */
  | { readonly kind: "read"; readonly script: string }
  /** Starts a process; never for a routine read. */
  | { readonly kind: "run"; readonly command: Command }
  | Call;

/** Something asked of a service behind a node over a stream the node dialled: no process is started there. */
export type Call = PostgresCall | RedisCall | HttpCall | WordCall;

/** The answer's text is the rows as a JSON list of objects, every value as PostgreSQL's own text or null. */
export interface PostgresCall {
  readonly kind: "postgres";
  readonly login: PostgresLogin;
  readonly statement: string;
  /** Ends its session with the call: a session that is kept keeps others from dropping its database. */
  readonly endsSession?: true;
}

export interface PostgresLogin {
  readonly target: DialTarget;
  readonly user: string;
  readonly database: string;
}

/** The answer's text is the reply as JSON; an error reply of the server is `{"error":"ERR …"}`. */
export interface RedisCall {
  readonly kind: "redis";
  readonly login: RedisLogin;
  readonly command: readonly [string, ...string[]];
}

export interface RedisLogin {
  readonly target: DialTarget;
  /** An ACL user; empty for the default one. */
  readonly user: string;
}

/** The answer's text is the status line, an empty line and the body, whatever the status is. */
export interface HttpCall {
  readonly kind: "http";
  readonly login: HttpLogin;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: string;
  /** True for a POST that only reads, as etcd's gateway has them. */
  readonly reads?: true;
}

export interface HttpLogin {
  /** The service's own name, for people. */
  readonly service: string;
  readonly target: DialTarget;
  /** Files of the desktop; an empty path for none. Null: no TLS. */
  readonly tls: {
    readonly serverName: string;
    readonly caFile: string;
    readonly certFile: string;
    readonly keyFile: string;
  } | null;
}

/** One word, answered until the service closes; the answer's text is all it said. */
export interface WordCall {
  readonly kind: "words";
  readonly service: string;
  readonly target: DialTarget;
  readonly word: string;
}

/** A question and the parser of its answer, kept together so that neither drifts from the other. */
export interface Probe<T> {
  readonly ask: Ask;
  readonly deadlineMs?: number;
  readonly maxBytes?: number;
  /** Asked again no sooner than this; in between the last reading stands, with its own age; without a value, a minute at most. 0 or absent: every cycle. */
  readonly everyMs?: number;
  /** Dear to the service, and nothing a recovery rests on: left out of the looks that a recovery takes. */
  readonly seldom?: true;
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
