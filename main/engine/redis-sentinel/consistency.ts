import type { Consistency, FactTable, WitnessTable } from "../../../contract/consistency";
import type { Figure, Unit } from "../../../contract/figure";
import { sentence } from "../../../contract/sentence";
import { figureOf, known } from "../figure-of";
import { slowCallTable } from "../redis-server/figures";
import { isUntold, replicationOf } from "../redis-server/server";
import { compareWitnesses } from "../witnesses";
import { ghostsOf, memberAt } from "./health";
import { lagBytes, lagTime } from "./members";
import { nameAt, replicasOf, sourceOf, type DataServer, type Sentinel, type SentinelSnapshot } from "./snapshot";
import type { WatchedMaster } from "./watched";

export function redisSentinelConsistency(snapshot: SentinelSnapshot): Consistency {
  const told = (claim: string, pick: (master: WatchedMaster) => number): WitnessTable =>
    compareWitnesses(
      `redis-sentinel/claim.${claim}`,
      snapshot.sentinels.map(({ member, master }) => ({ member, says: figureOf(master, "count", pick) })),
    );
  return {
    witnesses: [
      masterClaim(snapshot),
      told("configEpoch", ({ configEpoch }) => configEpoch),
      told("quorum", ({ quorum }) => quorum),
      told("sentinels", ({ otherSentinelCount }) => otherSentinelCount + 1),
      told("replicas", ({ replicaCount }) => replicaCount),
    ],
    tables: [replicaTable(snapshot), ghostTable(snapshot), slowCallTable("redis-sentinel", snapshot.data)],
    maps: [],
  };
}

/** Who is the master: the sentinels by the address they give to clients, a master by itself, a replica by whom it copies. */
function masterClaim(snapshot: SentinelSnapshot): WitnessTable {
  const says = (one: DataServer | Sentinel): Figure => {
    if (one.kind === "sentinel") return figureOf(one.master, "text", ({ address }) => nameAt(snapshot, address));
    const source = sourceOf(one);
    return figureOf(one.info, "text", () => (source === null ? one.member : nameAt(snapshot, source)));
  };
  return compareWitnesses(
    "redis-sentinel/claim.master",
    snapshot.members.map((one) => ({ member: one.member, says: says(one) })),
  );
}

function column(name: string, unit: Unit): FactTable["columns"][number] {
  return { name: `redis-sentinel/column.${name}`, unit };
}

function replicaTable(snapshot: SentinelSnapshot): FactTable {
  return {
    name: "redis-sentinel/table.replicas",
    columns: [
      column("master", "text"),
      column("link", "text"),
      column("lagBytes", "bytes"),
      column("lagTime", "duration"),
      column("priority", "count"),
    ],
    rows: replicasOf(snapshot).map((one) => {
      const replication = replicationOf(one);
      const id = one.info.evidence.id;
      const isReplica = replication?.role === "replica";
      return {
        subject: one.member,
        cells: [
          known(nameAt(snapshot, sourceOf(one) ?? "?"), "text", id),
          known(`redis-sentinel/link.${isReplica && replication.isLinkUp ? "up" : "down"}`, "text", id),
          lagBytes(snapshot, one),
          lagTime(one),
          figureOf(one.info, "count", () =>
            isReplica ? replication.priority : sentence("redis-sentinel/is-a-master"),
          ),
        ],
      };
    }),
    complete: !snapshot.data.some(isUntold),
    evidence: snapshot.data.map(({ info }) => info.evidence.id),
  };
}

function ghostTable(snapshot: SentinelSnapshot): FactTable {
  return {
    name: "redis-sentinel/table.ghosts",
    columns: [column("kind", "text"), column("countedBy", "text")],
    rows: ghostsOf(snapshot).map(({ kind, address, by }) => {
      const id = by[0]?.master.evidence.id ?? "";
      return {
        subject: memberAt(snapshot, address),
        cells: [
          known(`redis-sentinel/role.${kind}`, "text", id),
          known(by.map(({ member }) => member).join(", "), "text", id),
        ],
      };
    }),
    complete: !snapshot.sentinels.some(isUntold),
    evidence: snapshot.sentinels.flatMap(({ replicas, sentinels }) => [replicas.evidence.id, sentinels.evidence.id]),
  };
}
