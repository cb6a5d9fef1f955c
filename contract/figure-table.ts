import type { NamedFigure } from "./health";

/** Rows that have the same figures, in the order of the figures of the first. */
export interface FigureTable<Row> {
  readonly names: readonly string[];
  readonly rows: readonly Row[];
}

/** A table for each kind of row: a sentinel has other figures than a data server, and none of them is missing where it has no meaning. */
export function figureTables<Row extends { readonly figures: readonly NamedFigure[] }>(
  rows: readonly Row[],
): readonly FigureTable<Row>[] {
  const byNames = new Map<string, { names: readonly string[]; rows: Row[] }>();
  for (const row of rows) {
    const names = row.figures.map(({ name }) => name);
    const key = names.join("\n");
    const table = byNames.get(key) ?? { names, rows: [] };
    table.rows.push(row);
    byNames.set(key, table);
  }
  return [...byNames.values()];
}
