import { ParseError } from "../probe";
import { isList, replyOf, wordsOf, type RedisReply } from "./redis-reply";

/** `["cluster-node-timeout","15000",…]`, as CONFIG GET and SENTINEL MASTER answer. */
export function parsePairs(what: string, text: string): ReadonlyMap<string, string> {
  return pairsOf(what, replyOf(what, text));
}

/** A list of such lists, as SENTINEL REPLICAS answers. */
export function parsePairLists(what: string, text: string): readonly ReadonlyMap<string, string>[] {
  const reply = replyOf(what, text);
  if (!isList(reply)) throw new ParseError(what, text);
  return reply.map((one) => pairsOf(what, one));
}

function pairsOf(what: string, reply: RedisReply): ReadonlyMap<string, string> {
  if (!isList(reply) || reply.length % 2 !== 0) throw new ParseError(what, JSON.stringify(reply));
  const words = reply.map((word) => {
    if (typeof word !== "string" && typeof word !== "number") throw new ParseError(what, JSON.stringify(reply));
    return String(word);
  });
  return new Map(
    Array.from({ length: words.length / 2 }, (_, at) => [words[2 * at] ?? "", words[2 * at + 1] ?? ""] as const),
  );
}

/** A call the server found slow. Its arguments are data of users and are not kept. */
export interface SlowCall {
  readonly at: number;
  readonly microseconds: number;
  readonly command: string;
  readonly client: string;
}

/** `[[0,1795470867,8,["config","set","…"],"127.0.0.1:57402",""],…]` */
export function parseSlowCalls(text: string): readonly SlowCall[] {
  const reply = replyOf("SLOWLOG GET", text);
  if (!isList(reply)) throw new ParseError("SLOWLOG GET", text);
  return reply.map((entry) => {
    if (!isList(entry)) throw new ParseError("an entry of SLOWLOG GET", JSON.stringify(entry));
    const [, at, microseconds, words, client] = entry;
    const command = words !== undefined && isList(words) ? words[0] : undefined;
    if (typeof at !== "number" || typeof microseconds !== "number" || typeof command !== "string")
      throw new ParseError("an entry of SLOWLOG GET", JSON.stringify(entry));
    return {
      at: at * 1000,
      microseconds,
      command: command.toUpperCase(),
      client: typeof client === "string" ? client : "",
    };
  });
}

/** A connection of the server, as CLIENT LIST tells it. */
export interface ToldClient {
  readonly address: string;
  readonly name: string;
  readonly ageSeconds: number;
  /** Bytes waiting in its output list. */
  readonly outputBytes: number;
}

/**
 * ```
 * id=9 addr=10.77.0.15:50214 laddr=10.77.0.11:6379 fd=20 name= age=34 idle=0 flags=S db=0 … omem=0 tot-mem=22400 …
 * ```
 */
export function parseClients(text: string): readonly ToldClient[] {
  return wordsOf("CLIENT LIST", text)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const word = (name: string): string => new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1] ?? "";
      const age = word("age");
      if (!/^\d+$/.test(age)) throw new ParseError("a line of CLIENT LIST", line);
      return { address: word("addr"), name: word("name"), ageSeconds: Number(age), outputBytes: Number(word("omem")) };
    });
}
