import type { FindingCode, Level, Subject } from "../../../contract/health";
import type { Fact } from "../../../contract/sentence";
import type { RedisInfo } from "../../probe/parse/redis-info";
import type { HealthRule, Sighting } from "../engine";
import { evidenceOf, gained, infoOf, isUntold, replicationOf, type RedisServer } from "./server";

const memoryWatchRatio = 0.8;
const memoryDegradedRatio = 0.95;
const fragmentationWatch = 1.5;
const fragmentationFromBytes = 1 << 30;
const clientsWatchRatio = 0.8;
const clientsDegradedRatio = 0.95;
const slowForkMicroseconds = 1_000_000;

type Replica = Extract<RedisInfo["replication"], { readonly role: "replica" }>;

/** For how long a replica's link is down, as facts; one that was never up has no such time. */
export function linkDownFacts(engine: string, { linkDownSeconds }: Replica): Readonly<Record<string, Fact>> {
  return linkDownSeconds === null
    ? { since: `${engine}/link-down.never-up` }
    : { since: `${engine}/link-down.since`, sinceMs: linkDownSeconds * 1000 };
}

/** When a replica last heard its master, as facts; of a link that is down nothing is told. */
export function lastHeardFacts(engine: string, replica: Replica): Readonly<Record<string, Fact>> {
  if (!replica.isLinkUp) return { heard: `${engine}/heard.link-down` };
  return replica.lastHeardSeconds === null
    ? { heard: `${engine}/heard.untold` }
    : { heard: `${engine}/heard.ago`, silentMs: replica.lastHeardSeconds * 1000 };
}

type Seen = Omit<Sighting, "subject" | "evidence">;

/** What can be said of a server or sentinel whatever it belongs to. The codes are the engine's own, and so are their words. */
export function serverRules<S>(
  engine: string,
  serversOf: (snapshot: S) => readonly RedisServer[],
): readonly HealthRule<S>[] {
  const each = (
    name: string,
    level: Exclude<Level, "ok" | "unknown">,
    see: (server: RedisServer) => Seen | null,
    explains: readonly string[] = [],
  ): HealthRule<S> => ({
    code: codeOf(engine, name),
    level,
    explains: explains.map((explained) => codeOf(engine, explained)),
    find: (snapshot) =>
      serversOf(snapshot).flatMap((server) => {
        const seen = see(server);
        return seen === null ? [] : [{ subject: memberSubject(server), evidence: evidenceOf(server), ...seen }];
      }),
  });

  return [
    each("NodeStopped", "degraded", stopped),
    each("NodeHung", "degraded", hung),
    each("NodeNotRead", "degraded", notRead),
    each("NodeLoading", "degraded", loading),
    each("PersistenceFails", "critical", persistenceFails),
    each("WritesRefused", "critical", writesRefused),
    each("MemoryNearLimit", "watch", memoryNearLimit),
    each("KeysEvicted", "watch", keysEvicted),
    each("MemoryFragmented", "watch", memoryFragmented),
    each("ClientsNearLimit", "watch", clientsNearLimit),
    each("ConnectionsRejected", "degraded", connectionsRejected),
    each("Restarted", "watch", restarted),
    each("FullCopies", "watch", fullCopies),
    each("ForkSlow", "watch", forkSlow),
  ];
}

export function codeOf(engine: string, name: string): FindingCode {
  return `${engine}/${name}`;
}

export function memberSubject({ member }: { readonly member: string }): Subject {
  return { kind: "member", member };
}

function stopped({ member, standing }: RedisServer): Seen | null {
  return standing.kind === "stopped" ? { facts: { member } } : null;
}

function hung({ member, standing }: RedisServer): Seen | null {
  return standing.kind === "hung" ? { facts: { member, pid: standing.pid } } : null;
}

function notRead(server: RedisServer): Seen | null {
  const { member, standing } = server;
  if (!isUntold(server) || !("reason" in standing)) return null;
  return { facts: { member }, cannotTell: standing.reason };
}

function loading(server: RedisServer): Seen | null {
  return infoOf(server)?.persistence?.isLoading === true ? { facts: { member: server.member } } : null;
}

/** With an error here a master refuses writes (MISCONF), as long as `stop-writes-on-bgsave-error` stands. */
function persistenceFails(server: RedisServer): Seen | null {
  const told = infoOf(server)?.persistence ?? null;
  if (told === null) return null;
  const failing = [
    ...(told.lastSaveWorked ? [] : ["RDB"]),
    ...(told.appendWorked ? [] : ["AOF"]),
    ...(told.rewriteWorked ? [] : ["AOF rewrite"]),
  ];
  if (failing.length === 0) return null;
  // A failed rewrite refuses no write.
  const level = told.lastSaveWorked && told.appendWorked ? "degraded" : "critical";
  return { facts: { member: server.member, what: failing.join(", "), changes: told.changesSinceSave }, level };
}

/**
 * With `min-replicas-to-write` a master counts the replicas that it heard within `min-replicas-max-lag`, and refuses every write while they
 * are fewer (NOREPLICAS). It tells the count only where both are set, so that none at all are always too few. Where it hears some, and how
 * many it asks for may not be read with this login, or was read before it was set, that is no sign of refused writes.
 */
function writesRefused(server: RedisServer): Seen | null {
  const replication = replicationOf(server);
  if (replication?.role !== "master" || replication.goodReplicaCount === null) return null;
  const { replicasNeeded } = server;
  const needed = Math.max(1, replicasNeeded?.kind === "value" ? replicasNeeded.value : 1);
  const good = replication.goodReplicaCount;
  return good < needed ? { facts: { member: server.member, good, needed } } : null;
}

function memoryNearLimit(server: RedisServer): Seen | null {
  const info = infoOf(server);
  const memory = info?.memory ?? null;
  if (info === null || memory === null || memory.mostBytes === 0) return null;
  const ratio = memory.usedBytes / memory.mostBytes;
  // With eviction a full memory is how a cache lives; the evictions are told apart.
  const evictsNothing =
    memory.policy === "noeviction" || (memory.policy.startsWith("volatile-") && info.expiringKeyCount === 0);
  if (ratio < memoryWatchRatio || !evictsNothing) return null;
  const facts = { member: server.member, usedBytes: memory.usedBytes, mostBytes: memory.mostBytes, ratio };
  // A replica takes what its master sends, whatever its own limit.
  const isRefusing = ratio >= 1 && info.replication?.role === "master";
  return { facts, level: isRefusing ? "critical" : ratio >= memoryDegradedRatio ? "degraded" : "watch" };
}

function keysEvicted(server: RedisServer): Seen | null {
  const count = gained(server, (info) => info.statistics.evictedKeys) ?? 0;
  const policy = infoOf(server)?.memory?.policy ?? "";
  return count > 0 ? { facts: { member: server.member, count, policy } } : null;
}

function memoryFragmented(server: RedisServer): Seen | null {
  const memory = infoOf(server)?.memory ?? null;
  if (memory?.fragmentation == null || memory.usedBytes < fragmentationFromBytes) return null;
  const ratio = memory.fragmentation;
  if (ratio >= 1 && ratio <= fragmentationWatch) return null;
  return { facts: { member: server.member, factor: ratio }, level: ratio < 1 ? "degraded" : "watch" };
}

function clientsNearLimit(server: RedisServer): Seen | null {
  const clients = infoOf(server)?.clients ?? null;
  if (clients?.most == null) return null;
  const connected = clients.connected + clients.busConnections;
  const ratio = connected / clients.most;
  if (ratio < clientsWatchRatio) return null;
  const facts = { member: server.member, connected, most: clients.most };
  return { facts, level: ratio >= clientsDegradedRatio ? "degraded" : "watch" };
}

function connectionsRejected(server: RedisServer): Seen | null {
  const count = gained(server, (info) => info.statistics.rejectedConnections) ?? 0;
  return count > 0 ? { facts: { member: server.member, count } } : null;
}

/** Another process than at the look before; again and again while something restarts it. */
function restarted(server: RedisServer): Seen | null {
  const now = infoOf(server);
  if (now === null || server.before === null || server.before.info.runId === now.runId) return null;
  return { facts: { member: server.member, upMs: now.uptimeSeconds * 1000 } };
}

function fullCopies(server: RedisServer): Seen | null {
  const count = gained(server, (info) => info.statistics.fullSyncs) ?? 0;
  return count > 0 ? { facts: { member: server.member, count } } : null;
}

function forkSlow(server: RedisServer): Seen | null {
  const microseconds = infoOf(server)?.statistics.lastForkMicroseconds ?? 0;
  return microseconds > slowForkMicroseconds
    ? { facts: { member: server.member, forkMs: Math.round(microseconds / 1000) } }
    : null;
}
