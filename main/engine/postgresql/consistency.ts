import type { Consistency, FactTable, WitnessTable } from "../../../contract/consistency";
import type { EvidenceId, Figure, Unit } from "../../../contract/figure";
import { sentence } from "../../../contract/sentence";
import { figureOf, known, missing } from "../figure-of";
import { compareWitnesses } from "../witnesses";
import { lagBytes, lagTime } from "./members";
import type { Slot } from "./probes";
import {
  diskFillerOf,
  msUntilLost,
  primariesOf,
  standbysOf,
  untoldFillerOf,
  upstreamOf,
  whyNoReceiver,
  type Server,
  type ServersSnapshot,
} from "./snapshot";

export function postgresqlConsistency(snapshot: ServersSnapshot): Consistency {
  return {
    witnesses: [primaryClaim(snapshot), timelineClaim(snapshot), identifierClaim(snapshot)],
    tables: [replicaTable(snapshot), slotTable(snapshot), preparedTable(snapshot)],
    maps: [],
  };
}

/** Who is the primary, as each server tells it: a primary says itself, a standby whom it receives from. */
function primaryClaim(snapshot: ServersSnapshot): WitnessTable {
  const said = (server: Server): Figure =>
    figureOf(server.state, "text", (state) => {
      if (!state.isInRecovery) return server.member;
      if (state.receiver === null) return whyNoReceiver(state);
      const upstream = upstreamOf(state, snapshot.servers);
      return upstream?.member ?? `${state.receiver.senderHost}:${state.receiver.senderPort}`;
    });
  return witnessed("postgresql/claim.primary", snapshot, said);
}

function timelineClaim(snapshot: ServersSnapshot): WitnessTable {
  return witnessed("postgresql/claim.timeline", snapshot, (server) =>
    figureOf(server.state, "text", (state) =>
      state.timeline === null ? whyNoReceiver(state) : String(state.timeline),
    ),
  );
}

function identifierClaim(snapshot: ServersSnapshot): WitnessTable {
  return witnessed("postgresql/claim.systemIdentifier", snapshot, (server) =>
    figureOf(server.state, "text", (state) => state.systemIdentifier),
  );
}

function witnessed(claim: string, { servers }: ServersSnapshot, said: (server: Server) => Figure): WitnessTable {
  return compareWitnesses(
    claim,
    servers.map((server) => ({ member: server.member, says: said(server) })),
  );
}

function replicaTable(snapshot: ServersSnapshot): FactTable {
  const columns: FactTable["columns"] = [
    { name: "postgresql/column.upstream", unit: "text" },
    { name: "postgresql/column.receiver", unit: "text" },
    { name: "postgresql/column.lagBytes", unit: "bytes" },
    { name: "postgresql/column.lagTime", unit: "duration" },
  ];
  const rows = standbysOf(snapshot).map((server) => {
    const { receiver } = server.standing.state;
    const id = server.state.evidence.id;
    const upstream = upstreamOf(server.standing.state, snapshot.servers)?.member;
    return {
      subject: server.member,
      cells: [
        upstream === undefined ? missing(sentence("postgresql/upstream-unknown"), id) : known(upstream, "text", id),
        receiver === null ? missing(whyNoReceiver(server.standing.state), id) : known(receiver.status, "text", id),
        lagBytes(server, snapshot),
        lagTime(server),
      ],
    };
  });
  const evidence = snapshot.servers.map((server) => server.state.evidence.id);
  const complete = snapshot.servers.every(({ standing }) => standing.kind !== "unseen" && standing.kind !== "refusing");
  return { name: "postgresql/table.replicas", columns, rows, complete, evidence };
}

function slotTable({ servers }: ServersSnapshot): FactTable {
  const rows = servers.flatMap((server) => {
    if (server.slots.kind !== "value") return [];
    const { id } = server.slots.evidence;
    return server.slots.value.map((slot) => ({
      subject: `${server.member} / ${slot.name}`,
      cells: [
        known(slot.kind, "text", id),
        known(slot.isActive, "flag", id),
        orMissing(slot.walStatus, "text", id, "postgresql/slot-never-used"),
        orMissing(slot.retainedBytes, "bytes", id, "postgresql/slot-never-used"),
        orMissing(server.slotGrowth.get(slot.name) ?? null, "bytes-per-second", id, "postgresql/needs-a-minute"),
        timeLeft(server, slot, id),
      ],
    }));
  });
  const columns: FactTable["columns"] = [
    { name: "postgresql/column.slotKind", unit: "text" },
    { name: "postgresql/column.active", unit: "flag" },
    { name: "postgresql/column.walStatus", unit: "text" },
    { name: "postgresql/column.retainedBytes", unit: "bytes" },
    { name: "postgresql/column.growth", unit: "bytes-per-second" },
    { name: "postgresql/column.timeLeft", unit: "duration" },
  ];
  const evidence = servers.map((server) => server.slots.evidence.id);
  return {
    name: "postgresql/table.slots",
    columns,
    rows,
    complete: isComplete(servers, (server) => server.slots.kind),
    evidence,
  };
}

/** Until the disk is full or the slot is lost, whichever comes first. */
function timeLeft(server: Server, slot: Slot, evidence: EvidenceId): Figure {
  const until = diskFillerOf(server, slot)?.untilFullMs ?? msUntilLost(server, slot);
  if (until !== null) return known(until, "duration", evidence);
  const untold = untoldFillerOf(server, slot);
  if (untold !== null) return missing(untold.reason, server.walDisk.evidence.id);
  if (slot.isActive) return missing(sentence("postgresql/slot-is-read"), evidence);
  if (slot.walStatus === "lost") return missing(sentence("postgresql/slot-is-lost"), evidence);
  if (!server.slotGrowth.has(slot.name)) return missing(sentence("postgresql/needs-a-minute"), evidence);
  return missing(sentence("postgresql/slot-does-not-grow"), evidence);
}

function preparedTable(snapshot: ServersSnapshot): FactTable {
  const rows = primariesOf(snapshot).flatMap((server) => {
    if (server.prepared.kind !== "value") return [];
    const { id } = server.prepared.evidence;
    return server.prepared.value.map((transaction) => ({
      subject: transaction.gid,
      cells: [
        known(server.member, "text", id),
        known(transaction.owner, "text", id),
        known(transaction.database, "text", id),
        known(transaction.ageMs, "duration", id),
        known(transaction.lockedCount, "count", id),
      ],
    }));
  });
  const columns: FactTable["columns"] = [
    { name: "postgresql/column.on", unit: "text" },
    { name: "postgresql/column.owner", unit: "text" },
    { name: "postgresql/column.database", unit: "text" },
    { name: "postgresql/column.age", unit: "duration" },
    { name: "postgresql/column.locked", unit: "count" },
  ];
  const primaries = primariesOf(snapshot);
  const evidence = snapshot.servers.map((server) => server.prepared.evidence.id);
  const complete = primaries.length > 0 && isComplete(primaries, (server) => server.prepared.kind);
  return { name: "postgresql/table.prepared", columns, rows, complete, evidence };
}

function isComplete(servers: readonly Server[], kindOf: (server: Server) => "value" | "not-there" | "failed"): boolean {
  return servers.every((server) => kindOf(server) === "value" || server.standing.kind === "stopped");
}

function orMissing(value: string | number | null, unit: Unit, evidence: string, reason: string): Figure {
  return value === null ? missing(sentence(reason), evidence) : known(value, unit, evidence);
}
