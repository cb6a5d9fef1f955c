import { describe, expect, it } from "vitest";
import { levelPlaces } from "../../contract/history";
import { chartTable, levelSpans, withGaps } from "../../renderer/parts/history-model";
import { assessmentAt } from "../store/assessments";

const point = (atMs: number, value = 1) => ({ atMs, low: value, mean: value, high: value });

describe("the course of a figure", () => {
  it("breaks where nothing was read, before, between and after", () => {
    const { rows, gaps } = withGaps([point(100), point(110), point(200)], { fromMs: 0, untilMs: 300 }, 25);
    expect(rows.map(({ atMs, mean }) => [atMs, mean])).toEqual([
      [100, 1],
      [110, 1],
      [111, null],
      [200, 1],
    ]);
    expect(gaps).toEqual([
      { fromMs: 0, untilMs: 100 },
      { fromMs: 110, untilMs: 200 },
      { fromMs: 200, untilMs: 300 },
    ]);
  });

  it("is one gap when nothing was read at all", () => {
    expect(withGaps([], { fromMs: 0, untilMs: 300 }, 25)).toEqual({ rows: [], gaps: [{ fromMs: 0, untilMs: 300 }] });
  });

  it("joins stretches of one level and never over a gap", () => {
    const at = (atMs: number, level: (typeof levelPlaces)[number]) => point(atMs, levelPlaces.indexOf(level));
    expect(
      levelSpans([at(0, "ok"), at(10, "ok"), at(20, "critical"), at(100, "critical"), at(110, "unknown")], 10, 25),
    ).toEqual([
      { level: "ok", fromMs: 0, untilMs: 20 },
      { level: "critical", fromMs: 20, untilMs: 30 },
      { level: "critical", fromMs: 100, untilMs: 110 },
      { level: "unknown", fromMs: 110, untilMs: 120 },
    ]);
  });

  it("has a column only for what the engine wants charted", () => {
    const assessment = assessmentAt(0, 1);
    expect(chartTable(assessment, "member").columns).toEqual([]);
    const [member] = assessment.members;
    const charted = {
      ...assessment,
      members: [{ ...member!, figures: [{ ...member!.figures[0]!, charted: "bytes" as const }] }],
    };
    expect(chartTable(charted, "member")).toEqual({
      columns: [{ figure: "postgresql/figure.lagBytes", unit: "bytes" }],
      lines: [{ name: "db-2", series: ["member/postgresql/figure.lagBytes/db-2"] }],
    });
  });
});
