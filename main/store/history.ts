import { existsSync, mkdirSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { DatabaseSyncInstance, StatementSyncInstance } from "@photostructure/sqlite";
import type { Assessment } from "../../contract/assessment";
import type { History, HistoryPoint } from "../../contract/history";
import { sentence, type Sentence } from "../../contract/sentence";
import { figuresOf } from "./history-figures";

/** The numbers of the past, kept in rings of fixed length: it never grows beyond them. */
export interface HistoryStore {
  /** Takes an assessment's numbers; nothing is written before the next `flush`, so a cycle never waits for the disk. */
  note(assessment: Assessment): void;
  /** Writes what was noted. Never rejects: what goes wrong is the `problem` of the next answer. */
  flush(): Promise<void>;
  /** `paceMs` is how far apart readings are meant to be; a wider distance is a gap. */
  read(clusterId: string, series: readonly string[], fromMs: number, paceMs: number): Promise<History>;
  forget(clusterId: string): Promise<void>;
  close(): Promise<void>;
}

export interface HistoryParts {
  readonly path: string;
  readonly nowMs: () => number;
  readonly maxBytes: number;
}

/** Fine and short to coarse and long. */
const rings = [
  { stepMs: 10_000, slots: 360 },
  { stepMs: 60_000, slots: 1_440 },
  { stepMs: 600_000, slots: 1_152 },
] as const;
const flushEveryMs = rings[0].stepMs;
const longestMs = Math.max(...rings.map(({ stepMs, slots }) => stepMs * slots));
/** Of one flush: the core waits while they are taken out. */
const sweptAtOnce = 8;

const layout = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA busy_timeout = 2000;
  CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, cluster TEXT NOT NULL, name TEXT NOT NULL, newest INTEGER, UNIQUE (cluster, name)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS step (
    series INTEGER NOT NULL, ring INTEGER NOT NULL, slot INTEGER NOT NULL,
    at INTEGER NOT NULL, low REAL NOT NULL, high REAL NOT NULL, total REAL NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (series, ring, slot)
  ) STRICT, WITHOUT ROWID;`;

/** The file of an older version did not keep when a series was last seen. */
const addNewest = `
  ALTER TABLE series ADD COLUMN newest INTEGER;
  UPDATE series SET newest = (SELECT max(at) FROM step WHERE step.series = series.id AND ring = ${rings.length - 1});`;

/** A slot of the ring is overwritten by a later step, and added to by the same one. */
const addToStep = `
  INSERT INTO step (series, ring, slot, at, low, high, total, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET
    low = iif(at = excluded.at, min(low, excluded.low), excluded.low),
    high = iif(at = excluded.at, max(high, excluded.high), excluded.high),
    total = iif(at = excluded.at, total, 0) + excluded.total,
    count = iif(at = excluded.at, count, 0) + excluded.count,
    at = excluded.at`;

interface Noted {
  readonly clusterId: string;
  readonly series: string;
  readonly atMs: number;
  low: number;
  high: number;
  total: number;
  count: number;
}

interface Open {
  readonly database: DatabaseSyncInstance;
  readonly addSeries: StatementSyncInstance;
  readonly findSeries: StatementSyncInstance;
  readonly seeSeries: StatementSyncInstance;
  readonly addToStep: StatementSyncInstance;
  readonly readSteps: StatementSyncInstance;
  readonly longGone: LongGone;
}

/**
 * Series that had not been seen for longer than a ring is when the last of all was seen before this start. Not by the clock, which may be
 * days ahead or may have stood still with the desktop: by it everything would be long gone.
 */
interface LongGone {
  readonly beforeMs: number;
  /** One that is seen again is taken out. */
  readonly ids: Set<number>;
}

/** Opens the file when it is first needed, so that neither the start nor a machine without the native module waits or fails for it. */
export function createHistory(parts: HistoryParts): HistoryStore {
  let noted = new Map<string, Noted>();
  let opening: Promise<Open> | null = null;
  let problem: Sentence | null = null;
  let moved: Sentence | null = null;
  let timer: NodeJS.Timeout | null = null;

  const opened = (): Promise<Open> => {
    opening ??= open(parts, (path) => (moved = sentence("store/history-damaged", { path }))).catch((error: unknown) => {
      opening = null;
      throw error;
    });
    return opening;
  };
  /** What goes wrong with the past is said where the past is shown; nothing else may suffer from it. */
  const attempt = async (work: (store: Open) => void): Promise<void> => {
    try {
      work(await opened());
    } catch (error) {
      problem = sentence("store/history-unwritable", { path: parts.path, problem: (error as Error).message });
    }
  };
  const flush = async (): Promise<void> => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (noted.size === 0) return;
    const batch = noted;
    noted = new Map();
    await attempt((store) => {
      writeAll(store, [...batch.values()]);
      problem = null;
    });
  };

  return {
    note: (assessment) => {
      const atMs = stepOf(assessment.takenAt, rings[0].stepMs);
      for (const [series, value] of figuresOf(assessment)) add(noted, assessment.clusterId, series, atMs, value);
      timer ??= setTimeout(() => void flush(), flushEveryMs).unref();
    },
    flush,
    read: async (clusterId, series, fromMs, paceMs) => {
      await flush();
      const untilMs = parts.nowMs();
      const ring = ringFor(untilMs - fromMs);
      let found: History["series"] = series.map((name) => ({ series: name, points: [] }));
      await attempt((store) => {
        found = series.map((name) => ({ series: name, points: pointsOf(store, clusterId, name, ring, fromMs) }));
      });
      const { stepMs } = rings[ring];
      return { stepMs, gapMs: 2.5 * Math.max(stepMs, paceMs), untilMs, series: found, problem: problem ?? moved };
    },
    forget: async (clusterId) => {
      for (const [key, one] of noted) if (one.clusterId === clusterId) noted.delete(key);
      await attempt(({ database }) => {
        database.prepare("DELETE FROM step WHERE series IN (SELECT id FROM series WHERE cluster = ?)").run(clusterId);
        database.prepare("DELETE FROM series WHERE cluster = ?").run(clusterId);
      });
    },
    close: async () => {
      await flush();
      const store = await opening?.catch(() => null);
      store?.database.close();
      opening = null;
    },
  };
}

function stepOf(atMs: number, stepMs: number): number {
  return Math.floor(atMs / stepMs) * stepMs;
}

/** The finest ring that reaches as far back as is asked. */
function ringFor(spanMs: number): 0 | 1 | 2 {
  if (spanMs <= rings[0].stepMs * rings[0].slots) return 0;
  return spanMs <= rings[1].stepMs * rings[1].slots ? 1 : 2;
}

function add(noted: Map<string, Noted>, clusterId: string, series: string, atMs: number, value: number): void {
  const key = `${atMs} ${clusterId} ${series}`;
  const there = noted.get(key);
  if (there === undefined) {
    noted.set(key, { clusterId, series, atMs, low: value, high: value, total: value, count: 1 });
    return;
  }
  there.low = Math.min(there.low, value);
  there.high = Math.max(there.high, value);
  there.total += value;
  there.count += 1;
}

async function open(parts: HistoryParts, movedAside: (path: string) => void): Promise<Open> {
  const sqlite = await import("@photostructure/sqlite");
  mkdirSync(dirname(parts.path), { recursive: true, mode: 0o700 });
  const start = (): Open => {
    const database = new sqlite.DatabaseSync(parts.path);
    try {
      return prepare(database, parts);
    } catch (error) {
      database.close();
      throw error;
    }
  };
  try {
    return start();
  } catch (error) {
    if (!isDamage(error)) throw error;
    movedAside(moveAside(parts.path, parts.nowMs()));
    return start();
  }
}

function prepare(database: DatabaseSyncInstance, { maxBytes, nowMs }: HistoryParts): Open {
  database.exec(layout);
  const [checked] = database.prepare("PRAGMA quick_check(1)").all() as readonly { quick_check: string }[];
  if (checked?.quick_check !== "ok") throw new Error(`database disk image is malformed: ${checked?.quick_check ?? ""}`);
  const keepsNewest = database.prepare("SELECT 1 FROM pragma_table_info('series') WHERE name = 'newest'");
  if (keepsNewest.get() === undefined)
    inTransaction(database, () => {
      // Another process may have been first.
      if (keepsNewest.get() === undefined) database.exec(addNewest);
    });
  const { page_size: pageBytes } = database.prepare("PRAGMA page_size").get() as { page_size: number };
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
  return {
    database,
    addSeries: database.prepare("INSERT INTO series (cluster, name) VALUES (?, ?) ON CONFLICT DO NOTHING"),
    findSeries: database.prepare("SELECT id, newest FROM series WHERE cluster = ? AND name = ?"),
    seeSeries: database.prepare("UPDATE series SET newest = ? WHERE id = ?"),
    addToStep: database.prepare(addToStep),
    readSteps: database.prepare(
      "SELECT at, low, high, total / count AS mean FROM step WHERE series = ? AND ring = ? AND at >= ? ORDER BY at",
    ),
    longGone: longGoneOf(database, nowMs()),
  };
}

function longGoneOf(database: DatabaseSyncInstance, nowMs: number): LongGone {
  // What was seen in the future was seen by a clock that was wrong.
  const lastSeen = database.prepare("SELECT max(newest) AS atMs FROM series WHERE newest <= ?");
  const { atMs } = lastSeen.get(nowMs) as { atMs: number | null };
  const beforeMs = (atMs ?? 0) - longestMs;
  const rows = database.prepare("SELECT id FROM series WHERE newest < ?").all(beforeMs) as readonly { id: number }[];
  return { beforeMs, ids: new Set(rows.map(({ id }) => id)) };
}

/** SQLite's own words: `file is not a database`, `database disk image is malformed`. */
function isDamage(error: unknown): boolean {
  return error instanceof Error && /not a database|malformed/.test(error.message);
}

function moveAside(path: string, nowMs: number): string {
  const aside = join(dirname(path), "damaged", `${basename(path)}.${nowMs}`);
  mkdirSync(dirname(aside), { recursive: true, mode: 0o700 });
  for (const part of ["", "-wal", "-shm"]) if (existsSync(path + part)) renameSync(path + part, aside + part);
  return aside;
}

/**
 * What has a place already before what needs a new one, each cluster for itself and, where that does not fit, each series: what is new in
 * one cluster must not cost the others their points when the file is full. Not by savepoints, because a full file ends the whole
 * transaction. Throws the last problem once everything was tried.
 */
function writeAll(store: Open, batch: readonly Noted[]): void {
  const problems: unknown[] = [];
  const tried = (work: () => void, otherwise: (error: unknown) => void): void => {
    try {
      work();
    } catch (error) {
      otherwise(error);
    }
  };
  const failed = (error: unknown): void => void problems.push(error);
  const isKnown = ({ clusterId, series }: Noted): boolean => store.findSeries.get(clusterId, series) !== undefined;
  const known = new Set(batch.filter(isKnown));
  for (const part of [batch.filter((one) => known.has(one)), batch.filter((one) => !known.has(one))])
    for (const ofCluster of groupedBy(part, ({ clusterId }) => clusterId))
      tried(
        () => write(store, ofCluster),
        () => {
          for (const ofSeries of groupedBy(ofCluster, ({ series }) => series))
            tried(() => write(store, ofSeries), failed);
        },
      );
  // After what was seen now, which is then no longer among them.
  tried(() => sweep(store), failed);
  if (problems.length > 0) throw problems.at(-1);
}

function groupedBy(points: readonly Noted[], keyOf: (one: Noted) => string): Iterable<readonly Noted[]> {
  const groups = new Map<string, Noted[]>();
  for (const one of points) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return groups.values();
}

/** All or nothing: a crash in the middle leaves what was there before. */
function write(store: Open, points: readonly Noted[]): void {
  inTransaction(store.database, () => {
    for (const one of points) {
      const id = seen(store, one);
      rings.forEach(({ stepMs, slots }, ring) => {
        const at = stepOf(one.atMs, stepMs);
        const slot = (at / stepMs) % slots;
        store.addToStep.run(id, ring, slot, at, one.low, one.high, one.total, one.count);
      });
    }
  });
}

/** Series whose members or figures are long gone make room for others. */
function sweep({ database, longGone }: Open): void {
  const ids = [...longGone.ids].slice(0, sweptAtOnce);
  if (ids.length === 0) return;
  inTransaction(database, () => {
    // Another process may have seen it since.
    const dropSeries = database.prepare("DELETE FROM series WHERE id = ? AND newest < ?");
    const dropSteps = database.prepare("DELETE FROM step WHERE series = ?");
    for (const id of ids) if (dropSeries.run(id, longGone.beforeMs).changes > 0) dropSteps.run(id);
  });
  for (const id of ids) longGone.ids.delete(id);
}

function inTransaction(database: DatabaseSyncInstance, work: () => void): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    work();
    database.exec("COMMIT");
  } catch (error) {
    // A full disk may have ended the transaction already.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

/** Gives the id of the series, which has a step of the coarsest ring at this time from now on. */
function seen(store: Open, { clusterId, series, atMs }: Noted): number {
  const found = store.findSeries.get(clusterId, series) as { id: number; newest: number | null } | undefined;
  const id = found?.id ?? Number(store.addSeries.run(clusterId, series).lastInsertRowid);
  const newest = stepOf(atMs, rings[2].stepMs);
  if (newest > (found?.newest ?? -Infinity)) store.seeSeries.run(newest, id);
  store.longGone.ids.delete(id);
  return id;
}

function pointsOf(store: Open, clusterId: string, series: string, ring: number, fromMs: number): HistoryPoint[] {
  const found = store.findSeries.get(clusterId, series) as { id: number } | undefined;
  if (found === undefined) return [];
  const rows = store.readSteps.all(found.id, ring, fromMs) as readonly (Omit<HistoryPoint, "atMs"> & { at: number })[];
  return rows.map(({ at, low, mean, high }) => ({ atMs: at, low, mean, high }));
}
