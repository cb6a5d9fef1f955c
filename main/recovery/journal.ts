import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { runRecordSchema, type RunRecord } from "../../contract/recovery";
import { sentence, type Sentence } from "../../contract/sentence";
import type { Clock } from "../clock";
import { RecoveryError } from "./recovery-error";

/** Says what became of runs, on disk before anything is sent; each line is chained to the one before it. */
export interface Journal {
  /** Returns when the line is on the disk; throws RecoveryError `journal`, and then nothing may be sent. */
  write(run: RunRecord): void;
  /** The last word on each run, oldest run first. */
  runs(): readonly RunRecord[];
  /** The digest of the last line, which stands for the whole journal. */
  head(): string;
  /** Why `runs` and `head` do not tell all that was written; null when they do. */
  problem(): Sentence | null;
  close(): void;
}

const chainStart = "0".repeat(64);

interface Line {
  readonly previous: string;
  /** Both clocks: the wall clock may be set, the monotonic one begins anew with each start. */
  readonly wallMs: number;
  readonly monotonicMs: number;
  readonly run: RunRecord;
}

/**
 * Opens or begins a journal to write it; throws RecoveryError `journal`. A last line cut short by a crash was never acknowledged and is cut
 * off; damage anywhere else is refused, because what follows it can no longer be trusted.
 * ```
 * 5f0c…9a {"previous":"0000…00","wallMs":1790000000000,"monotonicMs":5021,"run":{"runId":…}}
 * ```
 */
export function openJournal(path: string, clock: Clock): Journal {
  const { handle, checked, wholeBytes } = opened(path);
  let head = checked.head;
  let length = wholeBytes;
  const latest = new Map(checked.runs.map((run) => [run.runId, run]));
  let broken = false;

  return {
    write: (run) => {
      const body = JSON.stringify({
        previous: head,
        wallMs: clock.nowMs(),
        monotonicMs: Math.round(clock.monotonicMs()),
        run,
      } satisfies Line);
      const digest = digestOf(body);
      try {
        if (broken) throw new Error("an earlier write failed");
        writeWhole(handle, Buffer.from(`${digest} ${body}\n`));
        fsyncSync(handle);
      } catch (error) {
        broken = true;
        cutBack(handle, length);
        throw unwritable(path, error);
      }
      length += Buffer.byteLength(`${digest} ${body}\n`);
      head = digest;
      latest.set(run.runId, run);
    },
    runs: () => [...latest.values()],
    head: () => head,
    problem: () => null,
    close: () => closeSync(handle),
  };
}

interface Opened {
  readonly handle: number;
  readonly checked: VerifiedJournal;
  /** Up to the end of the last whole line. */
  readonly wholeBytes: number;
}

function opened(path: string): Opened {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const bytes = bytesOf(path);
    const wholeBytes = bytes.lastIndexOf(0x0a) + 1;
    const checked = verifyJournal(bytes.subarray(0, wholeBytes).toString("utf8"));
    if (checked.damagedLine !== null) throw new RecoveryError("journal", damaged(path, checked.damagedLine));
    const handle = openSync(path, "a", 0o600);
    if (wholeBytes < bytes.length) ftruncateSync(handle, wholeBytes);
    return { handle, checked, wholeBytes };
  } catch (error) {
    throw error instanceof RecoveryError ? error : unwritable(path, error);
  }
}

function bytesOf(path: string): Buffer {
  return existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
}

function damaged(path: string, line: number): Sentence {
  return sentence("recovery/journal-damaged", { path, line });
}

function unwritable(path: string, error: unknown): RecoveryError {
  const { message } = error as Error;
  return new RecoveryError("journal", sentence("recovery/journal-unwritable", { path, problem: message }));
}

/**
 * A journal that is only read: beside its writer, such as the command line beside an open app, where a second writer would fork the chain,
 * or one that cannot be written. It tells what stands before the first damage.
 */
export function readJournal(path: string): Journal {
  let length = -1;
  let checked = verifyJournal("");
  let problem: Sentence | null = null;
  // Its writer goes on writing; a line it has only half written is not there yet.
  const fresh = (): VerifiedJournal => {
    let bytes: Buffer;
    try {
      bytes = bytesOf(path);
    } catch (error) {
      problem = sentence("recovery/journal-unreadable", { path, problem: (error as Error).message });
      return checked;
    }
    if (bytes.length === length) return checked;
    length = bytes.length;
    checked = verifyJournal(bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1).toString("utf8"));
    problem = checked.damagedLine === null ? null : damaged(path, checked.damagedLine);
    return checked;
  };
  return {
    write: () => {
      throw unwritable(path, new Error("it was opened for reading"));
    },
    runs: () => fresh().runs,
    head: () => fresh().head,
    problem: () => {
      fresh();
      return problem;
    },
    close: () => undefined,
  };
}

/** A full disk may take a part of a line; the rest of the journal must stay readable. */
function cutBack(handle: number, length: number): void {
  try {
    ftruncateSync(handle, length);
  } catch (error) {
    // The torn line is the last one, and the next opening cuts it off.
    if (!(error instanceof Error)) throw error;
  }
}

/** `writeSync` may write less than it was given, and says so only by its result. */
function writeWhole(handle: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) {
    const written = writeSync(handle, bytes, at);
    if (written === 0) throw new Error("nothing more could be written");
    at += written;
  }
}

export interface VerifiedJournal {
  readonly lineCount: number;
  /** The number of the first line that is not what was written there, counted from 1; null when all are. */
  readonly damagedLine: number | null;
  /** The digest of the last line, which stands for the whole journal. */
  readonly head: string;
  /** Every line's digest, in order. */
  readonly digests: readonly string[];
  readonly runs: readonly RunRecord[];
}

/** Pure. Checks every line's digest and its link to the line before. */
export function verifyJournal(text: string): VerifiedJournal {
  const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
  const digests: string[] = [];
  const latest = new Map<string, RunRecord>();
  const verified = (damagedLine: number | null): VerifiedJournal => ({
    lineCount: lines.length,
    damagedLine,
    head: digests.at(-1) ?? chainStart,
    digests,
    runs: [...latest.values()],
  });
  for (const [index, line] of lines.entries()) {
    const run = checkLine(line, digests.at(-1) ?? chainStart);
    if (run === null) return verified(index + 1);
    digests.push(line.slice(0, 64));
    latest.set(run.runId, run);
  }
  return verified(null);
}

function checkLine(line: string, previous: string): RunRecord | null {
  const body = line.slice(65);
  if (line[64] !== " " || digestOf(body) !== line.slice(0, 64)) return null;
  const parsed = parsedOf(body);
  if (parsed === null) return null;
  const run = runRecordSchema.safeParse(parsed.run);
  return parsed.previous === previous && run.success ? run.data : null;
}

/** A line with a right digest over what is no JSON was written by somebody else. */
function parsedOf(body: string): { readonly previous?: unknown; readonly run?: unknown } | null {
  try {
    return JSON.parse(body) as { readonly previous?: unknown; readonly run?: unknown };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function digestOf(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}
