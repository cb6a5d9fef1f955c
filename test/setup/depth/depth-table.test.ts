import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { engines } from "../../../main/engine/registry";
import { brokenPromises, depthOf, depthPage, parseTitle, promisesOf, type ShownTest } from "./depth-table";
import { recordingsOf } from "./recordings";
import { writeRecordings } from "./recordings-file";

const recordings = [{ engine: "etcd", recoveries: ["move-leader"], recorded: new Set(["B", "leader-killed"]) }];
const test = (title: string, state: ShownTest["state"]): ShownTest => parseTitle(title, state)!;

function depthsOf(tests: readonly ShownTest[]): ReadonlyMap<string, string> {
  return promisesOf(depthPage(depthOf(recordings, tests)));
}

describe("the engine depth table", () => {
  it("reads what a title says it shows", () => {
    expect(parseTitle("live: etcd / A: finds it", "passed")).toMatchObject({ kind: "live", engine: "etcd", row: "A" });
    expect(parseTitle("says something else", "passed")).toBeNull();
    expect(() => parseTitle("live: etcd: finds it", "passed")).toThrow("must read");
  });

  it("calls live only what ran on real servers and passed", () => {
    const depths = depthsOf([
      test("live: etcd / A: finds it", "passed"),
      test("live: etcd / move-leader: moves it", "failed"),
      test("live: etcd / leader-killed: one way", "passed"),
      test("live: etcd / leader-killed: another", "failed"),
      test("live: etcd / leader-hung: hangs", "skipped"),
      test("recorded: etcd / G: explains lines", "passed"),
    ]);
    expect(depths.get("etcd / A")).toBe("shown live");
    expect(depths.get("etcd / B")).toBe("recorded only");
    expect(depths.get("etcd / G")).toBe("recorded only");
    expect(depths.get("etcd / move-leader")).toBe("not yet");
    expect(depths.get("etcd / leader-killed")).toBe("recorded only");
    expect(depths.get("etcd / leader-hung")).toBe("not yet");
  });

  it("notices a page that promises more than was shown", () => {
    const shown = [test("live: etcd / A: finds it", "passed"), test("live: etcd / leader-hung: hangs", "passed")];
    const page = depthPage(depthOf(recordings, shown));
    expect(brokenPromises(page, depthOf(recordings, shown), shown)).toEqual([]);
    const less = [test("live: etcd / A: finds it", "passed"), test("live: etcd / leader-hung: hangs", "failed")];
    expect(brokenPromises(page, depthOf(recordings, less), less)).toHaveLength(1);
    const gone = [test("live: etcd / A: finds it", "skipped")];
    // Without a lab the promise of A stands on its test; the other has none any more.
    expect(brokenPromises(page, depthOf(recordings, gone), gone)).toEqual([
      'etcd / leader-hung: the page says "shown live", the run showed "not yet"',
    ]);
  });

  it("is committed for every engine and recovery there is", () => {
    const all = engines.map((engine) => recordingsOf(engine.id, engine.recoveries));
    writeRecordings(all);
    const promises = promisesOf(readFileSync("docs/engines.md", "utf8"));
    const rows = depthOf(all, []).flatMap(({ engine, rows: own }) => own.map(({ row }) => `${engine} / ${row}`));
    expect(rows.filter((row) => !promises.has(row))).toEqual([]);
    const past = [...promises].filter(([row, depth]) => depth !== "shown live" && !rows.includes(row));
    expect(past).toEqual([]);
  });
});
