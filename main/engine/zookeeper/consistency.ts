import type { Consistency, FactTable, WitnessTable } from "../../../contract/consistency";
import type { Figure } from "../../../contract/figure";
import { sentence } from "../../../contract/sentence";
import { figureOf, known, missing } from "../figure-of";
import { compareWitnesses } from "../witnesses";
import { fileOf, leaderOf, nameOf, serving, type EnsembleSnapshot, type Server } from "./snapshot";
import { comparedTexts, listText, type ServerList } from "./server-lines";

export function zookeeperConsistency(snapshot: EnsembleSnapshot): Consistency {
  const claim = (name: string, says: (server: Server) => Figure): WitnessTable =>
    compareWitnesses(
      name,
      snapshot.servers.map((server) => ({ member: server.member, says: says(server) })),
    );
  return {
    witnesses: [
      claim("zookeeper/claim.leader", (server) => leaderSaid(snapshot, server)),
      claim("zookeeper/claim.epoch", ({ disk }) =>
        figureOf(disk, "text", ({ currentEpoch }) =>
          currentEpoch === null ? sentence("zookeeper/epoch-unread") : String(currentEpoch),
        ),
      ),
      claim("zookeeper/claim.acceptedEpoch", ({ disk }) =>
        figureOf(disk, "text", ({ acceptedEpoch }) =>
          acceptedEpoch === null ? sentence("zookeeper/epoch-unread") : String(acceptedEpoch),
        ),
      ),
      claim("zookeeper/claim.servers", ({ list }) => figureOf(list, "text", (own) => comparableText(snapshot, own))),
      claim("zookeeper/claim.configuration", (server) =>
        figureOf(server.disk, "text", () => {
          const file = fileOf(server);
          return file === null || file.servers.length === 0 ? sentence("zookeeper/no-server-lines") : listText(file);
        }),
      ),
    ],
    tables: [zxidTable(snapshot), serverTable(snapshot)],
    maps: [],
  };
}

/** What all the running servers tell, so that one that leaves out observers does not differ by that. */
function comparableText({ servers }: EnsembleSnapshot, own: ServerList): string {
  const all = servers.flatMap(({ list }) => (list.kind === "value" ? [list.value] : []));
  return comparedTexts([own, ...all])[0] ?? "";
}

/** A leader says itself; whom a follower follows only the AdminServer tells. */
function leaderSaid(snapshot: EnsembleSnapshot, server: Server): Figure {
  const { leader, standing, srvr } = server;
  if (leader.kind === "value") return known(nameOf(snapshot, leader.value), "text", leader.evidence.id);
  if (standing.kind === "leader") return known(server.member, "text", srvr.evidence.id);
  return missing(srvr.kind === "value" ? sentence("zookeeper/leader-untold") : srvr.reason, leader.evidence.id);
}

function zxidTable(snapshot: EnsembleSnapshot): FactTable {
  const leader = leaderOf(snapshot);
  const ahead = leader?.srvr.kind === "value" ? leader.srvr.value : null;
  return {
    name: "zookeeper/table.transactions",
    columns: [
      { name: "zookeeper/column.epoch", unit: "count" },
      { name: "zookeeper/column.counter", unit: "count" },
      { name: "zookeeper/column.behind", unit: "count" },
      { name: "zookeeper/column.nodes", unit: "count" },
    ],
    rows: serving(snapshot).map(({ member, srvr }) => ({
      subject: member,
      cells: [
        figureOf(srvr, "count", ({ epoch }) => epoch),
        figureOf(srvr, "count", ({ counter }) => counter),
        figureOf(srvr, "count", ({ epoch, counter }) =>
          ahead === null || ahead.epoch !== epoch
            ? sentence("zookeeper/no-leader-to-compare")
            : // The leader was read a moment earlier or later; a follower cannot be ahead of it.
              Math.max(0, ahead.counter - counter),
        ),
        figureOf(srvr, "count", ({ nodeCount }) => nodeCount),
      ],
    })),
    complete: serving(snapshot).length === snapshot.servers.length,
    evidence: snapshot.servers.map(({ srvr }) => srvr.evidence.id),
  };
}

function serverTable(snapshot: EnsembleSnapshot): FactTable {
  const evidence = snapshot.servers.map(({ list }) => list.evidence.id);
  const from = evidence[0] ?? "";
  return {
    name: "zookeeper/table.servers",
    columns: [
      { name: "zookeeper/column.address", unit: "text" },
      { name: "zookeeper/column.votes", unit: "flag" },
    ],
    rows: (snapshot.listed?.servers ?? []).map(({ id, host, quorumPort, electionPort, role }) => ({
      subject: `${id} ${nameOf(snapshot, id)}`,
      cells: [
        known(`${host}:${quorumPort}:${electionPort}`, "text", from),
        known(role === "participant", "flag", from),
      ],
    })),
    complete: snapshot.listed?.isWhole === true,
    evidence,
  };
}
