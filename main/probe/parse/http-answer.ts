import { ParseError } from "../probe";

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * ```
 * HTTP/1.1 200 OK
 *
 * {"health":"true"}
 * ```
 */
export function parseHttpAnswer(what: string, text: string): HttpAnswer {
  const found = /^HTTP\/1\.\d (\d{3})[^\n]*\n\n/.exec(text);
  if (found?.[1] === undefined) throw new ParseError(what, text);
  return { status: Number(found[1]), body: text.slice(found[0].length) };
}
