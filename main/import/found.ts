import type { ImportedHost, ImportProblem } from "../../contract/hosts";
import { sentence, type Fact } from "../../contract/sentence";

/** Where something stands in a file; lines are counted from 1. */
export interface Position {
  readonly file: string;
  readonly line: number | null;
}

/** What a file says, before it is compared with what is kept. */
export interface FoundHosts {
  readonly hosts: readonly ImportedHost[];
  /** Names of hosts that are in the file and could not be understood. */
  readonly unreadHosts: readonly string[];
  /** True where a part of the file could not be read at all, so that nobody knows which hosts it names. */
  readonly isPartial: boolean;
  readonly unreadable: readonly ImportProblem[];
  readonly notTaken: readonly ImportProblem[];
}

export function problem(
  { file, line }: Position,
  code: string,
  facts: Readonly<Record<string, Fact>> = {},
): ImportProblem {
  const short = (fact: Fact): Fact =>
    typeof fact === "string" && fact.length > longestFact ? `${fact.slice(0, longestFact)}…` : fact;
  const shown = Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, short(fact)]));
  return { file, line, what: sentence(code, shown) };
}

/** A line of a file may be as long as the file. */
const longestFact = 400;

/** A file from which nothing can be taken. */
export function nothingRead(found: ImportProblem): FoundHosts {
  return { hosts: [], unreadHosts: [], isPartial: true, unreadable: [found], notTaken: [] };
}
