import type { Reading } from "../../probe/probe";
import type { MemberReadings } from "../engine";
import { infoOf, isGone, isUntold, replicationOf, standingOf, type RedisServer } from "../redis-server/server";
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
  const { master, replicas, sentinels, quorum, slowCalls } = readings;
  if (master === undefined || replicas === undefined || sentinels === undefined || quorum === undefined)
    return { ...shared, kind: "data", slowCalls: slowCalls ?? null };
  return { ...shared, kind: "sentinel", slowCalls: null, master, replicas, sentinels, quorum };
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

/** A replica that a sentinel could promote: it hears its master as long as that is there, and was not told never to. */
export function isEligible(snapshot: SentinelSnapshot, server: DataServer): boolean {
  const replication = replicationOf(server);
  const source = dataAt(snapshot, sourceOf(server) ?? "");
  return (
    replication?.role === "replica" &&
    (replication.isLinkUp || (source !== null && isGone(source))) &&
    replication.priority !== 0 &&
    infoOf(server)?.persistence?.isLoading !== true
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
