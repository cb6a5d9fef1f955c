import type { Reachability } from "../../../contract/health";
import type { Sentence } from "../../../contract/sentence";
import type { Reading } from "../../probe/probe";
import type { MemberReadings } from "../engine";
import { blocksSince, type Blocks } from "../postgresql-server/blocks";
import { keepsRestarting, type Liveness } from "../process-liveness";
import type { ClusterSettings, ClusterView, ListedMember, MemberStatus, PastChange } from "./answers";
import type { PatroniProbes, StoreHealth } from "./probes";
import type { Postmaster, ServerState } from "./server";
import type { PatroniSite, patroniSettings } from "./settings";

/**
 * What a member is now. `leader` takes writes and is named by its own view; `keyless` takes writes and is not; `serverless` is a Patroni
 * whose PostgreSQL does not run. `stopped` is proven by its host; `hung` has a process and answers nobody; `refusing` answers, and not
 * with what was asked; `unseen` cannot be told from here and is never taken for stopped.
 */
export type Standing =
  | { readonly kind: "leader" | "keyless" | "standby-leader" | "replica" | "serverless"; readonly status: MemberStatus }
  | { readonly kind: "stopped" }
  | { readonly kind: "hung"; readonly pid: number; readonly reason: Sentence }
  | { readonly kind: "refusing"; readonly reason: Sentence }
  | { readonly kind: "unseen"; readonly reason: Sentence };

export interface PatroniMember {
  readonly site: PatroniSite;
  readonly member: string;
  readonly node: string;
  /** Its name in the cluster. */
  readonly name: string;
  readonly reachability: Reachability;
  readonly standing: Standing;
  readonly status: Reading<MemberStatus>;
  readonly cluster: Reading<ClusterView>;
  readonly settings: Reading<ClusterSettings>;
  readonly history: Reading<readonly PastChange[]>;
  readonly server: Reading<ServerState>;
  readonly postmaster: Reading<Postmaster>;
  readonly liveness: Reading<Liveness>;
  readonly store: Reading<StoreHealth>;
  /** As PostgreSQL says, else as Patroni says, else as the server's processes show; null when nothing tells. */
  readonly takesWrites: boolean | null;
  /** As the store lists it; null where nobody tells, or it is not listed. */
  readonly listed: ListedMember | null;
  /** Since the reading before the member has not seen its store. */
  readonly storeStoodStill: boolean;
  readonly blocks: Blocks | null;
  readonly keepsRestarting: boolean;
}

export interface PatroniSnapshot {
  readonly members: readonly PatroniMember[];
  /** The list as the leader tells it, else as anyone does; null where nobody could be asked. */
  readonly view: ClusterView | null;
  readonly settings: ClusterSettings | null;
}

type Readings = MemberReadings<typeof patroniSettings, PatroniProbes>;

export function snapshotMembers(all: readonly Readings[]): PatroniSnapshot {
  const view = bestView(all);
  const settings = all.flatMap(({ readings }) =>
    readings.settings.kind === "value" ? [readings.settings.value] : [],
  )[0];
  return {
    view,
    settings: settings ?? null,
    members: all.map(({ site, reachability, readings, previous }) => ({
      site,
      member: site.member,
      node: site.node,
      name: site.settings.name,
      reachability,
      standing: standingOf(site, readings),
      ...readings,
      takesWrites: takesWrites(readings),
      listed: view?.members.find(({ name }) => name === site.settings.name) ?? null,
      storeStoodStill: previous === undefined || isSameSight(previous.status, readings.status),
      blocks: previous === undefined ? null : blocksSince(previous.server, readings.server),
      keepsRestarting: keepsRestarting(previous?.liveness, readings.liveness),
    })),
  };
}

/** Views may be old where a member lost its store, so the one whose own teller it names as leader comes first. */
function bestView(all: readonly Readings[]): ClusterView | null {
  const told = all.flatMap(({ site, readings }) =>
    readings.cluster.kind === "value"
      ? [
          {
            view: readings.cluster.value,
            isOwn: leaderIn(readings.cluster.value) === site.settings.name && takesWrites(readings) === true,
          },
        ]
      : [],
  );
  return (told.find(({ isOwn }) => isOwn) ?? told.find(({ view }) => leaderIn(view) !== null) ?? told[0])?.view ?? null;
}

export function leaderIn(view: ClusterView): string | null {
  return view.members.find(({ role }) => role === "leader" || role === "standby_leader")?.name ?? null;
}

function takesWrites({ server, status, postmaster }: Readings["readings"]): boolean | null {
  if (server.kind === "value") return !server.value.isInRecovery;
  if (status.kind === "value" && status.value.state === "running") return status.value.role === "primary";
  if (postmaster.kind !== "value") return null;
  return postmaster.value.kind === "running" ? postmaster.value.takesWrites : false;
}

function standingOf({ settings }: PatroniSite, { status, cluster, liveness }: Readings["readings"]): Standing {
  if (status.kind === "value") {
    const { state, role } = status.value;
    // From 4.0 on a replica that follows says `streaming`.
    if (state !== "running" && state !== "streaming") return { kind: "serverless", status: status.value };
    if (role === "standby-leader") return { kind: "standby-leader", status: status.value };
    if (role !== "primary") return { kind: "replica", status: status.value };
    const isNamed = cluster.kind !== "value" || leaderIn(cluster.value) === settings.name;
    return { kind: isNamed ? "leader" : "keyless", status: status.value };
  }
  const { reason } = status;
  if (liveness.kind !== "value") return { kind: "unseen", reason };
  if (liveness.value.kind === "not-running") return { kind: "stopped" };
  const isSilent = reason.code === "wire/silent" || reason.code === "ssh/deadline" || liveness.value.isStopped;
  return isSilent ? { kind: "hung", pid: liveness.value.pid, reason } : { kind: "refusing", reason };
}

function isSameSight(before: Reading<MemberStatus>, now: Reading<MemberStatus>): boolean {
  return before.kind === "value" && now.kind === "value" && before.value.storeSeenAt === now.value.storeSeenAt;
}

/** A member whose Patroni answers. */
export type Answering = PatroniMember & { readonly standing: Extract<Standing, { readonly status: MemberStatus }> };

export function answering({ members }: PatroniSnapshot): readonly Answering[] {
  return members.filter((member): member is Answering => "status" in member.standing);
}

/** As the store says, or any member of itself. */
export function isPaused(snapshot: PatroniSnapshot): boolean {
  return snapshot.view?.isPaused === true || answering(snapshot).some(({ standing }) => standing.status.isPaused);
}

/** Members of which it cannot be told whether they take writes. */
export function untold({ members }: PatroniSnapshot): readonly PatroniMember[] {
  return members.filter(({ takesWrites: tells }) => tells === null);
}

export function writers({ members }: PatroniSnapshot): readonly PatroniMember[] {
  return members.filter(({ takesWrites: tells }) => tells === true);
}

/** Who holds the leader key, as each member that answers tells; each name once. */
export function namedLeaders({ members }: PatroniSnapshot): readonly (string | null)[] {
  return [...new Set(members.flatMap(({ cluster }) => (cluster.kind === "value" ? [leaderIn(cluster.value)] : [])))];
}

/** The one that all who answer name and that takes writes, nobody else doing so; null where that cannot be said. */
export function soleLeader(snapshot: PatroniSnapshot): Answering | null {
  const named = namedLeaders(snapshot);
  const taking = writers(snapshot);
  const leader = answering(snapshot).find(({ standing }) => standing.kind === "leader");
  return leader !== undefined &&
    named.length === 1 &&
    named[0] === leader.name &&
    taking.length === 1 &&
    taking[0]?.member === leader.member
    ? leader
    : null;
}

export function memberIn(snapshot: PatroniSnapshot, name: string): PatroniMember | null {
  return snapshot.members.find(({ member }) => member === name) ?? null;
}

/** The inventory's name of a member by its name in the cluster. */
export function memberNamed(snapshot: PatroniSnapshot, name: string): string {
  return snapshot.members.find((member) => member.name === name)?.member ?? name;
}

/** PostgreSQL's own word where it can be asked, else what its Patroni says, which for a replica may be the leader's own timeline. */
export function timelineOf({ server, status, listed }: PatroniMember): number | null {
  if (server.kind === "value" && server.value.timeline !== null) return server.value.timeline;
  const listedTimeline = listed?.timeline ?? null;
  return status.kind === "value" ? (status.value.timeline ?? listedTimeline) : listedTimeline;
}

/** Where a member's log ends, as Patroni compares members: for a replica what it received or replayed, whichever is further (3.0). */
export function walPosition({ writtenBytes, receivedBytes, replayedBytes }: MemberStatus): number | null {
  if (writtenBytes !== null) return writtenBytes;
  // Right after a start nothing was received yet, and that is told as 0.
  return receivedBytes === null && replayedBytes === null ? null : Math.max(receivedBytes ?? 0, replayedBytes ?? 0);
}

/** What a replica received and did not replay yet: old reads, and the time a promotion takes. */
export function notReplayedBytes({ receivedBytes, replayedBytes }: MemberStatus): number | null {
  return receivedBytes === null || replayedBytes === null ? null : Math.max(0, receivedBytes - replayedBytes);
}

/**
 * How far a replica is behind, as Patroni judges it before a promotion: by what was received, not by what was replayed. By what both
 * say of themselves, which is fresher than the list.
 */
export function lagBytes(snapshot: PatroniSnapshot, member: PatroniMember): number | null {
  const leader = soleLeader(snapshot);
  if (member.standing.kind !== "replica" || leader === null) return null;
  const own = walPosition(member.standing.status);
  const { writtenBytes } = leader.standing.status;
  // The leader was read a moment earlier or later; a replica cannot be ahead of it.
  if (own === null || writtenBytes === null) return null;
  return Math.max(0, writtenBytes - own);
}

/** Streams from the leader, as the leader lists its receivers; a cascading replica is listed by another member. */
export function streams(snapshot: PatroniSnapshot, { name, standing }: PatroniMember): boolean {
  return (
    standing.kind === "replica" &&
    answering(snapshot).some(({ standing: other }) =>
      other.status.replication.some((receiver) => receiver.name === name && receiver.state === "streaming"),
    )
  );
}
