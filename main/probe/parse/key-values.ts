import { ParseError } from "../probe";

/** The lines of a text as words; empty lines are left out. */
export function linesOfWords(text: string): readonly (readonly string[])[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => line.split(/\s+/));
}

/** A number that is whole and not negative, or a ParseError that says what was being read. */
export function countOf(what: string, text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text)) throw new ParseError(what, text ?? "");
  return Number(text);
}

/** A decimal number, or a ParseError that says what was being read. */
export function decimalOf(what: string, text: string | undefined): number {
  if (text === undefined || !/^-?\d+(\.\d+)?$/.test(text)) throw new ParseError(what, text ?? "");
  return Number(text);
}
