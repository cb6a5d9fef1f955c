import type { Assessment } from "../../contract/assessment";
import type { Unit } from "../../contract/figure";
import type { Level } from "../../contract/health";
import { levelPlaces, seriesId, type History, type HistoryPoint } from "../../contract/history";

export interface ChartRow {
  readonly atMs: number;
  /** Null breaks the line: nothing was read here. */
  readonly mean: number | null;
}
export interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The points with a break wherever two of them are further apart than `gapMs`, and the spans in which nothing was read. */
export function withGaps(
  points: readonly HistoryPoint[],
  whole: Span,
  gapMs: number,
): { readonly rows: readonly ChartRow[]; readonly gaps: readonly Span[] } {
  const rows: ChartRow[] = [];
  const gaps: Span[] = [];
  let beforeMs = whole.fromMs;
  for (const { atMs, mean } of points) {
    if (atMs - beforeMs > gapMs) {
      gaps.push({ fromMs: beforeMs, untilMs: atMs });
      if (rows.length > 0) rows.push({ atMs: beforeMs + 1, mean: null });
    }
    rows.push({ atMs, mean });
    beforeMs = atMs;
  }
  if (whole.untilMs - beforeMs > gapMs) gaps.push({ fromMs: beforeMs, untilMs: whole.untilMs });
  return { rows, gaps };
}

const shortestMs = 300_000;

/** As far back as is asked, but not further than anything was ever read: a young cluster's first minutes fill the chart. */
export function wholeSpan(history: History, level: string, spanMs: number): Span {
  const { untilMs } = history;
  const first = history.series.find(({ series }) => series === level)?.points[0]?.atMs ?? untilMs;
  return { fromMs: Math.max(untilMs - spanMs, Math.min(first, untilMs - shortestMs)), untilMs };
}

export interface LevelSpan extends Span {
  readonly level: Level;
}

/** One span for each stretch of the same level; between two stretches nothing was read. */
export function levelSpans(points: readonly HistoryPoint[], stepMs: number, gapMs: number): readonly LevelSpan[] {
  const spans: LevelSpan[] = [];
  for (const { atMs, high } of points) {
    const level = levelPlaces[high] ?? "unknown";
    const last = spans.at(-1);
    const joins = last !== undefined && atMs - last.untilMs <= gapMs;
    if (joins) spans[spans.length - 1] = { ...last, untilMs: last.level === level ? atMs + stepMs : atMs };
    if (!joins || last.level !== level) spans.push({ level, fromMs: atMs, untilMs: atMs + stepMs });
  }
  return spans;
}

export interface Column {
  readonly figure: string;
  readonly unit: Unit;
}
export interface Line {
  readonly name: string;
  /** One a column. */
  readonly series: readonly string[];
}
export interface ChartTable {
  readonly columns: readonly Column[];
  readonly lines: readonly Line[];
}

/** A line for each member or node, a column for each figure its engine wants charted. */
export function chartTable(assessment: Assessment, kind: "member" | "node"): ChartTable {
  const rows =
    kind === "member"
      ? assessment.members.map(({ member, figures }) => ({ name: member, figures }))
      : assessment.nodes.map(({ node, figures }) => ({ name: node, figures }));
  const units = new Map<string, Unit>();
  for (const { figures } of rows)
    for (const { name, charted } of figures) if (charted !== undefined) units.set(name, charted);
  return {
    columns: [...units].map(([figure, unit]) => ({ figure, unit })),
    lines: rows.map(({ name }) => ({
      name,
      series: [...units.keys()].map((figure) => seriesId({ kind, name, figure })),
    })),
  };
}
