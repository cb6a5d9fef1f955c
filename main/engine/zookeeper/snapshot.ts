import type { Reachability } from "../../../contract/health";
import type { Sentence } from "../../../contract/sentence";
import type { Reading } from "../../probe/probe";
import type { MemberReadings } from "../engine";
import { keepsRestarting, type Liveness } from "../process-liveness";
import type { Monitored, OnDisk, Served, ZookeeperProbes } from "./probes";
import type { ListedServer, ServerList } from "./server-lines";
import type { ZookeeperSite, zookeeperSettings } from "./settings";

/**
 * What a server is now. `waiting` runs, answers `ruok` and serves nobody: it looks for a leader. `stopped` is proven by its host; `hung`
 * has a process and answers nobody; `refusing` answers, and not with what was asked; `unseen` cannot be told from here and is never
 * taken for stopped.
 */
export type Standing =
  | { readonly kind: "leader" | "follower" | "observer" | "standalone" | "read-only"; readonly served: Served | null }
  | { readonly kind: "waiting" }
  | { readonly kind: "stopped" }
  | { readonly kind: "hung"; readonly pid: number; readonly reason: Sentence }
  | { readonly kind: "refusing"; readonly reason: Sentence }
  | { readonly kind: "unseen"; readonly reason: Sentence };

export interface Server {
  readonly site: ZookeeperSite;
  readonly member: string;
  readonly node: string;
  readonly reachability: Reachability;
  readonly standing: Standing;
  readonly serverId: number;
  /** From `mntr`, or from the AdminServer where the word is refused. */
  readonly measured: Reading<Monitored>;
  /** What the running server counts, from `conf`, or from the AdminServer where the word is refused. */
  readonly list: Reading<ServerList>;
  readonly mntr: Reading<Monitored>;
  readonly srvr: Reading<Served>;
  readonly ruok: Reading<true>;
  readonly leader: Reading<number>;
  readonly lastSnapshot: Reading<number>;
  readonly disk: Reading<OnDisk>;
  readonly liveness: Reading<Liveness>;
  readonly since: Since | null;
  readonly keepsRestarting: boolean;
}

/** What grew between two readings of one run of the process. */
export interface Since {
  readonly seconds: number;
  grown(name: string): number | null;
}

export interface EnsembleSnapshot {
  readonly servers: readonly Server[];
  /** The list of the server that serves with the newest epoch, else of any that tells; null where nobody could be asked. */
  readonly listed: ServerList | null;
}

type Readings = MemberReadings<typeof zookeeperSettings, ZookeeperProbes>;

export function snapshotEnsemble(members: readonly Readings[]): EnsembleSnapshot {
  const servers = members.map(serverOf);
  const told = servers.filter(({ list }) => list.kind === "value");
  const serving = [...told].sort(newestFirst)[0];
  const listed = serving?.list.kind === "value" ? serving.list.value : listedOnDisk(servers);
  return { servers, listed };
}

function serverOf({ site, reachability, readings, previous }: Readings): Server {
  const measured = insteadOf(readings.mntr, readings.monitor);
  return {
    site,
    member: site.member,
    node: site.node,
    reachability,
    standing: standingOf(readings, measured),
    serverId: site.settings.serverId,
    measured,
    list: insteadOf(readings.conf, readings.votingView),
    ...readings,
    since: previous === undefined ? null : sinceOf(insteadOf(previous.mntr, previous.monitor), measured),
    keepsRestarting: keepsRestarting(previous?.liveness, readings.liveness),
  };
}

/** The second reading stands in where the first gave no value and the second did. */
function insteadOf<T>(first: Reading<T>, second: Reading<T>): Reading<T> {
  return first.kind !== "value" && second.kind === "value" ? second : first;
}

const states = ["leader", "follower", "observer", "standalone", "read-only"] as const;

function standingOf({ srvr, ruok, liveness }: Readings["readings"], measured: Reading<Monitored>): Standing {
  const served = srvr.kind === "value" ? srvr.value : null;
  const said = measured.kind === "value" ? measured.value.state : served?.mode;
  const kind = states.find((state) => state === said);
  if (kind !== undefined) return { kind, served };
  const isWaiting = [srvr, measured].some(
    (reading) => reading.kind === "not-there" && reading.reason.code === "zookeeper/not-serving",
  );
  if (isWaiting) return { kind: "waiting" };
  const reason = reasonIn(srvr) ?? reasonIn(measured) ?? reasonIn(ruok);
  const because: Sentence = reason ?? { code: "zookeeper/not-serving", facts: {} };
  if (liveness.kind !== "value") return { kind: "unseen", reason: because };
  if (liveness.value.kind === "not-running") return { kind: "stopped" };
  const isSilent = ["wire/silent", "ssh/deadline"].includes(because.code) || liveness.value.isStopped;
  return isSilent ? { kind: "hung", pid: liveness.value.pid, reason: because } : { kind: "refusing", reason: because };
}

function reasonIn(reading: Reading<unknown>): Sentence | null {
  return reading.kind === "value" ? null : reading.reason;
}

function sinceOf(before: Reading<Monitored>, now: Reading<Monitored>): Since | null {
  if (before.kind !== "value" || now.kind !== "value") return null;
  const seconds = (now.evidence.takenAt - before.evidence.takenAt) / 1000;
  const [earlier, later] = [before.value.number("uptime"), now.value.number("uptime")];
  // Counters of another run of the process are no difference.
  if (seconds <= 0 || (earlier !== null && later !== null && later < earlier)) return null;
  return {
    seconds,
    grown: (name) => {
      const [from, to] = [before.value.number(name), now.value.number(name)];
      return from === null || to === null || to < from ? null : to - from;
    },
  };
}

/** What was answered since the reading before, and how long all of it took; null where this version does not tell. */
export function answeredIn(since: Since): { readonly count: number; readonly tookMs: number } | null {
  const [reads, updates] = [since.grown("cnt_readlatency"), since.grown("cnt_updatelatency")];
  const [readMs, updateMs] = [since.grown("sum_readlatency"), since.grown("sum_updatelatency")];
  if (reads === null || updates === null || readMs === null || updateMs === null) return null;
  return { count: reads + updates, tookMs: readMs + updateMs };
}

/**
 * The epoch a server takes part in, as it keeps it on its disk. Its last transaction may be of an earlier one for as long as nothing is
 * written (3.8), so that stands in only where the disk may not be read.
 */
export function epochOf({ disk, srvr }: Server): number | null {
  if (disk.kind === "value" && disk.value.currentEpoch !== null) return disk.value.currentEpoch;
  return srvr.kind === "value" ? srvr.value.epoch : null;
}

/** With nobody serving, the configuration on disk still tells who is counted. */
function listedOnDisk(servers: readonly Server[]): ServerList | null {
  return servers.flatMap((server) => fileOf(server) ?? []).find((list) => list.servers.length > 0) ?? null;
}

/** The list that counts at its next start; empty for a standalone server, null where its configuration could not be read. */
export function fileOf({ disk }: Server): ServerList | null {
  if (disk.kind !== "value" || disk.value.closed.includes("configuration")) return null;
  return { servers: disk.value.servers, isWhole: true, version: disk.value.listVersion };
}

export type Serving = Server & {
  readonly standing: Extract<Standing, { readonly served: Served | null }>;
};

/** Servers that serve clients, whatever their role. */
export function serving({ servers }: EnsembleSnapshot): readonly Serving[] {
  return servers.filter((server): server is Serving => "served" in server.standing);
}

export function leadersOf(snapshot: EnsembleSnapshot): readonly Serving[] {
  return serving(snapshot).filter(({ standing }) => standing.kind === "leader");
}

/** Of two that say they lead, the one of the newer epoch is right. */
export function leaderOf(snapshot: EnsembleSnapshot): Serving | null {
  return [...leadersOf(snapshot)].sort(newestFirst)[0] ?? null;
}

function newestFirst(one: Server, other: Server): number {
  return (epochOf(other) ?? -1) - (epochOf(one) ?? -1);
}

export function votersOf({ listed }: EnsembleSnapshot): readonly ListedServer[] {
  return (listed?.servers ?? []).filter(({ role }) => role === "participant");
}

/** A majority of the voters that are configured; those that are dead count. Null also where votes are not counted by heads. */
export function quorumOf(snapshot: EnsembleSnapshot): number | null {
  const voters = votersOf(snapshot).length;
  return voters === 0 || isWeighed(snapshot) ? null : Math.floor(voters / 2) + 1;
}

/** Somebody tells groups or weights; a list that is not whole may leave out what a file says. */
export function isWeighed({ listed, servers }: EnsembleSnapshot): boolean {
  const told = [listed, ...servers.map(fileOf)].flatMap((list) => list?.servers ?? []);
  return told.some(({ group, weight }) => group !== null || weight !== null);
}

/** Servers of which it cannot be told what they are. A stopped or hung one was looked at. */
export function untold({ servers }: EnsembleSnapshot): readonly Server[] {
  return servers.filter(({ standing }) => standing.kind === "unseen" || standing.kind === "refusing");
}

export const inSyncCounter = 1_000;

/** Voters proven in sync: the leader, and followers of its epoch close behind, as many as the leader itself counts as synced. */
export function voting(snapshot: EnsembleSnapshot): readonly Server[] {
  const leader = leaderOf(snapshot);
  if (leader === null || leader.measured.kind !== "value") return [];
  const voters = new Set(votersOf(snapshot).map(({ id }) => id));
  const synced = leader.measured.value.number("synced_followers");
  const followers = serving(snapshot).filter(
    (server) => server.standing.kind === "follower" && voters.has(server.serverId) && isClose(server, leader),
  );
  return synced === null ? [] : [leader, ...followers.slice(0, synced)];
}

/** It names this leader, where it tells whom it follows, and lacks few of its transactions. */
function isClose(follower: Server, leader: Server): boolean {
  if (follower.leader.kind === "value" && follower.leader.value !== leader.serverId) return false;
  if (follower.srvr.kind !== "value" || leader.srvr.kind !== "value") return false;
  const [own, ahead] = [follower.srvr.value, leader.srvr.value];
  const behind = own.epoch === ahead.epoch ? ahead.counter - own.counter : ahead.counter;
  return own.epoch <= ahead.epoch && behind <= inSyncCounter;
}

/** How many voters may fail before no majority is left; null where the readings that would tell are missing. */
export function tolerated(snapshot: EnsembleSnapshot): number | null {
  const needs = quorumOf(snapshot);
  if (needs === null) return null;
  const has = voting(snapshot).length;
  return has < needs && untold(snapshot).length > 0 ? null : has - needs;
}

export function serverIn(snapshot: EnsembleSnapshot, member: string): Server | null {
  return snapshot.servers.find((server) => server.member === member) ?? null;
}

/** The inventory's name of a server by its number, else where it is listed. */
export function nameOf(snapshot: EnsembleSnapshot, id: number): string {
  const own = snapshot.servers.find(({ serverId }) => serverId === id)?.member;
  return own ?? snapshot.listed?.servers.find((server) => server.id === id)?.host ?? String(id);
}
