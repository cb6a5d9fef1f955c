import type { Reachability } from "../../../contract/health";
import type { Sentence } from "../../../contract/sentence";
import { quantileBetween, type Bucket } from "../../probe/parse/metrics";
import type { Reading } from "../../probe/probe";
import type { MemberReadings } from "../engine";
import { keepsRestarting, type Liveness } from "../process-liveness";
import type { DataDirectory, FolderRights, Room } from "./directory";
import {
  electionsEveryMs,
  type ElectionCount,
  type EtcdProbes,
  type KeyHash,
  type ListedMember,
  type MemberMetrics,
  type MemberStatus,
} from "./probes";
import type { EtcdSite, etcdSettings } from "./settings";

/**
 * What a member is now. `leaderless` answers and knows no leader; `stopped` is proven by its host; `hung` has a process and answers
 * nobody; `refusing` answers, and not with what was asked; `unseen` cannot be told from here and is never taken for stopped.
 */
export type Standing =
  | { readonly kind: "leader" | "follower" | "learner" | "leaderless"; readonly status: MemberStatus }
  | { readonly kind: "stopped" }
  | { readonly kind: "hung"; readonly pid: number; readonly reason: Sentence }
  | { readonly kind: "refusing"; readonly reason: Sentence }
  | { readonly kind: "unseen"; readonly reason: Sentence };

export interface EtcdMember {
  readonly site: EtcdSite;
  readonly member: string;
  readonly node: string;
  readonly reachability: Reachability;
  readonly standing: Standing;
  /** Its id as it says, or as the others list it while it is silent; null where nobody tells. */
  readonly id: string | null;
  /** The same, where its name alone may tell it too: enough to count it, too little to take anybody out. */
  readonly countedId: string | null;
  readonly status: Reading<MemberStatus>;
  readonly members: Reading<readonly ListedMember[]>;
  readonly quorumRead: Reading<true>;
  readonly metrics: Reading<MemberMetrics>;
  readonly hash: Reading<KeyHash>;
  readonly liveness: Reading<Liveness>;
  readonly directory: Reading<DataDirectory>;
  readonly room: Reading<Room>;
  readonly rights: Reading<FolderRights>;
  /** Between this reading and the one before; null until there are two of one run of the process. */
  readonly since: Since | null;
  /** Over up to a quarter of an hour of one run of the process; null where nothing older than the metrics of now is known of it. */
  readonly elections: Elections | null;
  readonly keepsRestarting: boolean;
}

export interface Elections {
  readonly changes: number;
  readonly withinMs: number;
}

/** Durations are upper bounds, null where nothing of the kind happened. */
export interface Since {
  readonly seconds: number;
  readonly fsyncMs: number | null;
  readonly commitMs: number | null;
  readonly proposalsFailed: number;
  readonly requestsPerSecond: number | null;
  readonly clientSentBytesPerSecond: number | null;
}

export interface EtcdSnapshot {
  readonly members: readonly EtcdMember[];
  /** The member list as a member with a leader tells it, else as anyone does; null where nobody could be asked. */
  readonly listed: readonly ListedMember[] | null;
}

type Readings = MemberReadings<typeof etcdSettings, EtcdProbes>;

export function snapshotMembers(all: readonly Readings[]): EtcdSnapshot {
  const told = all.filter(({ readings }) => readings.members.kind === "value");
  const best =
    told.find(({ readings }) => readings.status.kind === "value" && readings.status.value.leaderId !== null) ?? told[0];
  const listed = best?.readings.members.kind === "value" ? best.readings.members.value : null;
  const answeredFor = new Set(
    all.flatMap(({ readings: { status } }) => (status.kind === "value" ? [status.value.memberId] : [])),
  );
  const sites = all.map(({ site }) => site);
  return {
    listed,
    members: all.map(({ site, reachability, readings, previous }) => {
      const id = readings.status.kind === "value" ? readings.status.value.memberId : idIn(listed, site, answeredFor);
      return {
        site,
        member: site.member,
        node: site.node,
        reachability,
        standing: standingOf(readings.status, readings.liveness),
        id,
        countedId: id ?? idByName(listed, site, sites, answeredFor),
        ...readings,
        elections: electionsIn(readings.metrics, [previous?.electionCount, readings.electionCount]),
        since: previous === undefined ? null : sinceOf(previous.metrics, readings.metrics),
        keepsRestarting: keepsRestarting(previous?.liveness, readings.liveness),
      };
    }),
  };
}

function standingOf(status: Reading<MemberStatus>, liveness: Reading<Liveness>): Standing {
  if (status.kind === "value") {
    const { leaderId, memberId, isLearner } = status.value;
    if (leaderId === null) return { kind: "leaderless", status: status.value };
    const kind = leaderId === memberId ? "leader" : isLearner ? "learner" : "follower";
    return { kind, status: status.value };
  }
  const { reason } = status;
  if (liveness.kind !== "value") return { kind: "unseen", reason };
  if (liveness.value.kind === "not-running") return { kind: "stopped" };
  const isSilent = reason.code === "wire/silent" || reason.code === "ssh/deadline" || liveness.value.isStopped;
  return isSilent ? { kind: "hung", pid: liveness.value.pid, reason } : { kind: "refusing", reason };
}

/** A silent member is known by its name only where the others reach it: the name may have gone to one that lives elsewhere. */
function idIn(
  listed: readonly ListedMember[] | null,
  { settings: { name, peerUrl } }: EtcdSite,
  answeredFor: ReadonlySet<string>,
): string | null {
  const own = listed?.find((one) => one.name === name && (peerUrl === "" || one.peerUrls.includes(peerUrl)));
  return own === undefined || answeredFor.has(own.id) ? null : own.id;
}

/** What a silent member is listed as at other addresses than are known of it, as where these were changed since: of one name on both sides. */
function idByName(
  listed: readonly ListedMember[] | null,
  { settings: { name } }: EtcdSite,
  sites: readonly EtcdSite[],
  answeredFor: ReadonlySet<string>,
): string | null {
  const [own, ...others] = (listed ?? []).filter((one) => one.name === name);
  const isOne =
    name !== "" && others.length === 0 && sites.filter(({ settings }) => settings.name === name).length === 1;
  return own === undefined || !isOne || answeredFor.has(own.id) ? null : own.id;
}

/** Counted from the older of the readings that are kept, where it is of the same run of the process. */
function electionsIn(
  now: Reading<MemberMetrics>,
  kept: readonly (Reading<ElectionCount> | undefined)[],
): Elections | null {
  if (now.kind !== "value" || now.value.leaderChanges === null) return null;
  for (const then of kept) {
    if (then?.kind !== "value" || then.value.leaderChanges === null) continue;
    const changes = now.value.leaderChanges - then.value.leaderChanges;
    const withinMs = now.evidence.takenAt - then.evidence.takenAt;
    const isOfThisRun = then.value.startedAt === now.value.startedAt && changes >= 0;
    // After a sleep of the desktop the older one may be of hours ago.
    if (isOfThisRun && withinMs > 0 && withinMs <= 2.5 * electionsEveryMs) return { changes, withinMs };
  }
  return null;
}

function sinceOf(before: Reading<MemberMetrics>, now: Reading<MemberMetrics>): Since | null {
  if (before.kind !== "value" || now.kind !== "value") return null;
  const seconds = (now.evidence.takenAt - before.evidence.takenAt) / 1000;
  // Counters of another run of the process are no difference.
  if (seconds <= 0 || before.value.startedAt !== now.value.startedAt) return null;
  const grown = (pick: (metrics: MemberMetrics) => number | null): number | null => {
    const [from, to] = [pick(before.value), pick(now.value)];
    return from === null || to === null || to < from ? null : to - from;
  };
  const rate = (pick: (metrics: MemberMetrics) => number | null): number | null => {
    const difference = grown(pick);
    return difference === null ? null : difference / seconds;
  };
  const tail = (pick: (metrics: MemberMetrics) => readonly Bucket[]): number | null => {
    const upTo = quantileBetween(pick(before.value), pick(now.value), 0.99);
    return upTo === null ? null : upTo * 1000;
  };
  return {
    seconds,
    fsyncMs: tail((metrics) => metrics.fsync),
    commitMs: tail((metrics) => metrics.commit),
    proposalsFailed: grown((metrics) => metrics.proposalsFailed) ?? 0,
    requestsPerSecond: rate((metrics) => metrics.requests),
    clientSentBytesPerSecond: rate((metrics) => metrics.clientSentBytes),
  };
}

/** A member that answers with its status, whatever it is. */
export type Answering = EtcdMember & { readonly standing: Extract<Standing, { readonly status: MemberStatus }> };

export function answering({ members }: EtcdSnapshot): readonly Answering[] {
  return members.filter((member): member is Answering => "status" in member.standing);
}

/** Members of which it cannot be told what they are. A stopped or hung one was looked at. */
export function untold({ members }: EtcdSnapshot): readonly EtcdMember[] {
  return members.filter(({ standing }) => standing.kind === "unseen" || standing.kind === "refusing");
}

export function votersOf({ listed }: EtcdSnapshot): readonly ListedMember[] {
  return (listed ?? []).filter(({ isLearner }) => !isLearner);
}

/** A majority of the voters that are configured; those that are dead count. */
export function quorumOf(snapshot: EtcdSnapshot): number | null {
  const voters = votersOf(snapshot).length;
  return voters === 0 ? null : Math.floor(voters / 2) + 1;
}

/** Two leaders of one cluster cannot both be right: the one of the higher term is. */
export function leaderOf(snapshot: EtcdSnapshot): Answering | null {
  const leaders = answering(snapshot).filter(({ standing }) => standing.kind === "leader");
  return [...leaders].sort((one, other) => other.standing.status.term - one.standing.status.term)[0] ?? null;
}

export const inSyncIndex = 1_000;

/** Voters that follow the one leader closely, the leader among them; empty when it does not speak for a majority. */
export function voting(snapshot: EtcdSnapshot): readonly Answering[] {
  const leader = leaderOf(snapshot);
  if (leader === null) return [];
  const { memberId, term, index } = leader.standing.status;
  const voters = new Set(votersOf(snapshot).map(({ id }) => id));
  return answering(snapshot).filter(
    ({ standing: { status } }) =>
      voters.has(status.memberId) &&
      status.leaderId === memberId &&
      status.term === term &&
      index - status.appliedIndex <= inSyncIndex,
  );
}

/** How many voters may fail before no majority is left; null where the readings that would tell are missing. */
export function tolerated(snapshot: EtcdSnapshot): number | null {
  const needs = quorumOf(snapshot);
  if (needs === null) return null;
  const has = voting(snapshot).length;
  return has < needs && untold(snapshot).length > 0 ? null : has - needs;
}

export function memberIn(snapshot: EtcdSnapshot, name: string): EtcdMember | null {
  return snapshot.members.find(({ member }) => member === name) ?? null;
}

/** What the cluster lists under a member's name or address that is not shown to be this member. */
export function doubleOf({ listed }: EtcdSnapshot, { id, site: { settings } }: EtcdMember): ListedMember | null {
  const isAlike = ({ name, peerUrls }: ListedMember): boolean =>
    (name !== "" && name === settings.name) || peerUrls.includes(settings.peerUrl);
  return listed?.find((one) => one.id !== id && isAlike(one)) ?? null;
}

/** The inventory's name of a member by its id, else the name it is listed under, else the id. */
export function nameOf(snapshot: EtcdSnapshot, id: string): string {
  const own = snapshot.members.find((member) => member.id === id)?.member;
  const listed = snapshot.listed?.find((member) => member.id === id)?.name;
  return own ?? (listed === undefined || listed === "" ? id : listed);
}

/** The quota its database may grow to; a member that does not tell has no known one. */
export function quotaOf(member: EtcdMember): number | null {
  return member.metrics.kind === "value" ? member.metrics.value.quotaBytes : null;
}

/** The alarms that any member knows of, each once. */
export function alarmsOf(snapshot: EtcdSnapshot): readonly { readonly memberId: string; readonly kind: string }[] {
  const seen = new Map(
    answering(snapshot)
      .flatMap(({ standing }) => standing.status.alarms)
      .map((alarm) => [`${alarm.kind} ${alarm.memberId}`, alarm]),
  );
  return [...seen.values()].sort((one, other) => one.memberId.localeCompare(other.memberId));
}
