import { Alert, Box, Group, Pagination, SegmentedControl, Stack, Table, Text, Title } from "@mantine/core";
import { useState, type ReactElement } from "react";
import { Area, AreaChart, ReferenceArea, XAxis, YAxis } from "recharts";
import type { Assessment } from "../../contract/assessment";
import type { Unit } from "../../contract/figure";
import { formatUnit } from "../../contract/format";
import type { NamedFigure } from "../../contract/health";
import { seriesId, type History, type HistoryPoint } from "../../contract/history";
import { useWords } from "../i18n/words";
import {
  chartTable,
  levelSpans,
  wholeSpan,
  withGaps,
  type ChartTable,
  type Column,
  type Line,
  type Span,
} from "./history-model";
import { FigureText } from "./figure-text";
import { levelColours } from "./level-badge";
import { useHistory } from "./use-history";

const spansMs = { hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000 } as const;
type SpanName = keyof typeof spansMs;
const linesPerPage = 12;
const chart = { width: 190, height: 44 };

/** How the level and the charted figures went: what was not read is a hatched gap, never a line at zero. */
export function HistorySection({ assessment }: { readonly assessment: Assessment }): ReactElement {
  const { word, said } = useWords();
  const [span, setSpan] = useState<SpanName>("hour");
  const [page, setPage] = useState(1);
  const complete = [chartTable(assessment, "member"), chartTable(assessment, "node")];
  const pages = Math.ceil(Math.max(...complete.map(({ lines }) => lines.length)) / linesPerPage);
  const tables = complete.map((table) => ({
    ...table,
    lines: table.lines.slice((page - 1) * linesPerPage, page * linesPerPage),
  }));
  const level = seriesId({ kind: "level" });
  const series = tables.flatMap(({ lines }) => lines.flatMap((line) => line.series));
  const history = useHistory(assessment.clusterId, [level, ...series], spansMs[span]);
  const whole = history === null ? null : wholeSpan(history, level, spansMs[span]);
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Title order={2} size="h3">
          {word("ui/history")}
        </Title>
        <SegmentedControl
          size="xs"
          aria-label={word("ui/history-span")}
          value={span}
          onChange={(value) => setSpan(value as SpanName)}
          data={Object.keys(spansMs).map((name) => ({ value: name, label: word(`ui/history-span.${name}`) }))}
        />
      </Group>
      {history === null && <Text size="sm">{word("ui/loading")}</Text>}
      {history?.problem != null && <Alert color="orange">{said(history.problem)}</Alert>}
      {history !== null && whole !== null && (
        <>
          <LevelStrip history={history} whole={whole} />
          <Text size="xs" c="dimmed">
            {word("ui/since", { since: whole.fromMs })}
          </Text>
          {tables.map((table, at) => (
            <Charts
              key={at === 0 ? "members" : "nodes"}
              table={table}
              history={history}
              whole={whole}
              now={at === 0 ? assessment.members : assessment.nodes}
            />
          ))}
        </>
      )}
      {pages > 1 && (
        <Pagination
          size="sm"
          total={pages}
          value={page}
          onChange={setPage}
          getItemProps={(at) => ({ "aria-label": word("ui/page", { page: at }) })}
          getControlProps={(control) => ({ "aria-label": word(`ui/page.${control}`) })}
        />
      )}
    </Stack>
  );
}

function pointsOf(history: History, series: string): readonly HistoryPoint[] {
  return history.series.find((one) => one.series === series)?.points ?? [];
}

/** The level of the whole cluster as a strip; where it is hatched nobody looked. */
function LevelStrip({ history, whole }: { readonly history: History; readonly whole: Span }): ReactElement {
  const { word } = useWords();
  const spans = levelSpans(pointsOf(history, seriesId({ kind: "level" })), history.stepMs, history.gapMs);
  const place = (atMs: number): number =>
    Math.min(100, Math.max(0, ((atMs - whole.fromMs) / (whole.untilMs - whole.fromMs)) * 100));
  const told = spans.map(
    ({ level, fromMs: since }) => `${formatUnit(since, "instant", "en")} ${word(`ui/level.${level}`)}`,
  );
  return (
    <Box className="level-strip" role="img" aria-label={`${word("ui/health")}: ${told.slice(-8).join("; ")}`}>
      {spans.map(({ level, fromMs: since, untilMs }) => (
        <Box
          key={since}
          title={`${word(`ui/level.${level}`)} ${formatUnit(since, "instant", "en")}`}
          style={{
            left: `${place(since)}%`,
            width: `${Math.max(0.3, place(untilMs) - place(since))}%`,
            background: `var(--mantine-color-${levelColours[level]}-6)`,
          }}
        />
      ))}
    </Box>
  );
}

function Charts(parts: {
  readonly table: ChartTable;
  readonly history: History;
  readonly whole: Span;
  /** As they were read last, in the order of the whole table. */
  readonly now: readonly {
    readonly figures: readonly NamedFigure[];
    readonly member?: string;
    readonly node: string;
  }[];
}): ReactElement | null {
  const { word } = useWords();
  const { columns, lines } = parts.table;
  if (columns.length === 0) return null;
  return (
    <Table.ScrollContainer minWidth={400} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{word("ui/name")}</Table.Th>
            {columns.map(({ figure }) => (
              <Table.Th key={figure}>{word(figure)}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {lines.map((line) => (
            <Table.Tr key={line.name}>
              <Table.Th scope="row" style={{ whiteSpace: "nowrap" }}>
                {line.name}
              </Table.Th>
              {columns.map((column, at) => (
                <Table.Td key={column.figure}>
                  <Cell
                    {...parts}
                    column={column}
                    line={line}
                    at={at}
                    now={parts.now
                      .find(({ member, node }) => (member ?? node) === line.name)
                      ?.figures.find(({ name }) => name === column.figure)}
                  />
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** One figure of one member. All of a column share one scale, so that they can be compared. */
function Cell(parts: {
  readonly table: ChartTable;
  readonly history: History;
  readonly whole: Span;
  readonly column: Column;
  readonly line: Line;
  readonly at: number;
  readonly now: NamedFigure | undefined;
}): ReactElement {
  const { word } = useWords();
  const { history, table, line, column, at } = parts;
  const points = pointsOf(history, line.series[at] ?? "");
  if (points.length === 0 && parts.now?.figure.state === "none") return <FigureText figure={parts.now.figure} />;
  if (points.length === 0) return <Text className="figure missing">{word("ui/missing")}</Text>;
  const others = table.lines.flatMap(({ series }) => pointsOf(history, series[at] ?? ""));
  return (
    <HistoryChart
      label={`${word(column.figure)}, ${line.name}`}
      unit={column.unit}
      points={points}
      whole={parts.whole}
      gapMs={history.gapMs}
      ceiling={Math.max(...others.map(({ high }) => high))}
    />
  );
}

/** A small area chart with its lowest and highest value in words beside it. */
export function HistoryChart(parts: {
  readonly label: string;
  readonly unit: Unit;
  readonly points: readonly HistoryPoint[];
  readonly whole: Span;
  readonly gapMs: number;
  readonly ceiling: number;
}): ReactElement {
  const { word, language } = useWords();
  const { rows, gaps } = withGaps(parts.points, parts.whole, parts.gapMs);
  const text = (value: number): string => formatUnit(value, parts.unit, language);
  const low = text(Math.min(...parts.points.map((point) => point.low)));
  const high = text(Math.max(...parts.points.map((point) => point.high)));
  const range = low === high ? low : word("ui/history-range", { low, high });
  return (
    <Group gap={8} wrap="nowrap">
      <div role="img" aria-label={`${parts.label}: ${word("ui/history-told", { low, high, gaps: gaps.length })}`}>
        <AreaChart
          {...chart}
          data={[...rows]}
          margin={{ top: 4, right: 4, bottom: 4, left: 4 }}
          accessibilityLayer={false}
        >
          <XAxis dataKey="atMs" type="number" domain={[parts.whole.fromMs, parts.whole.untilMs]} hide />
          <YAxis domain={[0, parts.ceiling > 0 ? parts.ceiling : 1]} hide />
          {gaps.map((gap, at) => (
            <ReferenceArea
              key={at}
              x1={gap.fromMs}
              x2={gap.untilMs}
              fill="var(--mantine-color-dimmed)"
              fillOpacity={0.18}
              ifOverflow="hidden"
            />
          ))}
          <Area
            dataKey="mean"
            type="linear"
            connectNulls={false}
            isAnimationActive={false}
            dot={rows.length < 3}
            stroke="var(--mantine-color-anchor)"
            fill="var(--mantine-color-anchor)"
            fillOpacity={0.2}
            strokeWidth={1.5}
          />
        </AreaChart>
      </div>
      <Text size="xs" c="dimmed" className="figure" style={{ whiteSpace: "nowrap" }}>
        {range}
      </Text>
    </Group>
  );
}
