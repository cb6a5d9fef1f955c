import { sentence } from "../../../contract/sentence";
import { parsePairLists, parsePairs } from "../../probe/parse/redis-lists";
import { errorOf, parseRedisReply } from "../../probe/parse/redis-reply";
import { NotThere, ParseError } from "../../probe/probe";

/** The master as one sentinel knows it. */
export interface WatchedMaster {
  readonly address: string;
  readonly flags: readonly string[];
  readonly quorum: number;
  readonly otherSentinelCount: number;
  readonly replicaCount: number;
  readonly configEpoch: number;
  readonly downAfterMs: number;
  /** For how long this sentinel has held it down; 0 while it does not. */
  readonly downForMs: number;
  readonly failoverTimeoutMs: number;
}

/** `["name","mymaster","ip","10.77.0.21","port","6379","runid","c6f2…","flags","master",…]` */
export function parseWatchedMaster(text: string): WatchedMaster {
  const pairs = fieldsOf("SENTINEL MASTER", parsePairs("SENTINEL MASTER", text));
  return {
    address: `${pairs.text("ip")}:${pairs.text("port")}`,
    flags: pairs.text("flags").split(","),
    quorum: pairs.number("quorum"),
    otherSentinelCount: pairs.number("num-other-sentinels"),
    replicaCount: pairs.number("num-slaves"),
    configEpoch: pairs.number("config-epoch"),
    downAfterMs: pairs.number("down-after-milliseconds"),
    downForMs: pairs.numberOr("s-down-time", 0),
    failoverTimeoutMs: pairs.number("failover-timeout"),
  };
}

/** A replica as one sentinel knows it; also after it is long gone. */
export interface WatchedReplica {
  readonly address: string;
  readonly runId: string;
  readonly flags: readonly string[];
  readonly isLinkUp: boolean;
  /** 0: never to be promoted. */
  readonly priority: number;
  /** Since it last answered a ping as it should. */
  readonly heardAgoMs: number;
  /** Since its last INFO; null before the first. */
  readonly toldAgoMs: number | null;
  /** Since the sentinel first heard its role. */
  readonly knownForMs: number;
}

export function parseWatchedReplicas(text: string): readonly WatchedReplica[] {
  return parsePairLists("SENTINEL REPLICAS", text).map((one) => {
    const pairs = fieldsOf("SENTINEL REPLICAS", one);
    return {
      address: `${pairs.text("ip")}:${pairs.text("port")}`,
      runId: pairs.text("runid"),
      flags: pairs.text("flags").split(","),
      isLinkUp: pairs.text("master-link-status") === "ok",
      priority: pairs.number("slave-priority"),
      heardAgoMs: pairs.number("last-ok-ping-reply"),
      // Its run id comes with its first INFO; until then the time is told as 0.
      toldAgoMs: pairs.text("runid") === "" ? null : pairs.number("info-refresh"),
      knownForMs: pairs.number("role-reported-time"),
    };
  });
}

/** Another sentinel as one knows it; also after it is long gone. */
export interface WatchedSentinel {
  readonly id: string;
  readonly address: string;
  readonly flags: readonly string[];
}

export function parseWatchedSentinels(text: string): readonly WatchedSentinel[] {
  return parsePairLists("SENTINEL SENTINELS", text).map((one) => {
    const pairs = fieldsOf("SENTINEL SENTINELS", one);
    return {
      id: pairs.text("runid"),
      address: `${pairs.text("ip")}:${pairs.text("port")}`,
      flags: pairs.text("flags").split(","),
    };
  });
}

/** Whether enough sentinels can be reached, as one of them counts. */
export interface QuorumCheck {
  readonly usableCount: number;
  /** Too few to agree that the master is down. */
  readonly lacksQuorum: boolean;
  /** Too few to authorise a failover. */
  readonly lacksMajority: boolean;
}

/**
 * ```
 * OK 3 usable Sentinels. Quorum and failover authorization can be reached
 * NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the specified quorum for this master. Not enough available Sentinels to reach the majority and authorize a failover
 * ```
 */
export function parseQuorumCheck(text: string): QuorumCheck {
  const reply = parseRedisReply("SENTINEL CKQUORUM", text);
  const problem = errorOf(reply);
  if (problem !== null && !problem.startsWith("NOQUORUM"))
    throw new NotThere(sentence("probe/service-refuses", { problem }));
  const says = problem ?? reply;
  const count = typeof says === "string" ? /^(?:OK|NOQUORUM) (\d+) usable Sentinels/.exec(says)?.[1] : undefined;
  if (typeof says !== "string" || count === undefined) throw new ParseError("SENTINEL CKQUORUM", text);
  return {
    usableCount: Number(count),
    lacksQuorum: says.includes("reach the specified quorum"),
    lacksMajority: says.includes("reach the majority"),
  };
}

function fieldsOf(
  what: string,
  pairs: ReadonlyMap<string, string>,
): { text(name: string): string; number(name: string): number; numberOr(name: string, absent: number): number } {
  const text = (name: string): string => {
    const value = pairs.get(name);
    if (value === undefined) throw new ParseError(`${what}: there is no ${name}`, JSON.stringify([...pairs]));
    return value;
  };
  const number = (name: string): number => {
    const value = text(name);
    if (!/^-?\d+$/.test(value)) throw new ParseError(`${what}: ${name} is no number`, value);
    return Number(value);
  };
  return { text, number, numberOr: (name, absent) => (pairs.has(name) ? number(name) : absent) };
}
