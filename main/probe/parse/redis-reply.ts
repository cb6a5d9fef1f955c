import { sentence } from "../../../contract/sentence";
import { NotThere, ParseError } from "../probe";

/** A reply of Redis as data. An integer beyond 2^53 comes as text. */
export type RedisReply = string | number | null | { readonly error: string } | readonly RedisReply[];

/** Reads the JSON form of a reply; anything else is a ParseError that says what was being read. */
export function parseRedisReply(what: string, text: string): RedisReply {
  try {
    return JSON.parse(text) as RedisReply;
  } catch (error) {
    if (error instanceof SyntaxError) throw new ParseError(what, text);
    throw error;
  }
}

/** The text of an error reply, such as `ERR This instance has cluster support disabled`, or null. */
export function errorOf(reply: RedisReply): string | null {
  return typeof reply === "object" && reply !== null && "error" in reply ? reply.error : null;
}

/** A reply that is no error; an error reply is the server's own word that it has no such thing here. */
export function replyOf(what: string, text: string): RedisReply {
  const reply = parseRedisReply(what, text);
  const problem = errorOf(reply);
  if (problem !== null) throw new NotThere(sentence("probe/service-refuses", { problem }));
  return reply;
}

/** A reply of text, such as the one of INFO. */
export function wordsOf(what: string, text: string): string {
  const reply = replyOf(what, text);
  if (typeof reply !== "string") throw new ParseError(what, text);
  return reply;
}

export function isList(reply: RedisReply): reply is readonly RedisReply[] {
  return Array.isArray(reply);
}
