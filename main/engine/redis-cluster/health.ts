import type { Subject } from "../../../contract/health";
import { sentence } from "../../../contract/sentence";
import type { HealthRule, Sighting } from "../engine";
import { numberOf } from "../figure-of";
import { lastHeardFacts, linkDownFacts, memberSubject, serverRules } from "../redis-server/health";
import { evidenceOf, isGone, isUntold, namesOf, replicationOf } from "../redis-server/server";
import { lagBytes } from "./members";
import {
  claimants,
  contested,
  isEligible,
  isUnknown,
  nameOf,
  nameOfId,
  nodeById,
  unowned,
  type ClusterNode,
  type ClusterSnapshot,
  type Shard,
} from "./snapshot";
import { countSlots, ownersOf, showRanges, type KnownNode } from "./topology";

const cluster: Subject = { kind: "cluster" };
/** Of the backlog: beyond it the next lost connection costs a full copy. */
const lagWatchShare = 0.1;
/** A replica that hears nothing for so long; a master pings every ten seconds (`repl-ping-replica-period`). */
const lagWatchSeconds = 20;

type Rule = HealthRule<ClusterSnapshot>;

function viewEvidence(node: ClusterNode): readonly string[] {
  return [node.nodes.evidence.id, node.state.evidence.id];
}

function saysFail(node: ClusterNode): boolean {
  return node.state.kind === "value" && !node.state.value.isOk;
}

const clusterDown: Rule = {
  code: "redis-cluster/ClusterDown",
  level: "critical",
  explains: ["redis-cluster/NodeCutOff"],
  find: ({ nodes }) => {
    const failing = nodes.filter(saysFail);
    const isServedSomewhere = nodes.some((node) => node.state.kind === "value" && node.state.value.isOk);
    if (failing.length === 0 || isServedSomewhere) return [];
    const unseen = nodes.filter(isUntold);
    return [
      {
        subject: cluster,
        facts: { members: namesOf(failing) },
        evidence: nodes.flatMap(viewEvidence),
        // Those that this desktop cannot see may well be the side that serves.
        ...(unseen.length > 0 && { cannotTell: sentence("redis-cluster/not-all-seen", { members: namesOf(unseen) }) }),
      },
    ];
  },
};

/** A node says so also where slots have no owner, and for some seconds after it was cut off: then there is nobody it does not reach. */
const nodeCutOff: Rule = {
  code: "redis-cluster/NodeCutOff",
  level: "degraded",
  find: (snapshot) =>
    snapshot.nodes.filter(saysFail).map((node) => {
      const known = node.nodes.kind === "value" ? node.nodes.value : [];
      const lost = known.filter(({ failure }) => failure !== "none").map((one) => nameOf(snapshot, one));
      const facts = { member: node.member, lost: lost.join(", ") };
      return { subject: memberSubject(node), facts, evidence: viewEvidence(node) };
    }),
};

/** The same slots claimed by two nodes for themselves, each master by its own word. */
const splitView: Rule = {
  code: "redis-cluster/SplitView",
  level: "critical",
  explains: [
    "redis-cluster/NodeCutOff",
    "redis-cluster/PeerSuspected",
    "redis-cluster/PeerFailed",
    "redis-cluster/ViewsDiffer",
  ],
  find: (snapshot) => {
    const pairs = new Map(contested(snapshot).map((one) => [namesOf(one.by), one.by] as const));
    return [...pairs.values()].map((by) => {
      const ranges = contested(snapshot)
        .filter((one) => namesOf(one.by) === namesOf(by))
        .map(({ range }) => range);
      const epochs = by.map((node) => `${node.member} ${node.own?.configEpoch ?? 0}`).join(", ");
      const serving = namesOf(by.filter((node) => !saysFail(node)));
      return {
        subject: { kind: "object", object: showRanges(ranges), member: by[0]?.member ?? "" },
        facts: { members: namesOf(by), slots: showRanges(ranges), epochs, serving },
        evidence: by.flatMap(viewEvidence),
      };
    });
  },
};

/** A shard whose master the cluster agreed is gone, or whose host says so, and nobody took over. */
const shardWithoutMaster: Rule = {
  code: "redis-cluster/ShardWithoutMaster",
  level: "critical",
  explains: [
    "redis-cluster/NodeStopped",
    "redis-cluster/NodeHung",
    "redis-cluster/ReplicaLinkDown",
    "redis-cluster/PeerFailed",
    "redis-cluster/PeerSuspected",
  ],
  find: (snapshot) =>
    snapshot.shards
      .filter((shard) => isLost(snapshot, shard))
      .map(({ master, replicas }) => ({
        subject: { kind: "object", object: showRanges(master.ranges), member: nameOf(snapshot, master) },
        facts: {
          member: nameOf(snapshot, master),
          slots: showRanges(master.ranges),
          count: countSlots(master.ranges),
          replicas: replicas
            .filter((one) => isReachable(snapshot, one))
            .map((one) => nameOf(snapshot, one))
            .join(", "),
        },
        evidence: shardEvidence(snapshot, master),
      })),
};

/**
 * A shard whose master answers here and is no master to the rest: they agreed that it is gone, or it says itself that it does not serve, and
 * nobody took over. Where nobody serves anything the whole cluster is said to be down.
 */
const shardNotServed: Rule = {
  code: "redis-cluster/ShardNotServed",
  level: "critical",
  explains: ["redis-cluster/NodeCutOff", "redis-cluster/PeerFailed"],
  find: (snapshot) =>
    snapshot.leading?.state.isOk !== true
      ? []
      : snapshot.shards.flatMap(({ master }): readonly Sighting[] => {
          const node = nodeById(snapshot, master.id);
          if (node?.standing.kind !== "serving" || !isOwnedByNoOther(snapshot, master)) return [];
          if (master.failure !== "agreed" && !saysFail(node)) return [];
          const slots = showRanges(master.ranges);
          return [
            {
              subject: { kind: "object", object: slots, member: node.member },
              facts: { member: node.member, slots, count: countSlots(master.ranges) },
              evidence: [...shardEvidence(snapshot, master), ...viewEvidence(node)],
            },
          ];
        }),
};

export function isLost(snapshot: ClusterSnapshot, { master }: Shard): boolean {
  const node = nodeById(snapshot, master.id);
  if (!isOwnedByNoOther(snapshot, master)) return false;
  // One that others still hear is asked at a wrong address, or was only slow; a killed one loses its links at once, and is suspected later.
  if (node !== null && isGone(node))
    return master.failure !== "none" || (node.standing.kind === "stopped" && !isHeard(snapshot, master));
  return master.failure === "agreed" && (node === null || isUntold(node));
}

/** Of some of its slots no other node says that it owns them; others may own a part already while a view is not up to date. */
function isOwnedByNoOther(snapshot: ClusterSnapshot, master: KnownNode): boolean {
  const others = ownersOf(claimants(snapshot).flatMap(({ id, own }) => (id === master.id ? [] : [own])));
  return ownersOf([master]).some((owner, slot) => owner !== null && others[slot] == null);
}

function isHeard({ nodes }: ClusterSnapshot, { id }: KnownNode): boolean {
  return nodes.some(
    (viewer) =>
      viewer.nodes.kind === "value" && viewer.nodes.value.some((one) => one.id === id && !one.isMyself && one.isLinked),
  );
}

function isReachable(snapshot: ClusterSnapshot, { id }: KnownNode): boolean {
  return nodeById(snapshot, id)?.standing.kind === "serving";
}

function shardEvidence(snapshot: ClusterSnapshot, { id }: KnownNode): readonly string[] {
  const node = nodeById(snapshot, id);
  return [
    ...(node === null ? [] : evidenceOf(node)),
    ...(snapshot.leading === null ? [] : viewEvidence(snapshot.leading.node)),
  ];
}

const slotsUnowned: Rule = {
  code: "redis-cluster/SlotsUnowned",
  level: "critical",
  explains: ["redis-cluster/ClusterDown", "redis-cluster/NodeCutOff"],
  find: (snapshot) => {
    const ranges = unowned(snapshot);
    if (snapshot.leading === null || ranges.length === 0) return [];
    return [
      {
        subject: cluster,
        facts: { slots: showRanges(ranges), count: countSlots(ranges) },
        evidence: snapshot.nodes.flatMap(viewEvidence),
      },
    ];
  },
};

const slotOpen: Rule = {
  code: "redis-cluster/SlotOpen",
  level: "degraded",
  find: ({ nodes, ...rest }) =>
    nodes.flatMap((node) =>
      (node.own?.openSlots ?? []).map(({ slot, direction, peerId }): Sighting => ({
        subject: { kind: "object", object: String(slot), member: node.member },
        facts: {
          member: node.member,
          slot,
          direction: `redis-cluster/${direction}`,
          peer: nameOfId({ nodes, ...rest }, peerId),
        },
        evidence: [node.nodes.evidence.id],
      })),
    ),
};

/** Another owner of slots in somebody's view than the leading one has, while no two claim them. */
const viewsDiffer: Rule = {
  code: "redis-cluster/ViewsDiffer",
  level: "watch",
  find: (snapshot) => {
    const { leading } = snapshot;
    if (leading === null) return [];
    const layout = layoutText(snapshot, leading.known);
    return snapshot.nodes.flatMap((node): readonly Sighting[] => {
      if (node.nodes.kind !== "value" || layoutText(snapshot, node.nodes.value) === layout) return [];
      const facts = {
        member: node.member,
        says: layoutText(snapshot, node.nodes.value),
        leading: leading.node.member,
        layout,
      };
      return [
        { subject: memberSubject(node), facts, evidence: [node.nodes.evidence.id, leading.node.nodes.evidence.id] },
      ];
    });
  },
};

/** `r1: 0-5460; r2: 5461-10922` */
export function layoutText(snapshot: ClusterSnapshot, known: readonly KnownNode[]): string {
  return known
    .filter(({ role, ranges }) => role === "master" && ranges.length > 0)
    .sort((one, other) => (one.ranges[0]?.from ?? 0) - (other.ranges[0]?.from ?? 0))
    .map((node) => `${nameOf(snapshot, node)}: ${showRanges(node.ranges)}`)
    .join("; ");
}

/** Nodes that others cannot reach, by who says so. */
function accused(
  snapshot: ClusterSnapshot,
  failure: KnownNode["failure"],
): readonly { readonly node: KnownNode; readonly by: readonly ClusterNode[] }[] {
  const byId = new Map<string, { node: KnownNode; by: ClusterNode[] }>();
  for (const viewer of snapshot.nodes) {
    if (viewer.nodes.kind !== "value") continue;
    for (const node of viewer.nodes.value.filter((one) => one.failure === failure)) {
      const entry = byId.get(node.id) ?? { node, by: [] };
      entry.by.push(viewer);
      byId.set(node.id, entry);
    }
  }
  return [...byId.values()];
}

function accusation(
  code: "PeerSuspected" | "PeerFailed",
  level: "watch" | "degraded",
  failure: KnownNode["failure"],
): Rule {
  return {
    code: `redis-cluster/${code}`,
    level,
    find: (snapshot) =>
      accused(snapshot, failure).map(({ node, by }) => ({
        subject: { kind: "object", object: node.id, member: nameOf(snapshot, node) },
        facts: { member: nameOf(snapshot, node), by: namesOf(by), count: by.length },
        evidence: by.map((viewer) => viewer.nodes.evidence.id),
      })),
  };
}

const nodeUnwatched: Rule = {
  code: "redis-cluster/NodeUnwatched",
  level: "watch",
  find: (snapshot) =>
    (snapshot.leading?.known ?? [])
      .filter((node) => nodeById(snapshot, node.id) === null)
      .map((node) => ({
        subject: { kind: "object", object: node.id, member: nameOf(snapshot, node) },
        facts: { member: nameOf(snapshot, node), id: node.id },
        evidence: [snapshot.leading?.node.nodes.evidence.id ?? ""],
      })),
};

const nodePartlyRead: Rule = {
  code: "redis-cluster/NodePartlyRead",
  level: "watch",
  // What was not read cannot be called well.
  find: ({ nodes }) =>
    nodes.flatMap((node) =>
      node.info.kind !== "value"
        ? []
        : [node.nodes, node.state, node.settings, node.replicas].flatMap((reading): readonly Sighting[] =>
            reading.kind === "value"
              ? []
              : [
                  {
                    subject: { kind: "object", object: reading.evidence.id, member: node.member },
                    facts: { member: node.member },
                    evidence: [reading.evidence.id],
                    cannotTell: reading.reason,
                  },
                ],
          ),
    ),
};

const replicaLinkDown: Rule = {
  code: "redis-cluster/ReplicaLinkDown",
  level: "degraded",
  find: (snapshot) =>
    snapshot.nodes.flatMap((node): readonly Sighting[] => {
      const replication = replicationOf(node);
      if (replication?.role !== "replica" || replication.isLinkUp) return [];
      const facts = {
        member: node.member,
        master: node.own?.masterId == null ? "?" : nameOfId(snapshot, node.own.masterId),
        ...linkDownFacts("redis-cluster", replication),
      };
      return [{ subject: memberSubject(node), facts, evidence: [node.info.evidence.id] }];
    }),
};

const replicaLagging: Rule = {
  code: "redis-cluster/ReplicaLagging",
  level: "watch",
  find: (snapshot) =>
    snapshot.nodes.flatMap((node): readonly Sighting[] => {
      const replication = replicationOf(node);
      const bytes = numberOf(lagBytes(snapshot, node));
      if (replication?.role !== "replica" || bytes === null) return [];
      const isSilent = replication.isLinkUp && (replication.lastHeardSeconds ?? 0) > lagWatchSeconds;
      if (bytes <= replication.backlogBytes * lagWatchShare && !isSilent) return [];
      const facts = {
        member: node.member,
        lagBytes: bytes,
        backlogBytes: replication.backlogBytes,
        ...lastHeardFacts("redis-cluster", replication),
      };
      const level = bytes > replication.backlogBytes ? "degraded" : "watch";
      return [{ subject: memberSubject(node), facts, evidence: [node.info.evidence.id], level }];
    }),
};

const shardWithoutReplica: Rule = {
  code: "redis-cluster/ShardWithoutReplica",
  level: "degraded",
  find: (snapshot) =>
    snapshot.shards
      .filter(({ replicas }) => !replicas.some((one) => isEligible(snapshot, one)))
      .map(({ master, replicas }) => {
        const unseen = replicas.filter((one) => isUnknown(snapshot, one)).map((one) => nameOf(snapshot, one));
        const spare = snapshot.shards.filter(
          (other) => other.replicas.filter((one) => isEligible(snapshot, one)).length > 1,
        );
        return {
          subject: { kind: "object", object: showRanges(master.ranges), member: nameOf(snapshot, master) },
          facts: {
            member: nameOf(snapshot, master),
            slots: showRanges(master.ranges),
            spare: spare.map((other) => nameOf(snapshot, other.master)).join(", "),
          },
          evidence: shardEvidence(snapshot, master),
          ...(unseen.length > 0 && {
            cannotTell: sentence("redis-cluster/not-all-seen", { members: unseen.join(", ") }),
          }),
        };
      }),
};

/** Half or more of the votes on one host: it takes the cluster with it. */
const votesOnOneHost: Rule = {
  code: "redis-cluster/VotesOnOneHost",
  level: "watch",
  find: (snapshot) => {
    const hosts = new Map<string, string[]>();
    for (const { master } of snapshot.shards) {
      const node = nodeById(snapshot, master.id);
      if (node !== null) hosts.set(node.node, [...(hosts.get(node.node) ?? []), node.member]);
    }
    if (snapshot.shards.length < 2) return [];
    return [...hosts.entries()]
      .filter(([, masters]) => masters.length >= Math.ceil(snapshot.shards.length / 2) && masters.length > 1)
      .map(([host, masters]) => ({
        subject: { kind: "node", node: host },
        facts: { node: host, masters: masters.join(", "), count: masters.length, all: snapshot.shards.length },
        evidence: snapshot.leading === null ? [] : viewEvidence(snapshot.leading.node),
      }));
  },
};

const replicaBesideMaster: Rule = {
  code: "redis-cluster/ReplicaBesideMaster",
  level: "watch",
  find: (snapshot) =>
    snapshot.shards.flatMap(({ master, replicas }) => {
      const host = nodeById(snapshot, master.id)?.node ?? null;
      const eligible = replicas.filter((one) => isEligible(snapshot, one));
      const isAlone = eligible.length > 0 && eligible.every((one) => nodeById(snapshot, one.id)?.node === host);
      if (host === null || !isAlone) return [];
      const facts = {
        member: nameOf(snapshot, master),
        node: host,
        replicas: eligible.map((one) => nameOf(snapshot, one)).join(", "),
      };
      return [
        {
          subject: { kind: "member", member: nameOf(snapshot, master) },
          facts,
          evidence: shardEvidence(snapshot, master),
        },
      ];
    }),
};

export const redisClusterHealth: readonly Rule[] = [
  splitView,
  clusterDown,
  shardWithoutMaster,
  shardNotServed,
  slotsUnowned,
  nodeCutOff,
  slotOpen,
  viewsDiffer,
  accusation("PeerFailed", "degraded", "agreed"),
  accusation("PeerSuspected", "watch", "suspected"),
  nodeUnwatched,
  nodePartlyRead,
  replicaLinkDown,
  replicaLagging,
  shardWithoutReplica,
  votesOnOneHost,
  replicaBesideMaster,
  ...serverRules<ClusterSnapshot>("redis-cluster", ({ nodes }) => nodes),
];
