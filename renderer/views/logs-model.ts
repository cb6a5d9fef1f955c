import type { LogLine } from "../../contract/logs";

export interface LogFilter {
  /** Null: every member. */
  readonly member: string | null;
  readonly text: string;
  readonly onlyExplained: boolean;
}

/** Pure. The lines a person wants to see, newest first. */
export function linesFor(lines: readonly LogLine[], filter: LogFilter): readonly LogLine[] {
  const wanted = filter.text.toLowerCase();
  return lines
    .filter(
      (line) =>
        (filter.member === null || line.member === filter.member) &&
        (!filter.onlyExplained || line.explanation !== null) &&
        (wanted === "" || line.text.toLowerCase().includes(wanted)),
    )
    .toReversed();
}
