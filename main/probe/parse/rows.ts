import { z } from "zod";
import { ParseError } from "../probe";

/** One row of a PostgreSQL answer, read column by column; every value came as PostgreSQL's own text. */
export interface Row {
  text(column: string): string;
  textOrNull(column: string): string | null;
  number(column: string): number;
  numberOrNull(column: string): number | null;
  /** PostgreSQL writes booleans as t and f. */
  flag(column: string): boolean;
}

const rowsSchema = z.array(z.record(z.string(), z.string().nullable()));

/** Reads `[{"column":"text",…},…]`; anything else is a ParseError that says what was being read. */
export function parseRows(what: string, text: string): readonly Row[] {
  const rows = rowsSchema.safeParse(fromJson(what, text));
  if (!rows.success) throw new ParseError(what, text);
  return rows.data.map((columns) => rowOf(what, columns));
}

function fromJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new ParseError(what, text);
    throw error;
  }
}

function rowOf(what: string, columns: Readonly<Record<string, string | null>>): Row {
  const textOrNull = (column: string): string | null => {
    if (!Object.hasOwn(columns, column)) throw new ParseError(`${what}: no column ${column}`, JSON.stringify(columns));
    return columns[column] ?? null;
  };
  const text = (column: string): string => {
    const value = textOrNull(column);
    if (value === null) throw new ParseError(`${what}: ${column} is null`, JSON.stringify(columns));
    return value;
  };
  const numeric = (column: string, value: string): number => {
    if (!/^-?\d+(\.\d+)?$/.test(value)) throw new ParseError(`${what}: ${column} is no number`, value);
    return Number(value);
  };
  return {
    text,
    textOrNull,
    number: (column) => numeric(column, text(column)),
    numberOrNull: (column) => {
      const value = textOrNull(column);
      return value === null ? null : numeric(column, value);
    },
    flag: (column) => {
      const value = text(column);
      if (value !== "t" && value !== "f") throw new ParseError(`${what}: ${column} is neither t nor f`, value);
      return value === "t";
    },
  };
}
