import type { Consistency, FactTable, WitnessTable } from "../../../contract/consistency";
import type { Figure } from "../../../contract/figure";
import { sentence } from "../../../contract/sentence";
import { figureOf, known, missing } from "../figure-of";
import { compareWitnesses } from "../witnesses";
import { lagFigure, timelineFigure, tagsFigure } from "./members";
import { answering, leaderIn, memberNamed, soleLeader, type PatroniMember, type PatroniSnapshot } from "./snapshot";

export function patroniConsistency(snapshot: PatroniSnapshot): Consistency {
  const claim = (name: string, says: (member: PatroniMember) => Figure): WitnessTable =>
    compareWitnesses(
      name,
      snapshot.members.map((member) => ({ member: member.member, says: says(member) })),
    );
  return {
    witnesses: [
      claim("patroni/claim.leader", ({ cluster }) =>
        figureOf(cluster, "text", (view) => {
          const leader = leaderIn(view);
          return leader === null ? sentence("patroni/names-no-leader") : memberNamed(snapshot, leader);
        }),
      ),
      claim("patroni/claim.timeline", timelineFigure),
      claim("patroni/claim.members", ({ cluster }) =>
        figureOf(cluster, "text", ({ members }) => members.map(({ name }) => name).join(" ")),
      ),
      claim("patroni/claim.paused", ({ cluster }) => figureOf(cluster, "flag", ({ isPaused }) => isPaused)),
      claim("patroni/claim.systemIdentifier", ({ status }) =>
        figureOf(status, "text", ({ systemIdentifier }) => systemIdentifier ?? sentence("patroni/not-told")),
      ),
    ],
    tables: [roleTable(snapshot), memberTable(snapshot), historyTable(snapshot)],
    maps: [],
  };
}

/** Whether each server takes writes, as its Patroni says, as PostgreSQL says and as its processes show. */
function roleTable(snapshot: PatroniSnapshot): FactTable {
  const { members } = snapshot;
  return {
    name: "patroni/table.roles",
    columns: [
      { name: "patroni/column.bySaying", unit: "text" },
      { name: "patroni/column.inRecovery", unit: "flag" },
      { name: "patroni/column.byProcesses", unit: "flag" },
      { name: "patroni/column.timeline", unit: "count" },
      { name: "patroni/column.lag", unit: "bytes" },
    ],
    rows: members.map((member) => ({
      subject: member.member,
      cells: [
        figureOf(member.status, "text", ({ role, state }) => `${role}, ${state}`),
        figureOf(member.server, "flag", ({ isInRecovery }) => isInRecovery),
        figureOf(member.postmaster, "flag", (postmaster) =>
          postmaster.kind === "running" ? (postmaster.takesWrites ?? sentence("patroni/not-told")) : false,
        ),
        timelineFigure(member),
        lagFigure(member, snapshot),
      ],
    })),
    complete: answering(snapshot).length === members.length,
    evidence: members.flatMap(({ status, server, postmaster }) =>
      [status, server, postmaster].map(({ evidence }) => evidence.id),
    ),
  };
}

/** What the store holds, which is up to ttl old. */
function memberTable({ view, members }: PatroniSnapshot): FactTable {
  const evidence = members.map(({ cluster }) => cluster.evidence.id);
  const from = members.find(({ cluster }) => cluster.kind === "value")?.cluster.evidence.id ?? "";
  return {
    name: "patroni/table.members",
    columns: [
      { name: "patroni/column.role", unit: "text" },
      { name: "patroni/column.state", unit: "text" },
      { name: "patroni/column.timeline", unit: "count" },
      { name: "patroni/column.listedLag", unit: "bytes" },
      { name: "patroni/column.tags", unit: "text" },
    ],
    rows: (view?.members ?? []).map(({ name, role, state, timeline, lagBytes, tags }) => ({
      subject: name,
      cells: [
        known(role, "text", from),
        known(state, "text", from),
        timeline === null ? missing(sentence("patroni/not-told"), from) : known(timeline, "count", from),
        lagBytes === null ? missing(sentence("patroni/not-told"), from) : known(lagBytes, "bytes", from),
        tagsFigure(tags, from),
      ],
    })),
    complete: view !== null,
    evidence,
  };
}

function historyTable(snapshot: PatroniSnapshot): FactTable {
  const teller = soleLeader(snapshot) ?? answering(snapshot).find(({ history }) => history.kind === "value");
  const changes = teller?.history.kind === "value" ? teller.history.value : [];
  const id = teller?.history.evidence.id ?? "";
  const orMissing = (value: string | number | null, unit: "text" | "instant"): Figure =>
    value === null ? missing(sentence("patroni/not-told"), id) : known(value, unit, id);
  return {
    name: "patroni/table.history",
    columns: [
      { name: "patroni/column.changedAt", unit: "instant" },
      { name: "patroni/column.newLeader", unit: "text" },
      { name: "patroni/column.reason", unit: "text" },
    ],
    rows: changes
      .slice(-20)
      .reverse()
      .map(({ timeline, at, newLeader, reason }) => ({
        subject: String(timeline),
        cells: [orMissing(at, "instant"), orMissing(newLeader, "text"), known(reason, "text", id)],
      })),
    complete: teller?.history.kind === "value",
    evidence: teller === undefined ? [] : [id],
  };
}
