import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "@photostructure/sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { levelPlaces, seriesId } from "../../contract/history";
import { createHistory, type HistoryStore } from "../../main/store/history";
import { assessmentAt, cpu, lag } from "./assessments";

const hourMs = 3_600_000;
const start = 1_700_000_000_000 - (1_700_000_000_000 % 600_000);
let directory: string;
let path: string;
let now = start;
const openAt = (maxBytes = 2 ** 26): HistoryStore => createHistory({ path, nowMs: () => now, maxBytes });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-history-"));
  path = join(directory, "history.sqlite");
  now = start;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("the history of figures", () => {
  it("keeps low, mean and high of each step, over a restart", async () => {
    const first = openAt();
    for (const [after, value] of [
      [0, 10],
      [5_000, 30],
      [10_000, 7],
    ] as const)
      first.note(assessmentAt(start + after, value));
    await first.close();
    now = start + 60_000;
    const again = openAt();
    // A second start within the same step adds to it.
    again.note(assessmentAt(start + 12_000, 9));
    const read = await again.read("one", [lag, cpu], start, 5_000);
    expect(read.problem).toBeNull();
    expect(read.series[0]?.points).toEqual([
      { atMs: start, low: 10, mean: 20, high: 30 },
      { atMs: start + 10_000, low: 7, mean: 8, high: 9 },
    ]);
    expect(read.series[1]?.points).toHaveLength(2);
    await again.close();
  });

  it("keeps what is missing as a gap, never as zero, and a level for every cycle", async () => {
    const history = openAt();
    [5, null, null, 6].forEach((value, at) => history.note(assessmentAt(start + at * 10_000, value)));
    now = start + 40_000;
    const read = await history.read("one", [lag, seriesId({ kind: "level" })], start, 10_000);
    expect(read.series[0]?.points.map(({ atMs }) => atMs - start)).toEqual([0, 30_000]);
    expect(read.series[1]?.points.map(({ high }) => levelPlaces[high])).toEqual(["ok", "unknown", "unknown", "ok"]);
    await history.close();
  });

  it("answers a longer span from a coarser ring and forgets what is older than its rings", async () => {
    const history = openAt();
    for (let at = 0; at <= 26 * hourMs; at += 20 * 60_000) history.note(assessmentAt(start + at, at));
    now = start + 26 * hourMs;
    const spans = [hourMs, 24 * hourMs, 8 * 24 * hourMs];
    const read = await Promise.all(spans.map((span) => history.read("one", [lag], now - span, 5_000)));
    expect(read.map(({ stepMs }) => stepMs)).toEqual([10_000, 60_000, 600_000]);
    expect(read.map(({ series }) => series[0]?.points.length)).toEqual([3, 72, 79]);
    await history.close();
  });

  it("does not grow beyond its rings", async () => {
    const history = openAt();
    const sizes: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      for (let step = 0; step < 1_000; step += 1)
        history.note(assessmentAt(start + (round * 1_000 + step) * 10_000, step));
      await history.flush();
      const database = new DatabaseSync(path, { readOnly: true });
      const { count } = database.prepare("SELECT count(*) AS count FROM step WHERE ring = 0").get() as {
        count: number;
      };
      database.close();
      sizes.push(count);
    }
    // Three series: lag, processor, level.
    expect(sizes).toEqual([3 * 360, 3 * 360, 3 * 360]);
    await history.close();
  });

  it("forgets a cluster and no other", async () => {
    const history = openAt();
    history.note(assessmentAt(start, 1, "one"));
    history.note(assessmentAt(start, 2, "two"));
    await history.forget("one");
    now = start + 1_000;
    expect((await history.read("one", [lag], start, 5_000)).series[0]?.points).toEqual([]);
    expect((await history.read("two", [lag], start, 5_000)).series[0]?.points).toHaveLength(1);
    await history.close();
  });

  it("loses nothing it called written when it is killed in the middle", async () => {
    for (let round = 0; round < 3; round += 1) {
      const writer = spawn(process.execPath, ["--import", "tsx", "test/store/history-writer.ts", path], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let written = -1;
      const lines = createInterface({ input: writer.stdout });
      await new Promise<void>((resolve) => {
        lines.on("line", (line) => {
          written = Number(line);
          if (written === 40 + 13 * round) writer.kill("SIGKILL");
        });
        writer.once("close", () => resolve());
      });
      now = written * 10_000 + 10_000;
      const history = openAt();
      const read = await history.read("one", [lag], 0, 5_000);
      expect(read.problem).toBeNull();
      const kept = read.series[0]?.points.map(({ high }) => high) ?? [];
      expect(kept.slice(0, written + 1)).toEqual(Array.from({ length: written + 1 }, (_, at) => at));
      await history.close();
      rmSync(path);
    }
  });

  it("says when it is full, keeps what it has, and the app goes on", async () => {
    const history = openAt(60 * 4096);
    for (let round = 0; round < 40; round += 1) {
      for (let step = 0; step < 50; step += 1)
        history.note(assessmentAt(start + step * 10_000, round, `cluster ${round}`));
      await history.flush();
    }
    now = start + 500_000;
    for (let step = 0; step < 300; step += 1) history.note(assessmentAt(start + step * 10_000, 1, "one more"));
    const read = await history.read("cluster 0", [lag], start, 5_000);
    expect(read.problem?.code).toBe("store/history-unwritable");
    expect(read.series[0]?.points).toHaveLength(50);
    expect(statSync(path).size).toBeLessThanOrEqual(60 * 4096);
    await history.close();
  });

  it("goes on with every series it has when it is full, whatever is new", async () => {
    const history = openAt(60 * 4096);
    const fill = async (): Promise<void> => {
      for (let round = 0; round < 40; round += 1) {
        for (let step = 0; step < 50; step += 1)
          history.note(assessmentAt(start + step * 10_000, round, `cluster ${round}`));
        await history.flush();
      }
    };
    await fill();
    const again = start + 3_600_000;
    now = again + 1_000;
    // The slots of the finest ring come round; the coarser ones have room in their pages.
    history.note(assessmentAt(again, 7, "cluster 0"));
    history.note(assessmentAt(again, null, "cluster 1"));
    for (let step = 0; step < 300; step += 1) history.note(assessmentAt(again - step * 10_000, 1, "cluster new"));
    const [first, second] = await Promise.all(
      ["cluster 0", "cluster 1"].map((cluster) => history.read(cluster, [lag, cpu], again, 5_000)),
    );
    expect(first?.problem?.code).toBe("store/history-unwritable");
    expect(first?.series.map(({ points }) => points.map(({ high }) => high))).toEqual([[7], [0.5]]);
    expect(second?.series.map(({ points }) => points.map(({ high }) => high))).toEqual([[], [0.5]]);
    await history.close();
  });

  const dayMs = 24 * hourMs;
  const seriesCount = (): number => {
    const database = new DatabaseSync(path, { readOnly: true });
    const { count } = database.prepare("SELECT count(*) AS count FROM series").get() as { count: number };
    const { steps } = database.prepare("SELECT count(DISTINCT series) AS steps FROM step").get() as { steps: number };
    database.close();
    expect(steps).toBe(count);
    return count;
  };
  /** A start of the app at a time, which reads the clusters twice. */
  const session = async (atMs: number, clusters: readonly string[]): Promise<void> => {
    now = atMs;
    const history = openAt();
    for (const afterMs of [0, 10_000]) {
      for (const cluster of clusters) history.note(assessmentAt(atMs + afterMs, 1, cluster));
      await history.flush();
    }
    await history.close();
  };
  const pointsOf = async (cluster: string): Promise<number> => {
    const history = openAt();
    const read = await history.read(cluster, [lag], now - 8 * dayMs, 5_000);
    await history.close();
    return read.series[0]?.points.length ?? 0;
  };

  it("drops the series of members that are long gone, and no other", async () => {
    await session(start, ["gone", "there"]);
    for (const day of [7, 9, 10]) {
      await session(start + day * dayMs, ["there"]);
      expect([day, seriesCount()]).toEqual([day, day < 10 ? 6 : 3]);
    }
    now += 20_000;
    expect(await pointsOf("there")).toBe(3);
  });

  it("keeps the series that comes back at the very start, however long it was gone", async () => {
    await session(start, ["gone", "there"]);
    await session(start + 9 * dayMs, ["there"]);
    await session(start + 10 * dayMs, ["gone", "there"]);
    now = start + 5 * dayMs;
    expect(await pointsOf("gone")).toBe(2);
  });

  it("loses nothing to a desktop's clock that was days ahead at a start, or to an app that was not started for days", async () => {
    await session(start, ["one", "two"]);
    for (const ahead of [30 * dayMs, hourMs, 2 * hourMs]) {
      await session(start + ahead, ["one"]);
      expect([ahead, seriesCount()]).toEqual([ahead, 6]);
    }
    now = start + 2 * hourMs + 20_000;
    expect(await pointsOf("two")).toBe(1);
  });

  it("drops a few at each flush, so that nothing waits for it", async () => {
    await session(
      start,
      Array.from({ length: 10 }, (_, at) => `gone ${at}`),
    );
    await session(start + 9 * dayMs, ["there"]);
    const counts: number[] = [];
    for (let at = 0; at < 3; at += 1) {
      await session(start + 10 * dayMs + at * hourMs, ["there"]);
      counts.push(seriesCount());
    }
    expect(counts).toEqual([17, 3, 3]);
  });

  it("goes on with the file of an older version, which did not keep when a series was last seen", async () => {
    await session(start, ["gone", "there"]);
    await session(start + 9 * dayMs, ["there"]);
    const database = new DatabaseSync(path);
    database.exec("ALTER TABLE series DROP COLUMN newest");
    database.close();
    await session(start + 10 * dayMs, ["there"]);
    expect(seriesCount()).toBe(3);
    now += 20_000;
    expect(await pointsOf("there")).toBe(2);
  });

  it("moves a damaged file aside, says so once, and begins anew", async () => {
    writeFileSync(path, Buffer.alloc(8_192, "not a database "));
    const history = openAt();
    history.note(assessmentAt(start, 1));
    now = start + 1_000;
    const read = await history.read("one", [lag], start, 5_000);
    expect(read.problem?.code).toBe("store/history-damaged");
    expect(read.series[0]?.points).toHaveLength(1);
    expect(readdirSync(join(directory, "damaged"))).toContain(`history.sqlite.${start + 1_000}`);
    await history.close();
  });

  it("says that it cannot be kept where its directory cannot be written", async () => {
    writeFileSync(join(directory, "file"), "");
    path = join(directory, "file", "history.sqlite");
    const history = openAt();
    history.note(assessmentAt(start, 1));
    const read = await history.read("one", [lag], start, 5_000);
    expect(read.problem?.code).toBe("store/history-unwritable");
    expect(read.series[0]?.points).toEqual([]);
    await history.close();
  });

  it.runIf(process.getuid?.() === 0)("says so on a full disk and keeps again once there is room", async () => {
    const disk = join(directory, "disk");
    mkdirSync(disk);
    let history: HistoryStore | null = null;
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
    try {
      path = join(disk, "history.sqlite");
      history = openAt();
      history.note(assessmentAt(start, 1));
      await history.flush();
      const ballast = join(disk, "ballast");
      execFileSync("sh", ["-c", `head -c 2000000 /dev/zero >'${ballast}' 2>/dev/null || true`]);
      expect(existsSync(ballast)).toBe(true);
      for (let cluster = 0; cluster < 60; cluster += 1) history.note(assessmentAt(start, 1, `cluster ${cluster}`));
      now = start + 1_000;
      expect(await history.read("one", [lag], start, 5_000)).toMatchObject({
        problem: { code: "store/history-unwritable" },
        series: [{ points: [{ high: 1 }] }],
      });
      rmSync(ballast);
      history.note(assessmentAt(start + 10_000, 2));
      now = start + 20_000;
      const after = await history.read("one", [lag], start, 5_000);
      expect(after.problem).toBeNull();
      expect(after.series[0]?.points.map(({ high }) => high)).toEqual([1, 2]);
    } finally {
      await history?.close();
      execFileSync("umount", [disk]);
    }
  });
});
