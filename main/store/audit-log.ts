import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { z } from "zod";
import { StoreError } from "./durable-file";

/** Says who did what, a line at a time, each chained to the one before it. */
export interface AuditLog<T> {
  /** Returns when the line is on the disk; throws StoreError, and then nothing may be done. */
  append(record: T): void;
  /** Oldest first. */
  records(): readonly T[];
}

const chainStart = "0".repeat(64);

/**
 * A log that outlives whoever writes it. It is read anew for every line, so that nothing is chained to what another hand has changed;
 * a last line cut short by a crash was never acknowledged and is cut off.
 * ```
 * 5f0c…9a {"previous":"0000…00","record":{…}}
 * ```
 */
export function openAuditLog<T>(path: string, schema: z.ZodType<T>): AuditLog<T> {
  const read = (): Chain<T> => {
    const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
    const chain = verifyAuditLog(whole.toString("utf8"), schema);
    if (chain.damagedLine !== null) throw new StoreError("audit-damaged", { path, line: chain.damagedLine });
    return { ...chain, wholeBytes: whole.length };
  };
  return {
    records: () => read().records,
    append: (record) => {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const { head, wholeBytes } = read();
      const body = JSON.stringify({ previous: head, record });
      const line = Buffer.from(`${digestOf(body)} ${body}\n`);
      const handle = openSync(path, "a", 0o600);
      try {
        ftruncateSync(handle, wholeBytes);
        // A full disk takes a part of a line, and says so by the count alone.
        if (writeSync(handle, line) < line.length) throw new Error("the disk took only a part of the line");
        fsyncSync(handle);
      } catch (error) {
        throw new StoreError("unwritable", { path, problem: (error as Error).message });
      } finally {
        closeSync(handle);
      }
    },
  };
}

interface Chain<T> {
  readonly records: readonly T[];
  readonly head: string;
  readonly wholeBytes: number;
}

/** Pure. Checks every line's digest and its link to the line before; lines are counted from 1. */
export function verifyAuditLog<T>(
  text: string,
  schema: z.ZodType<T>,
): Omit<Chain<T>, "wholeBytes"> & { readonly damagedLine: number | null } {
  const records: T[] = [];
  let head = chainStart;
  for (const [index, line] of text.split("\n").slice(0, -1).entries()) {
    const record = recordOf(line, head, schema);
    if (record === null) return { records, head, damagedLine: index + 1 };
    head = line.slice(0, 64);
    records.push(record);
  }
  return { records, head, damagedLine: null };
}

function recordOf<T>(line: string, previous: string, schema: z.ZodType<T>): T | null {
  const body = line.slice(65);
  if (line[64] !== " " || digestOf(body) !== line.slice(0, 64)) return null;
  const parsed = JSON.parse(body) as { readonly previous?: unknown; readonly record?: unknown };
  const record = schema.safeParse(parsed.record);
  return parsed.previous === previous && record.success ? record.data : null;
}

function digestOf(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}
