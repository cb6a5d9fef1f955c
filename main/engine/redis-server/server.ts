import type { EvidenceId } from "../../../contract/figure";
import type { Reachability } from "../../../contract/health";
import { sentence, type Sentence } from "../../../contract/sentence";
import { parseInfo, type RedisInfo, type RedisReplication } from "../../probe/parse/redis-info";
import { parsePairs, parseSlowCalls, type SlowCall } from "../../probe/parse/redis-lists";
import { NotThere, ParseError, type Probe, type Reading } from "../../probe/probe";
import type { Liveness } from "./liveness";
import { loginOf, type RedisServerSite } from "./settings";

/**
 * What a server is now. `stopped` is proven by its host; `hung` has a process and answers nobody; `refusing` answers, and not with what
 * was asked; `unseen` is everything that cannot be told from here, and is never taken for stopped.
 */
export type Standing =
  | { readonly kind: "serving"; readonly info: RedisInfo }
  | { readonly kind: "stopped" }
  | { readonly kind: "hung"; readonly pid: number; readonly reason: Sentence }
  | { readonly kind: "refusing"; readonly reason: Sentence }
  | { readonly kind: "unseen"; readonly reason: Sentence };

/** A data server or a sentinel with what every one of them tells. */
export interface RedisServer {
  readonly site: RedisServerSite;
  readonly member: string;
  readonly node: string;
  readonly reachability: Reachability;
  readonly standing: Standing;
  readonly info: Reading<RedisInfo>;
  readonly liveness: Reading<Liveness>;
  /** Absent on a sentinel. */
  readonly slowCalls: Reading<readonly SlowCall[]> | null;
  /** Replicas that a master must have heard lately, or it refuses every write. Absent on a sentinel. */
  readonly replicasNeeded: Reading<number> | null;
  /** The reading before, of the same or an earlier process; null when there is none. */
  readonly before: { readonly info: RedisInfo; readonly takenAt: number } | null;
}

/** The same deadline for all, so that silence shows as silence. */
export const answerMs = 4_000;
const slowCallsEveryMs = 30_000;
const replicasNeededEveryMs = 30_000;

export function callProbe<T>(
  site: RedisServerSite,
  command: readonly [string, ...string[]],
  parse: (text: string) => T,
  everyMs = 0,
): Probe<T> {
  return { ask: { kind: "redis", login: loginOf(site), command }, parse, everyMs, deadlineMs: answerMs };
}

export function infoProbe(site: RedisServerSite): Probe<RedisInfo> {
  return callProbe(site, ["INFO"], parseInfo);
}

export function slowCallsProbe(site: RedisServerSite): Probe<readonly SlowCall[]> {
  return callProbe(site, ["SLOWLOG", "GET", "10"], parseSlowCalls, slowCallsEveryMs);
}

export function replicasNeededProbe(site: RedisServerSite): Probe<number> {
  return callProbe(site, ["CONFIG", "GET", "min-*-to-write"], parseReplicasNeeded, replicasNeededEveryMs);
}

/** `["min-replicas-to-write","0","min-slaves-to-write","0"]`; an older server has the second name alone. */
function parseReplicasNeeded(text: string): number {
  const told = [...parsePairs("CONFIG GET min-*-to-write", text).values()];
  if (told.length === 0) throw new NotThere(sentence("probe/not-told"));
  if (!told.every((value) => /^\d+$/.test(value))) throw new ParseError("min-replicas-to-write", text);
  return Math.max(...told.map(Number));
}

export function standingOf(info: Reading<RedisInfo>, liveness: Reading<Liveness>): Standing {
  if (info.kind === "value") return { kind: "serving", info: info.value };
  const { reason } = info;
  if (liveness.kind !== "value") return { kind: "unseen", reason };
  if (liveness.value.kind === "not-running")
    return isAnswer(reason) ? { kind: "refusing", reason } : { kind: "stopped" };
  const isSilent = reason.code === "wire/silent" || reason.code === "ssh/deadline" || liveness.value.isStopped;
  return isSilent ? { kind: "hung", pid: liveness.value.pid, reason } : { kind: "refusing", reason };
}

/** Something answered at the port, so that a host which sees no such process was asked for the wrong one. */
function isAnswer({ code }: Sentence): boolean {
  return /^(?:wire|probe)\//.test(code) && code !== "wire/connection-lost";
}

export function infoOf(server: RedisServer): RedisInfo | null {
  return server.standing.kind === "serving" ? server.standing.info : null;
}

export function replicationOf(server: RedisServer): RedisReplication | null {
  return infoOf(server)?.replication ?? null;
}

/** Proven not to serve: looked at by its host, and gone or answering nobody. */
export function isGone(server: RedisServer): boolean {
  return server.standing.kind === "stopped" || server.standing.kind === "hung";
}

/** Of which it cannot be told what it does. */
export function isUntold(server: RedisServer): boolean {
  return server.standing.kind === "unseen" || server.standing.kind === "refusing";
}

export function evidenceOf(server: RedisServer): readonly EvidenceId[] {
  return [server.info.evidence.id, server.liveness.evidence.id];
}

export function namesOf(servers: readonly { readonly member: string }[]): string {
  return servers.map(({ member }) => member).join(", ");
}

/** What a counter gained since the reading before; null without one, and after a restart. */
export function gained(server: RedisServer, counter: (info: RedisInfo) => number): number | null {
  const now = infoOf(server);
  if (now === null || server.before === null || server.before.info.runId !== now.runId) return null;
  return counter(now) - counter(server.before.info);
}
