import type { Consistency, FactTable, SlotMap, WitnessTable } from "../../../contract/consistency";
import type { Figure, Unit } from "../../../contract/figure";
import { sentence } from "../../../contract/sentence";
import { figureOf, known, missing, none } from "../figure-of";
import { slowCallTable } from "../redis-server/figures";
import { isUntold, replicationOf } from "../redis-server/server";
import { compareWitnesses } from "../witnesses";
import { layoutText } from "./health";
import { lagBytes, lagTime } from "./members";
import {
  claimants,
  contested,
  nameOf,
  nameOfId,
  nodeById,
  unowned,
  type ClusterNode,
  type ClusterSnapshot,
} from "./snapshot";
import { countSlots, showRanges, slotCount } from "./topology";

export function redisClusterConsistency(snapshot: ClusterSnapshot): Consistency {
  const state =
    (unit: Unit, pick: (state: NonNullable<ClusterSnapshot["leading"]>["state"]) => string | number) =>
    (node: ClusterNode) =>
      figureOf(node.state, unit, pick);
  return {
    witnesses: [
      witnessed(
        "state",
        snapshot,
        state("text", ({ isOk }) => (isOk ? "ok" : "fail")),
      ),
      witnessed("masters", snapshot, (node) =>
        figureOf(node.nodes, "text", (all) => layoutText(snapshot, all) || sentence("redis-cluster/no-masters-known")),
      ),
      witnessed(
        "currentEpoch",
        snapshot,
        state("count", ({ currentEpoch }) => currentEpoch),
      ),
      witnessed(
        "knownNodes",
        snapshot,
        state("count", ({ knownNodeCount }) => knownNodeCount),
      ),
      witnessed(
        "slotsAssigned",
        snapshot,
        state("count", ({ assignedSlotCount }) => assignedSlotCount),
      ),
    ],
    tables: [
      shardTable(snapshot),
      replicaTable(snapshot),
      openSlotTable(snapshot),
      accusationTable(snapshot),
      slowCallTable("redis-cluster", snapshot.nodes),
    ],
    maps: [slotMap(snapshot)],
  };
}

function witnessed(claim: string, { nodes }: ClusterSnapshot, said: (node: ClusterNode) => Figure): WitnessTable {
  return compareWitnesses(
    `redis-cluster/claim.${claim}`,
    nodes.map((node) => ({ member: node.member, says: said(node) })),
  );
}

function column(name: string, unit: Unit): FactTable["columns"][number] {
  return { name: `redis-cluster/column.${name}`, unit };
}

function shardTable(snapshot: ClusterSnapshot): FactTable {
  const id = snapshot.leading?.node.nodes.evidence.id ?? null;
  return {
    name: "redis-cluster/table.shards",
    columns: [
      column("slots", "text"),
      column("slotCount", "count"),
      column("replicas", "text"),
      column("configEpoch", "count"),
    ],
    rows:
      id === null
        ? []
        : snapshot.shards.map(({ master, replicas }) => ({
            subject: nameOf(snapshot, master),
            cells: [
              known(showRanges(master.ranges), "text", id),
              known(countSlots(master.ranges), "count", id),
              replicas.length === 0
                ? none(sentence("redis-cluster/no-replica"), id)
                : known(replicas.map((one) => nameOf(snapshot, one)).join(", "), "text", id),
              known(master.configEpoch, "count", id),
            ],
          })),
    complete: id !== null,
    evidence: id === null ? [] : [id],
  };
}

function replicaTable(snapshot: ClusterSnapshot): FactTable {
  const replicas = snapshot.nodes.filter((node) => replicationOf(node)?.role === "replica");
  return {
    name: "redis-cluster/table.replicas",
    columns: [
      column("master", "text"),
      column("link", "text"),
      column("lagBytes", "bytes"),
      column("lagTime", "duration"),
      column("history", "text"),
    ],
    rows: replicas.map((node) => {
      const replication = replicationOf(node);
      const id = node.info.evidence.id;
      const up = replication?.role === "replica" && replication.isLinkUp;
      return {
        subject: node.member,
        cells: [
          node.own?.masterId == null
            ? missing(sentence("redis-cluster/master-does-not-tell"), id)
            : known(nameOfId(snapshot, node.own.masterId), "text", id),
          known(up ? "redis-cluster/link.up" : "redis-cluster/link.down", "text", id),
          lagBytes(snapshot, node),
          lagTime(node),
          historyOf(snapshot, node),
        ],
      };
    }),
    complete: !snapshot.nodes.some(isUntold),
    evidence: snapshot.nodes.map((node) => node.info.evidence.id),
  };
}

/** Whether it copies the history that its master writes; after a failover one of the two ids is the earlier one. */
function historyOf(snapshot: ClusterSnapshot, node: ClusterNode): Figure {
  const id = node.info.evidence.id;
  const own = replicationOf(node);
  const master = node.own?.masterId == null ? null : nodeById(snapshot, node.own.masterId);
  const written = master === null ? null : replicationOf(master);
  if (own === null || written === null) return missing(sentence("redis-cluster/master-does-not-tell"), id);
  const isSame = own.replicationId === written.replicationId || own.replicationId === written.earlierReplicationId;
  return known(isSame ? "redis-cluster/history.same" : "redis-cluster/history.other", "text", id);
}

function openSlotTable(snapshot: ClusterSnapshot): FactTable {
  return {
    name: "redis-cluster/table.openSlots",
    columns: [column("slot", "count"), column("direction", "text"), column("peer", "text")],
    rows: snapshot.nodes.flatMap((node) =>
      (node.own?.openSlots ?? []).map(({ slot, direction, peerId }) => ({
        subject: node.member,
        cells: [
          known(slot, "count", node.nodes.evidence.id),
          known(`redis-cluster/${direction}`, "text", node.nodes.evidence.id),
          known(nameOfId(snapshot, peerId), "text", node.nodes.evidence.id),
        ],
      })),
    ),
    complete: !snapshot.nodes.some(isUntold),
    evidence: snapshot.nodes.map((node) => node.nodes.evidence.id),
  };
}

/** Who does not reach whom: the picture of a partition. */
function accusationTable(snapshot: ClusterSnapshot): FactTable {
  return {
    name: "redis-cluster/table.accusations",
    columns: [column("accused", "text"), column("failure", "text")],
    rows: snapshot.nodes.flatMap((viewer) =>
      viewer.nodes.kind !== "value"
        ? []
        : viewer.nodes.value
            .filter(({ failure }) => failure !== "none")
            .map((node) => ({
              subject: viewer.member,
              cells: [
                known(nameOf(snapshot, node), "text", viewer.nodes.evidence.id),
                known(`redis-cluster/failure.${node.failure}`, "text", viewer.nodes.evidence.id),
              ],
            })),
    ),
    complete: !snapshot.nodes.some(isUntold),
    evidence: snapshot.nodes.map((node) => node.nodes.evidence.id),
  };
}

function slotMap(snapshot: ClusterSnapshot): SlotMap {
  const masterCount = snapshot.shards.length;
  return {
    name: "redis-cluster/map.slots",
    slotCount,
    owners: snapshot.shards.map(({ master }) => ({
      owner: nameOf(snapshot, master),
      ranges: master.ranges.map(({ from, to }) => ({ from, to })),
    })),
    marks: [
      ...(snapshot.leading === null ? [] : unowned(snapshot)).map(({ from, to }) => ({
        from,
        to,
        state: "unowned" as const,
        says: sentence("redis-cluster/mark.unowned"),
      })),
      ...contested(snapshot).map(({ range: { from, to }, by }) => ({
        from,
        to,
        state: "contested" as const,
        says: sentence("redis-cluster/mark.contested", { members: by.map(({ member }) => member).join(", ") }),
      })),
      ...snapshot.nodes.flatMap((node) =>
        (node.own?.openSlots ?? []).map(({ slot, direction, peerId }) => ({
          from: slot,
          to: slot,
          state: direction,
          says: sentence(`redis-cluster/mark.${direction}`, { member: node.member, peer: nameOfId(snapshot, peerId) }),
        })),
      ),
    ],
    whatIf:
      masterCount === 0
        ? []
        : [
            {
              change: sentence("redis-cluster/what-if.joins", { masters: masterCount + 1 }),
              slotCount: Math.floor(slotCount / (masterCount + 1)),
            },
            ...snapshot.shards.map(({ master }) => ({
              change: sentence("redis-cluster/what-if.leaves", { member: nameOf(snapshot, master) }),
              slotCount: countSlots(master.ranges),
            })),
          ],
    complete: snapshot.leading !== null && claimants(snapshot).length >= masterCount,
    evidence: snapshot.nodes.map((node) => node.nodes.evidence.id),
  };
}
