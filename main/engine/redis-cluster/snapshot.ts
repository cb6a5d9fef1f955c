import type { ToldClient } from "../../probe/parse/redis-lists";
import type { Reading } from "../../probe/probe";
import type { MemberReadings } from "../engine";
import { infoOf, isGone, isUntold, standingOf, type RedisServer } from "../redis-server/server";
import { standardValidityFactor, type ClusterSettings, type ClusterState, type RedisClusterProbes } from "./probes";
import type { RedisClusterSite, redisClusterSettings } from "./settings";
import { ownersOf, rangesWhere, type KnownNode, type SlotRange } from "./topology";

export interface ClusterNode extends RedisServer {
  readonly site: RedisClusterSite;
  readonly nodes: Reading<readonly KnownNode[]>;
  readonly state: Reading<ClusterState>;
  readonly settings: Reading<ClusterSettings>;
  readonly replicas: Reading<readonly ToldClient[]>;
  /** By its own word, else as it was found. */
  readonly id: string;
  /** Its line about itself; null where it does not answer. */
  readonly own: KnownNode | null;
}

export interface ClusterSnapshot {
  readonly nodes: readonly ClusterNode[];
  /**
   * The view that the cluster's layout is taken from: of those that answer, one that says the cluster is well, with the latest epoch. A node
   * that is cut off says it is not. Null when nobody answers.
   */
  readonly leading: {
    readonly node: ClusterNode;
    readonly known: readonly KnownNode[];
    readonly state: ClusterState;
  } | null;
  /** Masters with slots, and who copies them, by the leading view. */
  readonly shards: readonly Shard[];
}

export interface Shard {
  readonly master: KnownNode;
  readonly replicas: readonly KnownNode[];
}

type Readings = MemberReadings<typeof redisClusterSettings, RedisClusterProbes>;

export function snapshotCluster(members: readonly Readings[]): ClusterSnapshot {
  const nodes = members.map(nodeOf);
  const leading = leadingView(nodes);
  return { nodes, leading, shards: leading === null ? [] : shardsOf(leading.known) };
}

function nodeOf({ site, reachability, readings, previous }: Readings): ClusterNode {
  const own = readings.nodes.kind === "value" ? (readings.nodes.value.find(({ isMyself }) => isMyself) ?? null) : null;
  const before = previous?.info.kind === "value" ? previous.info : null;
  return {
    site,
    member: site.member,
    node: site.node,
    reachability,
    standing: standingOf(readings.info, readings.liveness),
    info: readings.info,
    liveness: readings.liveness,
    slowCalls: readings.slowCalls,
    replicasNeeded: readings.replicasNeeded,
    before: before === null ? null : { info: before.value, takenAt: before.evidence.takenAt },
    nodes: readings.nodes,
    state: readings.state,
    settings: readings.settings,
    replicas: readings.replicas,
    id: own?.id ?? site.settings.nodeId,
    own,
  };
}

function leadingView(nodes: readonly ClusterNode[]): ClusterSnapshot["leading"] {
  const views = nodes.flatMap((node) =>
    node.nodes.kind === "value" && node.state.kind === "value"
      ? [{ node, known: node.nodes.value, state: node.state.value }]
      : [],
  );
  const better = (one: (typeof views)[number], other: (typeof views)[number]): number =>
    Number(other.state.isOk) - Number(one.state.isOk) ||
    other.state.currentEpoch - one.state.currentEpoch ||
    other.state.okSlotCount - one.state.okSlotCount;
  return [...views].sort(better)[0] ?? null;
}

function shardsOf(known: readonly KnownNode[]): readonly Shard[] {
  return known
    .filter(({ role, ranges }) => role === "master" && ranges.length > 0)
    .map((master) => ({ master, replicas: known.filter(({ masterId }) => masterId === master.id) }))
    .sort((one, other) => (one.master.ranges[0]?.from ?? 0) - (other.master.ranges[0]?.from ?? 0));
}

/** The member that a name of the cluster stands for, or null where the inventory has none. */
export function nodeById({ nodes }: ClusterSnapshot, id: string): ClusterNode | null {
  return nodes.find((node) => node.id === id) ?? null;
}

export function nodeIn({ nodes }: ClusterSnapshot, member: string): ClusterNode | null {
  return nodes.find((node) => node.member === member) ?? null;
}

/** The member's name, else the address the cluster knows. */
export function nameOf(snapshot: ClusterSnapshot, { id, host, port }: Pick<KnownNode, "id" | "host" | "port">): string {
  return nodeById(snapshot, id)?.member ?? `${host}:${port}`;
}

export function nameOfId(snapshot: ClusterSnapshot, id: string): string {
  const known = snapshot.leading?.known.find((one) => one.id === id);
  return nodeById(snapshot, id)?.member ?? (known === undefined ? id.slice(0, 8) : `${known.host}:${known.port}`);
}

/** Nodes that say of themselves that they are a master and own slots: the strongest claim there is. */
export function claimants({ nodes }: ClusterSnapshot): readonly (ClusterNode & { readonly own: KnownNode })[] {
  return nodes.filter(
    (node): node is ClusterNode & { own: KnownNode } => node.own?.role === "master" && node.own.ranges.length > 0,
  );
}

export function isReplica(node: ClusterNode): boolean {
  return node.own?.role === "replica" && infoOf(node)?.replication?.role === "replica";
}

/** Slots that two or more nodes claim for themselves. */
export function contested(snapshot: ClusterSnapshot): readonly {
  readonly range: SlotRange;
  readonly by: readonly ClusterNode[];
}[] {
  const all = claimants(snapshot);
  return all.flatMap((one, at) =>
    all.slice(at + 1).flatMap((other) => {
      const mine = ownersOf([{ id: "one", ranges: one.own.ranges }]);
      const theirs = ownersOf([{ id: "other", ranges: other.own.ranges }]);
      return rangesWhere((slot) => mine[slot] != null && theirs[slot] != null).map((range) => ({
        range,
        by: [one, other],
      }));
    }),
  );
}

/** Slots that nobody owns. A node that answers is believed about its own slots before the leading view is. */
export function unowned(snapshot: ClusterSnapshot): readonly SlotRange[] {
  const owners = ownersOf([
    ...snapshot.shards.map(({ master }) => nodeById(snapshot, master.id)?.own ?? master),
    ...claimants(snapshot).map(({ own }) => own),
  ]);
  return rangesWhere((slot) => owners[slot] == null);
}

/** What a replica holds of its master's data. */
export type HeldCopy =
  | { readonly kind: "current" }
  | { readonly kind: "old"; readonly ageMs: number }
  /** Not once linked since it was started: it holds what its own files gave it, of any age. */
  | { readonly kind: "never-linked"; readonly keyCount: number };

/** Of `repl-ping-replica-period`, which Redis adds: its standard. */
const pingPeriodMs = 10_000;

/**
 * By Redis's own measure (clusterHandleSlaveFailover), which FORCE and TAKEOVER do not ask for: a link that is down for longer than the
 * validity factor allows, beyond the node timeout in which the master was found to be gone, is too old to take over. Null where it is no
 * replica that answers.
 */
export function heldCopy(snapshot: ClusterSnapshot, node: ClusterNode): HeldCopy | null {
  const info = infoOf(node);
  if (info?.replication?.role !== "replica") return null;
  const { isLinkUp, linkDownSeconds } = info.replication;
  if (isLinkUp) return { kind: "current" };
  if (linkDownSeconds === null) return { kind: "never-linked", keyCount: info.keyCount };
  const factor = node.settings.kind === "value" ? node.settings.value.validityFactor : standardValidityFactor;
  const ageMs = linkDownSeconds * 1000;
  const mostMs = nodeTimeoutMs(snapshot) * (factor + 1) + pingPeriodMs;
  return factor > 0 && ageMs > mostMs ? { kind: "old", ageMs } : { kind: "current" };
}

/** Started without data and never linked: there is nothing of its master's in it. */
export function holdsNothing(copy: HeldCopy | null): boolean {
  return copy?.kind === "never-linked" && copy.keyCount === 0;
}

/** A replica that could take over: it serves, hears its master or did so until that was gone, and was not told never to. */
export function isEligible(snapshot: ClusterSnapshot, replica: KnownNode): boolean {
  const node = nodeById(snapshot, replica.id);
  const info = node === null ? null : infoOf(node);
  const master = replica.masterId === null ? null : nodeById(snapshot, replica.masterId);
  const copy = node === null ? null : heldCopy(snapshot, node);
  return (
    info?.replication?.role === "replica" &&
    (info.replication.isLinkUp || (master !== null && isGone(master) && copy?.kind === "current")) &&
    info.persistence?.isLoading !== true &&
    replica.failure === "none" &&
    !replica.flags.includes("nofailover")
  );
}

/** A replica of which nothing is known here, and that the cluster did not agree is gone. */
export function isUnknown(snapshot: ClusterSnapshot, { id, failure }: KnownNode): boolean {
  const node = nodeById(snapshot, id);
  return failure !== "agreed" && (node === null || isUntold(node));
}

/** Nodes that a majority of masters agreed are gone. */
export function agreedGone({ leading }: ClusterSnapshot): readonly KnownNode[] {
  return (leading?.known ?? []).filter(({ failure }) => failure === "agreed");
}

/** The leading view is one of a node that is cut off, and those who could tell better are not seen: it says nothing of the whole. */
export function isBlind({ leading, nodes }: ClusterSnapshot): boolean {
  return leading === null || (!leading.state.isOk && nodes.some(isUntold));
}

/** The node timeout as any node tells it; Redis's own standard where none may be asked. */
export function nodeTimeoutMs({ nodes }: ClusterSnapshot): number {
  const told = nodes.map(({ settings }) => (settings.kind === "value" ? settings.value.nodeTimeoutMs : 0));
  const most = Math.max(0, ...told);
  return most === 0 ? 15_000 : most;
}
