import type { Consistency, FactTable, WitnessTable } from "../../../contract/consistency";
import type { Figure } from "../../../contract/figure";
import { sentence } from "../../../contract/sentence";
import { figureOf, known, missing } from "../figure-of";
import { compareWitnesses } from "../witnesses";
import type { KeyHash } from "./probes";
import { alarmsOf, answering, leaderOf, nameOf, type EtcdMember, type EtcdSnapshot } from "./snapshot";

export function etcdConsistency(snapshot: EtcdSnapshot): Consistency {
  const { members } = snapshot;
  const claim = (name: string, says: (member: EtcdMember) => Figure): WitnessTable =>
    compareWitnesses(
      name,
      members.map((member) => ({ member: member.member, says: says(member) })),
    );
  return {
    witnesses: [
      claim("etcd/claim.leader", ({ status }) =>
        figureOf(status, "text", ({ leaderId }) =>
          leaderId === null ? sentence("etcd/knows-no-leader") : nameOf(snapshot, leaderId),
        ),
      ),
      claim("etcd/claim.term", ({ status }) => figureOf(status, "text", ({ term }) => String(term))),
      claim("etcd/claim.members", ({ members: list }) =>
        figureOf(list, "text", (all) => all.map(({ id, isLearner }) => (isLearner ? `${id} (learner)` : id)).join(" ")),
      ),
      claim("etcd/claim.clusterId", ({ status }) => figureOf(status, "text", ({ clusterId }) => clusterId)),
      claim("etcd/claim.alarms", ({ status }) =>
        figureOf(status, "text", ({ alarms }) =>
          alarms.length === 0
            ? "assess/none"
            : alarms.map(({ kind, memberId }) => `${kind} ${nameOf(snapshot, memberId)}`).join(", "),
        ),
      ),
      claim("etcd/claim.keys", (member) => hashSaid(snapshot, member)),
    ],
    tables: [memberTable(snapshot), raftTable(snapshot), alarmTable(snapshot)],
    maps: [],
  };
}

interface Hashed {
  readonly member: EtcdMember;
  readonly hash: KeyHash;
}

/**
 * Hashes that were taken at one revision; those of different revisions say nothing of each other. Of several moments that more than one
 * member was hashed at, one at which they differ comes first, then the one most were hashed at.
 */
export function hashesAtOneRevision({ members }: EtcdSnapshot): readonly Hashed[] | null {
  const told = members.flatMap((member): readonly Hashed[] =>
    member.hash.kind === "value" ? [{ member, hash: member.hash.value }] : [],
  );
  const moments = new Map<string, Hashed[]>();
  for (const one of told) {
    const moment = `${one.hash.revision} ${one.hash.compactRevision}`;
    moments.set(moment, [...(moments.get(moment) ?? []), one]);
  }
  if (moments.size <= 1) return told.length === 0 ? null : told;
  const [first] = [...moments.values()]
    .filter(({ length }) => length > 1)
    .sort((one, other) => hashCount(other) - hashCount(one) || other.length - one.length);
  return first ?? null;
}

function hashCount(hashed: readonly Hashed[]): number {
  return new Set(hashed.map(({ hash }) => hash.hash)).size;
}

function hashSaid(snapshot: EtcdSnapshot, { hash, member: name }: EtcdMember): Figure {
  const isComparable = hashesAtOneRevision(snapshot)?.some(({ member }) => member.member === name) ?? false;
  return figureOf(hash, "text", (told) =>
    isComparable ? `${told.revision}: ${told.hash.toString(16)}` : sentence("etcd/hash-moments-differ"),
  );
}

function memberTable(snapshot: EtcdSnapshot): FactTable {
  const evidence = snapshot.members.map(({ members }) => members.evidence.id);
  const from = snapshot.members.find(({ members }) => members.kind === "value")?.members.evidence.id ?? "";
  return {
    name: "etcd/table.members",
    columns: [
      { name: "etcd/column.id", unit: "text" },
      { name: "etcd/column.votes", unit: "flag" },
      { name: "etcd/column.peerUrls", unit: "text" },
      { name: "etcd/column.clientUrls", unit: "text" },
    ],
    rows: (snapshot.listed ?? []).map(({ id, isLearner, peerUrls, clientUrls }) => ({
      subject: nameOf(snapshot, id),
      cells: [
        known(id, "text", from),
        known(!isLearner, "flag", from),
        known(peerUrls.join(" "), "text", from),
        clientUrls.length === 0
          ? missing(sentence("etcd/never-started"), from)
          : known(clientUrls.join(" "), "text", from),
      ],
    })),
    complete: snapshot.listed !== null,
    evidence,
  };
}

function raftTable(snapshot: EtcdSnapshot): FactTable {
  const leader = leaderOf(snapshot);
  return {
    name: "etcd/table.raft",
    columns: [
      { name: "etcd/column.index", unit: "count" },
      { name: "etcd/column.behind", unit: "count" },
      { name: "etcd/column.unapplied", unit: "count" },
      { name: "etcd/column.revision", unit: "count" },
    ],
    rows: answering(snapshot).map((member) => {
      const { index, appliedIndex, revision } = member.standing.status;
      const { id } = member.status.evidence;
      return {
        subject: member.member,
        cells: [
          known(index, "count", id),
          leader === null
            ? missing(sentence("etcd/knows-no-leader"), id)
            : // The leader was read a moment earlier or later; a follower cannot be ahead of it.
              known(Math.max(0, leader.standing.status.index - index), "count", id),
          known(index - appliedIndex, "count", id),
          known(revision, "count", id),
        ],
      };
    }),
    complete: answering(snapshot).length === snapshot.members.length,
    evidence: snapshot.members.map(({ status }) => status.evidence.id),
  };
}

function alarmTable(snapshot: EtcdSnapshot): FactTable {
  const evidence = snapshot.members.map(({ status }) => status.evidence.id);
  return {
    name: "etcd/table.alarms",
    columns: [{ name: "etcd/column.alarm", unit: "text" }],
    rows: alarmsOf(snapshot).map(({ memberId, kind }) => ({
      subject: nameOf(snapshot, memberId),
      cells: [known(kind, "text", evidence[0] ?? "")],
    })),
    complete: answering(snapshot).some(({ standing }) => standing.kind !== "leaderless"),
    evidence,
  };
}
