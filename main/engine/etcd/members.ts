import type { Figure, Unit } from "../../../contract/figure";
import type { NamedFigure } from "../../../contract/health";
import { sentence } from "../../../contract/sentence";
import type { EngineMember } from "../engine";
import { figureOf, known, missing, nothing } from "../figure-of";
import type { MemberMetrics, MemberStatus } from "./probes";
import { quotaOf, type EtcdMember, type EtcdSnapshot, type Since } from "./snapshot";

/** One entry a member, with the figures of the members table. */
export function etcdMembers({ members }: EtcdSnapshot): readonly EngineMember[] {
  return members.map((member) => ({
    member: member.member,
    node: member.node,
    role: roleOf(member),
    figures: figuresOf(member),
  }));
}

export function roleOf({ standing, status, liveness }: EtcdMember): Figure {
  switch (standing.kind) {
    case "leader":
    case "follower":
    case "learner":
    case "leaderless":
      return known(`etcd/role.${standing.kind}`, "text", status.evidence.id);
    case "stopped":
    case "hung":
      return known(`etcd/role.${standing.kind}`, "text", liveness.evidence.id);
    case "refusing":
    case "unseen":
      return missing(standing.reason, status.evidence.id);
  }
}

function figuresOf(member: EtcdMember): readonly NamedFigure[] {
  const said = (name: string, unit: Unit, pick: (status: MemberStatus) => string | number): NamedFigure => ({
    name: `etcd/figure.${name}`,
    figure: figureOf(member.status, unit, pick),
  });
  const measured = (name: string, unit: Unit, pick: (metrics: MemberMetrics) => number | null): NamedFigure => ({
    name: `etcd/figure.${name}`,
    figure: figureOf(member.metrics, unit, (metrics) => pick(metrics) ?? sentence("etcd/not-measured")),
  });
  return [
    said("term", "count", ({ term }) => term),
    said("index", "count", ({ index }) => index),
    said("database", "bytes", ({ dbBytes }) => dbBytes),
    said("inUse", "bytes", ({ dbInUseBytes }) => dbInUseBytes),
    { name: "etcd/figure.quotaUsed", figure: quotaUsed(member) },
    { name: "etcd/figure.fsync", figure: tailFigure(member, "fsync", ({ fsyncMs }) => fsyncMs) },
    { name: "etcd/figure.commit", figure: tailFigure(member, "commit", ({ commitMs }) => commitMs) },
    { name: "etcd/figure.requests", figure: sinceFigure(member, "per-second", (since) => since.requestsPerSecond) },
    measured("pending", "count", ({ proposalsPending }) => proposalsPending),
    measured("watchers", "count", ({ watchers }) => watchers),
    measured("readTransactions", "count", ({ openReadTransactions }) => openReadTransactions),
    measured("slowReads", "count", ({ slowReads }) => slowReads),
    measured("filesUsed", "ratio", ({ openFiles, maxFiles }) =>
      openFiles === null || maxFiles === null ? null : openFiles / maxFiles,
    ),
    said("version", "text", ({ version }) => version),
    measured("startedAt", "instant", ({ startedAt }) => startedAt),
  ];
}

function quotaUsed(member: EtcdMember): Figure {
  const quota = quotaOf(member);
  return figureOf(member.status, "ratio", ({ dbBytes }) =>
    quota === null || quota === 0 ? sentence("etcd/not-measured") : dbBytes / quota,
  );
}

/** How long the slowest hundredth took; the last bucket of a histogram has no upper bound. */
function tailFigure(member: EtcdMember, of: "fsync" | "commit", pick: (since: Since) => number | null): Figure {
  const { since } = member;
  return figureOf(member.metrics, "duration", (metrics) => {
    if (metrics[of].length === 0) return sentence("etcd/not-measured");
    if (since === null) return sentence("etcd/needs-two-readings");
    const upToMs = pick(since);
    if (upToMs === null) return nothing(sentence("etcd/nothing-happened"));
    return Number.isFinite(upToMs) ? upToMs : sentence("etcd/longer-than-measured");
  });
}

/** A rate between two readings. */
export function sinceFigure(member: EtcdMember, unit: Unit, pick: (since: Since) => number | null): Figure {
  const { since, metrics } = member;
  return figureOf(metrics, unit, () => {
    if (since === null) return sentence("etcd/needs-two-readings");
    return pick(since) ?? sentence("etcd/not-measured");
  });
}
