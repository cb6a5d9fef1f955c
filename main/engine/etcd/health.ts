import type { FindingCode, Subject } from "../../../contract/health";
import { sentence, type Fact } from "../../../contract/sentence";
import type { HealthRule, Sighting } from "../engine";
import { ofEachMember } from "../member-rule";
import { hashesAtOneRevision } from "./consistency";
import {
  alarmsOf,
  answering,
  doubleOf,
  leaderOf,
  nameOf,
  quorumOf,
  quotaOf,
  untold,
  votersOf,
  type Answering,
  type EtcdMember,
  type EtcdSnapshot,
} from "./snapshot";

const mebibyte = 1 << 20;
const quotaWatchRatio = 0.8;
const quotaDegradedRatio = 0.95;
const fragmentedRatio = 0.5;
const fragmentedBytes = 64 * mebibyte;
const behindWatch = 1_000;
/** etcd itself refuses writes when so much is committed and not applied. */
const unappliedDegraded = 5_000;
const fsyncWatchMs = 500;
const fsyncDegradedMs = 1_000;
const commitWatchMs = 250;
const filesWatchRatio = 0.8;
/** In a quarter of an hour, as etcd's own alert has it. */
const leaderChangesWatch = 4;
const pendingWatch = 100;
const failedPerSecond = 5;

type Rule = HealthRule<EtcdSnapshot>;

const cluster: Subject = { kind: "cluster" };
const names = (members: readonly EtcdMember[]): string => members.map(({ member }) => member).join(", ");
const statusEvidence = ({ members }: EtcdSnapshot): readonly string[] =>
  members.flatMap(({ status, liveness }) => [status.evidence.id, liveness.evidence.id]);

type Evident = Pick<EtcdMember, "status" | "metrics" | "liveness" | "members" | "quorumRead">;

/** A rule over each member by itself. */
const each = ofEachMember<keyof Evident, EtcdMember, EtcdSnapshot>(({ members }) => members, "status");

/** Voters that cannot take part now, proven: their host says so, or they themselves. */
function lostVoters(snapshot: EtcdSnapshot): readonly EtcdMember[] {
  const voters = new Set(votersOf(snapshot).map(({ id }) => id));
  return snapshot.members.filter(
    ({ countedId, standing }) =>
      countedId !== null && voters.has(countedId) && (standing.kind === "stopped" || standing.kind === "hung"),
  );
}

function knowsLeader(member: Answering): boolean {
  return member.standing.kind !== "leaderless" && member.quorumRead.kind === "value";
}

/** No member that answers has a leader that a majority stands behind. */
function nobodyServes(snapshot: EtcdSnapshot): boolean {
  return !answering(snapshot).some(knowsLeader);
}

function isMajorityLost(snapshot: EtcdSnapshot): boolean {
  const quorum = quorumOf(snapshot);
  return quorum !== null && votersOf(snapshot).length - lostVoters(snapshot).length < quorum;
}

/** The part of the cluster that is seen does not suffice to say that the rest has no leader either. */
function mayServeUnseen(snapshot: EtcdSnapshot): boolean {
  const quorum = quorumOf(snapshot);
  const known = new Set(snapshot.members.map(({ countedId }) => countedId));
  const strangers = votersOf(snapshot).filter(({ id }) => !known.has(id)).length;
  return quorum === null || untold(snapshot).length + strangers >= quorum;
}

const memberRules: readonly FindingCode[] = [
  "etcd/MemberStopped",
  "etcd/MemberHung",
  "etcd/MemberCutOff",
  "etcd/MemberPartlyRead",
];

export const etcdHealth: readonly Rule[] = [
  {
    code: "etcd/QuorumLost",
    level: "critical",
    explains: [...memberRules, "etcd/NoLeader"],
    find: (snapshot) => {
      if (!nobodyServes(snapshot) || !isMajorityLost(snapshot)) return [];
      const facts = {
        gone: names(lostVoters(snapshot)),
        voters: votersOf(snapshot).length,
        needs: quorumOf(snapshot) ?? 0,
      };
      return [{ subject: cluster, facts, evidence: statusEvidence(snapshot) }];
    },
  },
  {
    code: "etcd/NoLeader",
    level: "critical",
    explains: memberRules,
    find: (snapshot) => {
      if (!nobodyServes(snapshot) || isMajorityLost(snapshot)) return [];
      const facts = { members: names(answering(snapshot)) };
      const sighting = { subject: cluster, facts, evidence: statusEvidence(snapshot) };
      if (!mayServeUnseen(snapshot) && answering(snapshot).length > 0) return [sighting];
      const unseen = names(untold(snapshot));
      return [{ ...sighting, cannotTell: sentence("etcd/not-all-seen", { members: unseen }) }];
    },
  },
  {
    code: "etcd/TwoLeaders",
    level: "critical",
    explains: ["etcd/LeaderViewsDiffer", "etcd/MemberCutOff"],
    find: (snapshot) => {
      const leaders = answering(snapshot).filter(({ standing }) => standing.kind === "leader");
      if (leaders.length < 2) return [];
      const right = leaderOf(snapshot);
      const facts = {
        members: leaders.map(({ member, standing }) => `${member} (${standing.status.term})`).join(", "),
        newest: right?.member ?? "",
      };
      return [{ subject: cluster, facts, evidence: leaders.map(({ status }) => status.evidence.id) }];
    },
  },
  {
    code: "etcd/LeaderViewsDiffer",
    level: "degraded",
    find: (snapshot) => {
      const told = answering(snapshot).flatMap((member) =>
        member.standing.status.leaderId === null ? [] : [{ member, leader: member.standing.status.leaderId }],
      );
      if (new Set(told.map(({ leader }) => leader)).size < 2) return [];
      const facts = {
        views: told.map(({ member, leader }) => `${member.member}: ${nameOf(snapshot, leader)}`).join(", "),
      };
      return [{ subject: cluster, facts, evidence: told.map(({ member }) => member.status.evidence.id) }];
    },
  },
  {
    code: "etcd/ClusterIdDiffers",
    level: "critical",
    find: (snapshot) => {
      const told = answering(snapshot);
      if (new Set(told.map(({ standing }) => standing.status.clusterId)).size < 2) return [];
      const facts = {
        members: told.map(({ member, standing }) => `${member}: ${standing.status.clusterId}`).join(", "),
      };
      return [{ subject: cluster, facts, evidence: told.map(({ status }) => status.evidence.id) }];
    },
  },
  each("etcd/MemberStopped", "degraded", ({ standing }) => (standing.kind === "stopped" ? { of: "liveness" } : null)),
  each("etcd/MemberHung", "degraded", ({ standing }) =>
    standing.kind === "hung" ? { facts: { pid: standing.pid }, of: "liveness" } : null,
  ),
  {
    code: "etcd/MemberNotRead",
    level: "degraded",
    find: (snapshot) =>
      untold(snapshot).map(({ member, standing, status }) => ({
        subject: { kind: "member", member },
        facts: { member },
        evidence: [status.evidence.id],
        cannotTell: "reason" in standing ? standing.reason : sentence("etcd/not-all-seen", { members: member }),
      })),
  },
  {
    code: "etcd/MemberPartlyRead",
    level: "watch",
    // What was not read cannot be called well: the quota of a member whose metrics are refused may be used up.
    find: (snapshot) =>
      answering(snapshot).flatMap(({ member, members, metrics, liveness, quorumRead, standing }) =>
        [members, metrics, liveness, ...(standing.kind === "learner" ? [] : [quorumRead])].flatMap(
          (reading): readonly Sighting[] =>
            reading.kind === "value"
              ? []
              : [
                  {
                    subject: { kind: "object", object: reading.evidence.id, member },
                    facts: { member },
                    evidence: [reading.evidence.id],
                    cannotTell: reading.reason,
                  },
                ],
        ),
      ),
  },
  each("etcd/MemberCutOff", "degraded", (member, snapshot) =>
    member.standing.kind === "leaderless" && !nobodyServes(snapshot) ? {} : null,
  ),
  each("etcd/MemberRemoved", "degraded", (member, snapshot) => {
    const { listed } = snapshot;
    if (listed === null || listed.some(({ id }) => id === member.id)) return null;
    const double = doubleOf(snapshot, member);
    const mayBeIt = double !== null && !snapshot.members.some(({ id }) => id === double.id);
    return member.id === null && mayBeIt ? null : { of: "members" };
  }),
  {
    code: "etcd/MemberNeverStarted",
    level: "degraded",
    find: (snapshot) => listedBut(snapshot, ({ name }) => name === ""),
  },
  {
    code: "etcd/MemberUnknownHere",
    level: "watch",
    find: (snapshot) => listedBut(snapshot, ({ name }) => name !== ""),
  },
  {
    code: "etcd/MemberListsDiffer",
    level: "degraded",
    find: (snapshot) => {
      const told = snapshot.members.flatMap(({ member, members }) =>
        members.kind === "value" ? [{ member, evidence: members.evidence.id, list: members.value }] : [],
      );
      if (new Set(told.map(({ list }) => JSON.stringify(list.map(({ id }) => id)))).size < 2) return [];
      const facts = { members: told.map(({ member, list }) => `${member}: ${list.length}`).join(", ") };
      return [{ subject: cluster, facts, evidence: told.map(({ evidence }) => evidence) }];
    },
  },
  { code: "etcd/AlarmNoSpace", level: "critical", find: (snapshot) => alarmed(snapshot, "NOSPACE") },
  { code: "etcd/AlarmCorrupt", level: "critical", find: (snapshot) => alarmed(snapshot, "CORRUPT") },
  {
    code: "etcd/KeysDiffer",
    level: "critical",
    find: (snapshot) => {
      const compared = hashesAtOneRevision(snapshot);
      if (compared === null || new Set(compared.map(({ hash }) => hash.hash)).size < 2) return [];
      const facts = {
        members: compared.map(({ member, hash }) => `${member.member}: ${hash.hash}`).join(", "),
        revision: compared[0]?.hash.revision ?? 0,
      };
      return [{ subject: cluster, facts, evidence: compared.map(({ member }) => member.hash.evidence.id) }];
    },
  },
  each("etcd/QuotaNear", "watch", (member) => {
    const quotaBytes = quotaOf(member);
    if (member.status.kind !== "value" || quotaBytes === null || quotaBytes === 0) return null;
    const { dbBytes } = member.status.value;
    const ratio = dbBytes / quotaBytes;
    if (ratio < quotaWatchRatio) return null;
    return { facts: { dbBytes, quotaBytes }, level: ratio >= quotaDegradedRatio ? "degraded" : "watch" };
  }),
  each("etcd/Fragmented", "watch", ({ status }) => {
    if (status.kind !== "value" || status.value.dbBytes < fragmentedBytes) return null;
    const { dbBytes, dbInUseBytes } = status.value;
    return dbInUseBytes / dbBytes < fragmentedRatio ? { facts: { dbBytes, dbInUseBytes } } : null;
  }),
  each("etcd/MemberBehind", "watch", (member, snapshot) => {
    const leader = leaderOf(snapshot);
    if (leader === null || member.status.kind !== "value") return null;
    const behind = leader.standing.status.index - member.status.value.index;
    return behind > behindWatch ? { facts: { behind, leader: leader.member } } : null;
  }),
  each("etcd/ApplyBehind", "watch", ({ status }) => {
    if (status.kind !== "value") return null;
    const unapplied = status.value.index - status.value.appliedIndex;
    if (unapplied <= behindWatch) return null;
    return { facts: { unapplied }, level: unapplied > unappliedDegraded ? "degraded" : "watch" };
  }),
  each("etcd/FsyncSlow", "watch", ({ since }) => {
    const upToMs = since?.fsyncMs ?? null;
    if (upToMs === null || upToMs < fsyncWatchMs) return null;
    return { facts: durationFact(upToMs), level: upToMs >= fsyncDegradedMs ? "degraded" : "watch", of: "metrics" };
  }),
  each("etcd/CommitSlow", "watch", ({ since }) => {
    const upToMs = since?.commitMs ?? null;
    return upToMs === null || upToMs < commitWatchMs ? null : { facts: durationFact(upToMs), of: "metrics" };
  }),
  each("etcd/LeaderChanging", "watch", ({ elections }) =>
    elections !== null && elections.changes >= leaderChangesWatch ? { facts: { ...elections }, of: "metrics" } : null,
  ),
  each("etcd/ProposalsFailing", "watch", ({ since }) =>
    since !== null && since.proposalsFailed / since.seconds > failedPerSecond
      ? { facts: { failed: since.proposalsFailed, seconds: Math.round(since.seconds) }, of: "metrics" }
      : null,
  ),
  each("etcd/ProposalsPending", "watch", ({ metrics }) => {
    const pending = metrics.kind === "value" ? metrics.value.proposalsPending : null;
    return pending !== null && pending > pendingWatch ? { facts: { pending }, of: "metrics" } : null;
  }),
  each("etcd/FilesNearLimit", "watch", ({ metrics }) => {
    if (metrics.kind !== "value") return null;
    const { openFiles, maxFiles } = metrics.value;
    if (openFiles === null || maxFiles === null || openFiles / maxFiles < filesWatchRatio) return null;
    return { facts: { openFiles, maxFiles }, of: "metrics" };
  }),
  each("etcd/KeepsRestarting", "degraded", (member) => (member.keepsRestarting ? { of: "liveness" } : null)),
  {
    code: "etcd/VersionsDiffer",
    level: "watch",
    find: (snapshot) => {
      const told = answering(snapshot);
      if (new Set(told.map(({ standing }) => standing.status.version)).size < 2) return [];
      const facts = { members: told.map(({ member, standing }) => `${member}: ${standing.status.version}`).join(", ") };
      return [{ subject: cluster, facts, evidence: told.map(({ status }) => status.evidence.id) }];
    },
  },
];

/** The last bucket has no upper bound. */
function durationFact(upToMs: number): Readonly<Record<string, Fact>> {
  return { tookMs: Number.isFinite(upToMs) ? upToMs : 8_192 };
}

function alarmed(snapshot: EtcdSnapshot, kind: string): readonly Sighting[] {
  return alarmsOf(snapshot)
    .filter((alarm) => alarm.kind === kind)
    .map(({ memberId }) => {
      const member = nameOf(snapshot, memberId);
      const evidence = answering(snapshot).map(({ status }) => status.evidence.id);
      return { subject: { kind: "member", member }, facts: { member }, evidence };
    });
}

/** Members that the cluster counts and that are not among those that are asked. */
function listedBut(snapshot: EtcdSnapshot, which: (listed: { readonly name: string }) => boolean): readonly Sighting[] {
  const known = new Set(snapshot.members.flatMap(({ countedId }) => countedId ?? []));
  return (snapshot.listed ?? [])
    .filter((listed) => !known.has(listed.id) && which(listed))
    .map(({ id, name, peerUrls }) => ({
      subject: { kind: "object", object: id, member: name === "" ? id : name },
      facts: { id, name, peerUrls: peerUrls.join(", ") },
      evidence: snapshot.members.map(({ members }) => members.evidence.id),
    }));
}
