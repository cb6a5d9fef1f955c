/**
 * What the tests of a run show of every engine. Titles of tests say what they show:
 *   live: <engine> / <A to H, a recovery, or a fault>: <sentence>       on real servers of the lab
 *   recorded: <engine> / <A to H, a recovery, or a fault>: <sentence>   on recordings of real servers
 */
export type Depth = "shown live" | "recorded only" | "not yet";

export interface ShownTest {
  readonly kind: "live" | "recorded";
  readonly engine: string;
  readonly row: string;
  readonly sentence: string;
  readonly state: "passed" | "failed" | "skipped";
}

export interface EngineRecordings {
  readonly engine: string;
  /** Without the engine's name. */
  readonly recoveries: readonly string[];
  /** Rows of which a recorded case exists. */
  readonly recorded: ReadonlySet<string>;
}

export interface DepthRow {
  readonly row: string;
  readonly depth: Depth;
  readonly shownBy: readonly string[];
}

export interface EngineDepth {
  readonly engine: string;
  readonly rows: readonly DepthRow[];
  /** Whether any live scenario of it ran; where none did, nothing that is promised as live is denied. */
  readonly ranLive: boolean;
}

export const abilities: Readonly<Record<string, string>> = {
  A: "discovery",
  B: "health",
  C: "balance",
  D: "consistency",
  E: "tolerance",
  G: "logs",
  H: "cache and concurrency",
};

/** Every engine is asked how it meets these; titles may name more. */
export const faults = [
  "leader-killed",
  "leader-hung",
  "minority-partition",
  "majority-partition",
  "split-view",
  "disk-full",
  "restart-storm",
] as const;

/** Null for a title that shows nothing of an engine; an error for one that tries to and does not keep to the form. */
export function parseTitle(title: string, state: ShownTest["state"]): ShownTest | null {
  if (!/^(live|recorded):/.test(title)) return null;
  const [, kind, engine, row, sentence] = /^(live|recorded): ([a-z-]+) \/ ([A-H]|[a-z0-9-]+): (.+)$/.exec(title) ?? [];
  if (engine === undefined || row === undefined || sentence === undefined)
    throw new Error(`a title must read "live: <engine> / <row>: <sentence>", and this one does not: ${title}`);
  return { kind: kind === "live" ? "live" : "recorded", engine, row, sentence, state };
}

/** Pure. A row is shown only where every test of it that ran has passed. */
export function depthOf(engines: readonly EngineRecordings[], tests: readonly ShownTest[]): readonly EngineDepth[] {
  return engines.map(({ engine, recoveries, recorded }) => {
    const own = tests.filter((test) => test.engine === engine);
    const fixed = [...Object.keys(abilities), ...recoveries, ...faults];
    const others = own.map(({ row }) => row).filter((row) => !fixed.includes(row) && row !== "F");
    const rows = [...fixed, ...[...new Set(others)].sort()].map((row): DepthRow => {
      const of = (kind: ShownTest["kind"]): readonly ShownTest[] =>
        own.filter((test) => test.row === row && test.kind === kind && test.state !== "skipped");
      const passed = (kind: ShownTest["kind"]): boolean =>
        of(kind).length > 0 && of(kind).every(({ state }) => state === "passed");
      if (passed("live")) return { row, depth: "shown live", shownBy: sentencesOf(of("live")) };
      const isRecorded = passed("recorded") || recorded.has(row);
      return {
        row,
        depth: isRecorded ? "recorded only" : "not yet",
        shownBy: isRecorded ? sentencesOf(of("recorded")) : [],
      };
    });
    return { engine, rows, ranLive: own.some(({ kind, state }) => kind === "live" && state !== "skipped") };
  });
}

function sentencesOf(tests: readonly ShownTest[]): readonly string[] {
  return [...new Set(tests.map(({ sentence }) => sentence))];
}

/** The page, as it is committed. */
export function depthPage(depths: readonly EngineDepth[]): string {
  const parts = depths.map(({ engine, rows }) => {
    const lines = rows.map(({ row, depth, shownBy }) => `| ${nameOf(row)} | ${depth} | ${shownBy.join("; ")} |`);
    return [`## ${engine}`, "", "| what | depth | by |", "| --- | --- | --- |", ...lines].join("\n");
  });
  return `# Engines: what is shown of each

Written by \`npm test\` from the tests that ran, to \`artifacts/engines.md\`; never by hand. _Shown live_: done on real servers of the lab.
_Recorded only_: judged on recordings of real servers. _Not yet_: neither. A run fails when this page promises more than it showed.

${parts.join("\n\n")}
`;
}

function nameOf(row: string): string {
  const ability = abilities[row];
  return ability === undefined ? row : `${row} ${ability}`;
}

/** The depths a committed page promises, by `<engine> / <row>`. */
export function promisesOf(page: string): ReadonlyMap<string, Depth> {
  return new Map([...rowsOf(page)].map(([key, { depth }]) => [key, depth]));
}

function rowsOf(page: string): ReadonlyMap<string, DepthRow> {
  const rows = new Map<string, DepthRow>();
  let engine = "";
  for (const line of page.split("\n")) {
    engine = /^## (\S+)$/.exec(line)?.[1] ?? engine;
    const [, row, depth, by] = /^\| (\S+).*? +\| (shown live|recorded only|not yet) +\| (.*?) *\|$/.exec(line) ?? [];
    if (row === undefined || depth === undefined) continue;
    rows.set(`${engine} / ${row}`, { row, depth: depth as Depth, shownBy: by === undefined || by === "" ? [] : [by] });
  }
  return rows;
}

/** What a run of some of the tests shows, beside what the committed page says of rows that none of them was about. */
export function mergedWith(
  page: string,
  depths: readonly EngineDepth[],
  tests: readonly ShownTest[],
): readonly EngineDepth[] {
  const committed = rowsOf(page);
  const ran = new Set(tests.filter(({ state }) => state !== "skipped").map(({ engine, row }) => `${engine} / ${row}`));
  return depths.map((one) => {
    const own = new Set(one.rows.map(({ row }) => row));
    const others = [...committed].filter(
      ([key, { row, depth }]) => key.startsWith(`${one.engine} / `) && !own.has(row) && depth === "shown live",
    );
    const rows = one.rows.map((row) => {
      const key = `${one.engine} / ${row.row}`;
      const before = committed.get(key);
      return !ran.has(key) && before !== undefined && rank[before.depth] > rank[row.depth] ? before : row;
    });
    return { ...one, rows: [...rows, ...others.map(([, row]) => row)] };
  });
}

const rank: Readonly<Record<Depth, number>> = { "not yet": 0, "recorded only": 1, "shown live": 2 };

/** What a page promises and the run did not show. Where no live scenario of an engine ran, a promise of one must still have its test. */
export function brokenPromises(
  page: string,
  depths: readonly EngineDepth[],
  tests: readonly ShownTest[],
): readonly string[] {
  return [...promisesOf(page)].flatMap(([key, promised]) => {
    const [engine = "", row = ""] = key.split(" / ");
    const depth = depths.find((one) => one.engine === engine);
    const shown = depth?.rows.find((one) => one.row === row)?.depth ?? "not yet";
    if (rank[shown] >= rank[promised]) return [];
    const waits = tests.some((test) => test.engine === engine && test.row === row && test.kind === "live");
    if (promised === "shown live" && depth?.ranLive === false && waits) return [];
    return [`${key}: the page says "${promised}", the run showed "${shown}"`];
  });
}
