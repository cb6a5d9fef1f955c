import { ParseError } from "../probe";
import { countOf } from "./key-values";

/**
 * What an account without privileges may still write where `df -Pk PATH` was asked.
 * ```
 * Filesystem     1024-blocks     Used Available Capacity Mounted on
 * /dev/vda         263112772 12018700  83000000      13% /
 * ```
 */
export function availableBytesIn(what: string, text: string): number {
  const found = /\s\d+\s+\d+\s+(\d+)\s+\d+%\s/.exec(text);
  if (found === null) throw new ParseError(what, text);
  return countOf("free space", found[1]) * 1024;
}
