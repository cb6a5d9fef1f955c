import type { Reading } from "../../probe/probe";
import type { MemberReadings } from "../engine";
import { infoOf, isUntold, replicationOf, standingOf, type RedisServer } from "../redis-server/server";
import type { RedisSentinelProbes } from "./probes";
import type { RedisSentinelSite, redisSentinelSettings } from "./settings";
import type { QuorumCheck, WatchedMaster, WatchedReplica, WatchedSentinel } from "./watched";

interface Member extends RedisServer {
  readonly site: RedisSentinelSite;
}

export interface DataServer extends Member {
  readonly kind: "data";
}

export interface Sentinel extends Member {
  readonly kind: "sentinel";
  readonly master: Reading<WatchedMaster>;
  readonly replicas: Reading<readonly WatchedReplica[]>;
  readonly sentinels: Reading<readonly WatchedSentinel[]>;
  readonly quorum: Reading<QuorumCheck>;
}

export interface SentinelSnapshot {
  /** In the order of the inventory. */
  readonly members: readonly (DataServer | Sentinel)[];
  readonly data: readonly DataServer[];
  readonly sentinels: readonly Sentinel[];
  /** The master's address by the sentinels with the latest config epoch, which the others will take over; null when none tells. */
  readonly told: { readonly address: string; readonly configEpoch: number; readonly by: Sentinel } | null;
}

type Readings = MemberReadings<typeof redisSentinelSettings, RedisSentinelProbes>;

export function snapshotSentinels(readings: readonly Readings[]): SentinelSnapshot {
  const members = readings.map(memberOf);
  const sentinels = members.filter((one): one is Sentinel => one.kind === "sentinel");
  const told = sentinels.flatMap((by) =>
    by.master.kind === "value"
      ? [{ address: by.master.value.address, configEpoch: by.master.value.configEpoch, by }]
      : [],
  );
  const backers = (address: string): number => told.filter((one) => one.address === address).length;
  const [leading] = [...told].sort(
    (one, other) => other.configEpoch - one.configEpoch || backers(other.address) - backers(one.address),
  );
  return {
    members,
    sentinels,
    data: members.filter((one): one is DataServer => one.kind === "data"),
    told: leading ?? null,
  };
}

function memberOf({ site, reachability, readings, previous }: Readings): DataServer | Sentinel {
  const before = previous?.info.kind === "value" ? previous.info : null;
  const shared = {
    site,
    member: site.member,
    node: site.node,
    reachability,
    standing: standingOf(readings.info, readings.liveness),
    info: readings.info,
    liveness: readings.liveness,
    before: before === null ? null : { info: before.value, takenAt: before.evidence.takenAt },
  };
  const { master, replicas, sentinels, quorum, slowCalls, replicasNeeded } = readings;
  if (master === undefined || replicas === undefined || sentinels === undefined || quorum === undefined)
    return { ...shared, kind: "data", slowCalls: slowCalls ?? null, replicasNeeded: replicasNeeded ?? null };
  return { ...shared, kind: "sentinel", slowCalls: null, replicasNeeded: null, master, replicas, sentinels, quorum };
}

export function memberIn({ members }: SentinelSnapshot, member: string): DataServer | Sentinel | null {
  return members.find((one) => one.member === member) ?? null;
}

/** The data server at an address that a sentinel or a replica tells, or null where the inventory has none. */
export function dataAt({ data }: SentinelSnapshot, address: string): DataServer | null {
  return data.find(({ site }) => site.settings.announced === address) ?? null;
}

export function nameAt(snapshot: SentinelSnapshot, address: string): string {
  return dataAt(snapshot, address)?.member ?? address;
}

/** Data servers that say of themselves that they are a master. */
export function mastersOf({ data }: SentinelSnapshot): readonly DataServer[] {
  return data.filter((one) => replicationOf(one)?.role === "master");
}

export function soleMaster(snapshot: SentinelSnapshot): DataServer | null {
  const masters = mastersOf(snapshot);
  return masters.length === 1 ? (masters[0] ?? null) : null;
}

export function replicasOf({ data }: SentinelSnapshot): readonly DataServer[] {
  return data.filter((one) => replicationOf(one)?.role === "replica");
}

/** Whom a replica copies, as `address:port`. */
export function sourceOf(server: DataServer): string | null {
  const replication = replicationOf(server);
  return replication?.role === "replica" ? `${replication.masterHost}:${replication.masterPort}` : null;
}

/**
 * A replica that a sentinel could promote: it was not told never to be, and hears its master, or has lost it only as lately as a sentinel
 * lets pass. While the master is seen to serve, a link that is down is not taken for good, though a sentinel may do so.
 */
export function isEligible(snapshot: SentinelSnapshot, server: DataServer): boolean {
  const replication = replicationOf(server);
  if (replication?.role !== "replica" || replication.priority === 0) return false;
  if (infoOf(server)?.persistence?.isLoading === true) return false;
  return (
    replication.isLinkUp ||
    (!isMasterSeen(snapshot, server) && watchingSentinels(snapshot).some((one) => letsPass(one, server)))
  );
}

/** Whom a replica copies, or where that is nobody's address here any master, serves as far as can be seen. */
function isMasterSeen(snapshot: SentinelSnapshot, server: DataServer): boolean {
  const source = dataAt(snapshot, sourceOf(server) ?? "");
  return source === null ? mastersOf(snapshot).length > 0 : infoOf(source) !== null;
}

const longestUnheardMs = 5_000;
const longestUntoldMs = { masterUp: 30_000, masterDown: 5_000 };
const downAfterTimes = 10;

/**
 * A sentinel's own rule for a replica whose link is down (sentinelSelectSlave): it hears the replica, heard its INFO lately, and the
 * link was not down for longer than the master plus ten times down-after-milliseconds. A link of which it is not told since when it is
 * down passes there, and not here: such a replica has copied nothing since it was started.
 */
function letsPass({ master, replicas }: Sentinel, server: DataServer): boolean {
  const replication = replicationOf(server);
  if (master.kind !== "value" || replicas.kind !== "value" || replication?.role !== "replica") return false;
  const { announced } = server.site.settings;
  const seen = replicas.value.find(({ address, runId }) => address === announced || runId === infoOf(server)?.runId);
  if (seen === undefined || seen.toldAgoMs === null || replication.linkDownSeconds === null) return false;
  const isMasterDown = master.value.flags.includes("s_down");
  return (
    !["s_down", "o_down", "disconnected"].some((flag) => seen.flags.includes(flag)) &&
    seen.priority !== 0 &&
    seen.heardAgoMs <= longestUnheardMs &&
    seen.toldAgoMs <= (isMasterDown ? longestUntoldMs.masterDown : longestUntoldMs.masterUp) &&
    replication.linkDownSeconds * 1000 <= master.value.downAfterMs * downAfterTimes + master.value.downForMs
  );
}

/** Configured sentinels: the dead ones stay counted until they are forgotten. */
export function sentinelCount({ sentinels }: SentinelSnapshot): number | null {
  const known = sentinels.flatMap(({ master }) =>
    master.kind === "value" ? [master.value.otherSentinelCount + 1] : [],
  );
  return known.length === 0 ? null : Math.max(...known);
}

export function watchingSentinels({ sentinels }: SentinelSnapshot): readonly Sentinel[] {
  return sentinels.filter((one) => one.standing.kind === "serving" && one.master.kind === "value");
}

/** Can reach the quorum and the majority, by its own count. */
export function hasVotes({ quorum }: Sentinel): boolean {
  return quorum.kind === "value" && !quorum.value.lacksQuorum && !quorum.value.lacksMajority;
}

/** No sentinel that is seen has the votes, and some are not seen: they may well have them on their side of a cut. */
export function isBlind(snapshot: SentinelSnapshot): boolean {
  return !watchingSentinels(snapshot).some(hasVotes) && snapshot.sentinels.some(isUntold);
}
