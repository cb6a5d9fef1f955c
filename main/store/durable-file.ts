import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { randomUUID } from "node:crypto";
import { dirname } from "node:path";
import type { z } from "zod";
import { sentence, type Fact, type Sentence } from "../../contract/sentence";
import { moveAside, wasMovedAside, type Found } from "./damage-log";
import { takeLock, type Lock } from "./lock";

export type StoreErrorKind =
  | "unwritable"
  | "in-use"
  | "audit-damaged"
  | "secrets-no-desktop"
  | "secrets-unavailable"
  | "secrets-plain-text"
  | "secrets-foreign";

/** A file of Evenkeel's own could not be kept or read; what was there before is still there. */
export class StoreError extends Error {
  constructor(
    readonly kind: StoreErrorKind,
    readonly facts: Readonly<Record<string, Fact>>,
  ) {
    super(`${kind} ${JSON.stringify(facts)}`);
    this.name = "StoreError";
  }
  get sentence(): Sentence {
    return sentence(`store/${this.kind}`, this.facts);
  }
}

/** One JSON document on disk, checked against its schema whenever it is read or written. */
export interface Document<T> {
  /** The same object until what is on the disk is another. */
  read(): T;
  /** What was asked for, whatever was there. */
  write(value: T): void;
  /** From what is on the disk now, which another process may have written since; no other can come in between. */
  update(change: (now: T) => T): T;
}

/** What is done about a file that is not what was written there. */
export interface DamageCare<T> {
  readonly nowMs: () => number;
  readonly noted: (found: Found) => void;
  /** What stands in for a damaged file, made of the copy before it or of the standard, until a value is written again. */
  readonly standIn?: (value: T) => T;
}

/**
 * Opens a document. General settings libraries replace their file with a truncated one on a full disk and report success, so this writes
 * aside, reads back and compares before it takes the place of the old file, and keeps the copy before as `.bak`.
 */
export function openDocument<T>(path: string, schema: z.ZodType<T>, standard: T, care: DamageCare<T>): Document<T> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let value = load(path, schema, standard, care);
  let seen = stampOf(path);
  const read = (): T => {
    const stamp = stampOf(path);
    if (stamp !== seen) {
      value = load(path, schema, standard, care);
      seen = stampOf(path);
    }
    return value;
  };
  const update = (change: (now: T) => T): T => {
    const release = lockFor(path);
    try {
      const next = schema.parse(change(read()));
      replace(path, `${JSON.stringify(next, null, 2)}\n`);
      value = next;
      seen = stampOf(path);
      return next;
    } finally {
      release();
    }
  };
  return { read, update, write: (next) => void update(() => next) };
}

function tryLock(path: string): Lock {
  try {
    return takeLock(`${path}.lock`, randomUUID());
  } catch (error) {
    throw new StoreError("unwritable", { path, problem: (error as Error).message });
  }
}

/** Changes whenever another file took the path's place. */
function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
}

const lockTries = 20;
const lockPauseMs = 25;

/** A write takes a few milliseconds, so another process's lock is waited out; the wait is bounded because this thread stands still. */
function lockFor(path: string): () => void {
  for (let left = lockTries; ; left -= 1) {
    const lock = tryLock(path);
    if (lock.kind === "held") return lock.release;
    if (left === 0)
      throw new StoreError("in-use", {
        path,
        lock: `${path}.lock`,
        pid: lock.by?.pid ?? "?",
        host: lock.by?.host ?? "?",
      });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lockPauseMs);
  }
}

/** The file, else the copy before it, else the standard; a damaged file is moved aside, never overwritten, and told of. */
function load<T>(path: string, schema: z.ZodType<T>, standard: T, care: DamageCare<T>): T {
  let found: { readonly value: T } | null = null;
  const moved: string[] = [];
  for (const candidate of [path, `${path}.bak`]) {
    if (found !== null || !existsSync(candidate)) continue;
    found = parse(readFileSync(candidate, "utf8"), schema);
    if (found === null) moved.push(moveAside(candidate, care.nowMs()));
  }
  const [aside] = moved;
  if (aside !== undefined) care.noted({ path, aside, standIn: found === null ? "nothing" : "copy-before" });
  const value = found === null ? standard : found.value;
  const isOfDamage = care.standIn !== undefined && !existsSync(path) && wasMovedAside(path);
  return isOfDamage ? care.standIn(value) : value;
}

function parse<T>(text: string, schema: z.ZodType<T>): { readonly value: T } | null {
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? { value: parsed.data } : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Puts a text in the place of one of Evenkeel's own files and keeps the copy before as `.bak`; either the old or the new one is there whole. */
export function replace(path: string, text: string): void {
  place(path, `${path}.new`, text, true);
}

/** The same for a person's file, beside which nothing else of theirs is touched and no copy is left. */
export function writeWhole(path: string, text: string): void {
  place(path, `${path}.${randomUUID()}.new`, text, false);
}

function place(path: string, temporary: string, text: string, keepsCopy: boolean): void {
  try {
    rmSync(temporary, { force: true });
    writeSynced(temporary, Buffer.from(text));
    if (readFileSync(temporary, "utf8") !== text) throw new Error("what was read back is not what was written");
    if (keepsCopy && existsSync(path)) {
      rmSync(`${path}.bak`, { force: true });
      linkSync(path, `${path}.bak`);
    }
    renameSync(temporary, path);
    syncDirectory(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new StoreError("unwritable", { path, problem: (error as Error).message });
  }
}

function writeSynced(path: string, bytes: Buffer): void {
  const handle = openSync(path, "wx", 0o600);
  try {
    for (let at = 0; at < bytes.length;) {
      const written = writeSync(handle, bytes, at);
      if (written === 0) throw new Error("nothing more could be written");
      at += written;
    }
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** The new name itself must survive a power cut; Windows keeps no directory handles to flush. */
function syncDirectory(path: string): void {
  if (process.platform === "win32") return;
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
