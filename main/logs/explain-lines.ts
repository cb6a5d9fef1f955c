import type { LogLine } from "../../contract/logs";
import type { EngineLogs, LogSource, SettingFields } from "../engine/engine";

export interface LogOrigin {
  readonly member: string;
  readonly node: string;
  readonly kind: LogSource["kind"];
  /** How far the node's clock is ahead of the desktop's; null where it is not known, and then nothing is corrected. */
  readonly clockOffsetMs: number | null;
}

/**
 * Pure. The lines of one log, oldest first, with what is known of them. A line that tells no time belongs to the one before it, as
 * the parts of a stack trace do.
 */
export function explainLines(
  text: string,
  logs: Pick<EngineLogs<SettingFields>, "timeOf" | "patterns">,
  origin: LogOrigin,
): readonly LogLine[] {
  let last: number | null = null;
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const told = origin.kind === "journal" ? timeOfJournal(line) : logs.timeOf(line);
      if (told !== null) last = told - (origin.clockOffsetMs ?? 0);
      const found = logs.patterns.find(({ pattern }) => pattern.test(line));
      return {
        member: origin.member,
        node: origin.node,
        at: last,
        text: origin.kind === "journal" ? withoutJournalTime(line) : line,
        explanation: found === undefined ? null : { code: found.code, level: found.level },
      };
    });
}

/** Pure. All lines on one time line; those of one log keep their order. */
export function mergeLines(logs: readonly (readonly LogLine[])[], mostLines: number): readonly LogLine[] {
  const all = logs.flat();
  // The sort is stable, and a log whose lines tell no time at all stays together at the beginning.
  return [...all].sort((one, other) => (one.at ?? 0) - (other.at ?? 0)).slice(-mostLines);
}

// `journalctl -o short-unix`: 1795517995.773221 e1 etcd[98]: the message
const journalTime = /^(\d{9,11})\.(\d{3})\d* \S+ /;

function timeOfJournal(line: string): number | null {
  const found = journalTime.exec(line);
  return found === null ? null : Number(found[1]) * 1000 + Number(found[2]);
}

function withoutJournalTime(line: string): string {
  return line.replace(journalTime, "");
}
