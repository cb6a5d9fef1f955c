import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { runRecordSchema, type RunRecord } from "../../contract/recovery";
import { sentence } from "../../contract/sentence";
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
 * Opens or begins a journal. A last line cut short by a crash was never acknowledged and is cut off; damage anywhere else is refused,
 * because what follows it can no longer be trusted.
 * ```
 * 5f0c…9a {"previous":"0000…00","wallMs":1790000000000,"monotonicMs":5021,"run":{"runId":…}}
 * ```
 */
export function openJournal(path: string, access: "write" | "read", clock: Clock): Journal {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  const wholeBytes = bytes.lastIndexOf(0x0a) + 1;
  const checked = verifyJournal(bytes.subarray(0, wholeBytes).toString("utf8"));
  if (checked.damagedLine !== null)
    throw new RecoveryError("journal", sentence("recovery/journal-damaged", { path, line: checked.damagedLine }));

  if (access === "read") return readJournal(path);
  const handle = openSync(path, "a", 0o600);
  if (wholeBytes < bytes.length) ftruncateSync(handle, wholeBytes);
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
        throw new RecoveryError(
          "journal",
          sentence("recovery/journal-unwritable", { path, problem: (error as Error).message }),
        );
      }
      length += Buffer.byteLength(`${digest} ${body}\n`);
      head = digest;
      latest.set(run.runId, run);
    },
    runs: () => [...latest.values()],
    head: () => head,
    close: () => closeSync(handle),
  };
}

/** A journal beside its writer, such as the command line beside an open app: a second writer would fork the chain. */
function readJournal(path: string): Journal {
  let length = -1;
  let checked = verifyJournal("");
  // Its writer goes on writing; a line it has only half written is not there yet.
  const fresh = (): VerifiedJournal => {
    const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    if (bytes.length === length) return checked;
    length = bytes.length;
    checked = verifyJournal(bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1).toString("utf8"));
    return checked;
  };
  return {
    write: () => {
      const problem = "it was opened for reading";
      throw new RecoveryError("journal", sentence("recovery/journal-unwritable", { path, problem }));
    },
    runs: () => fresh().runs,
    head: () => fresh().head,
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
