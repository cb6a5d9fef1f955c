import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { EngineRecordings } from "./depth-table";

/** Written by a test, which may load the engines; a reporter may not. */
const path = "artifacts/recordings.json";

export function writeRecordings(all: readonly EngineRecordings[]): void {
  mkdirSync("artifacts", { recursive: true });
  writeFileSync(path, JSON.stringify(all.map((one) => ({ ...one, recorded: [...one.recorded] }))));
}

export function readRecordings(): readonly EngineRecordings[] {
  const read = JSON.parse(readFileSync(path, "utf8")) as (Omit<EngineRecordings, "recorded"> & {
    recorded: string[];
  })[];
  return read.map((one) => ({ ...one, recorded: new Set(one.recorded) }));
}
