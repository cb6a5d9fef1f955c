import type { EvidenceId, Figure, Unit } from "../../../contract/figure";
import type { NamedFigure } from "../../../contract/health";
import { sentence } from "../../../contract/sentence";
import type { EngineMember } from "../engine";
import { figureOf, known, missing, none } from "../figure-of";
import { hitRatio } from "../postgresql-server/blocks";
import type { MemberStatus } from "./answers";
import type { ServerState } from "./server";
import {
  lagBytes,
  notReplayedBytes,
  soleLeader,
  timelineOf,
  type PatroniMember,
  type PatroniSnapshot,
} from "./snapshot";

/** One entry a member, with the figures of the members table. */
export function patroniMembers(snapshot: PatroniSnapshot): readonly EngineMember[] {
  return snapshot.members.map((member) => ({
    member: member.member,
    node: member.node,
    role: roleOf(member),
    figures: figuresOf(member, snapshot),
  }));
}

export function roleOf({ standing, status, liveness }: PatroniMember): Figure {
  switch (standing.kind) {
    case "leader":
    case "keyless":
    case "standby-leader":
    case "replica":
    case "serverless":
      return known(`patroni/role.${standing.kind}`, "text", status.evidence.id);
    case "stopped":
    case "hung":
      return known(`patroni/role.${standing.kind}`, "text", liveness.evidence.id);
    case "refusing":
    case "unseen":
      return missing(standing.reason, status.evidence.id);
  }
}

export function activityFigure(
  { server }: PatroniMember,
  pick: (activity: NonNullable<ServerState["activity"]>) => number,
): Figure {
  return figureOf(server, "count", ({ activity }) =>
    activity === null ? sentence("patroni/sessions-not-seen") : pick(activity),
  );
}

function figuresOf(member: PatroniMember, snapshot: PatroniSnapshot): readonly NamedFigure[] {
  const of = (unit: Unit, pick: (status: MemberStatus) => string | number | boolean | null): Figure =>
    figureOf(member.status, unit, (status) => pick(status) ?? sentence("patroni/not-told"));
  return [
    { name: "patroni/figure.state", figure: of("text", ({ state }) => state) },
    { name: "patroni/figure.takesWrites", figure: writesFigure(member) },
    { name: "patroni/figure.timeline", figure: timelineFigure(member) },
    { name: "patroni/figure.lag", charted: "bytes", figure: lagFigure(member, snapshot) },
    { name: "patroni/figure.notReplayed", charted: "bytes", figure: notReplayedFigure(member) },
    {
      name: "patroni/figure.connections",
      charted: "count",
      figure: activityFigure(member, ({ connectionCount }) => connectionCount),
    },
    {
      name: "patroni/figure.connectionLimit",
      figure: figureOf(member.server, "count", ({ maxConnections }) => maxConnections),
    },
    {
      name: "patroni/figure.lockWaits",
      charted: "count",
      figure: activityFigure(member, ({ lockWaitCount }) => lockWaitCount),
    },
    { name: "patroni/figure.hitRatio", charted: "ratio", figure: hitRatio(member.server, member.blocks) },
    {
      name: "patroni/figure.tags",
      figure:
        member.listed === null
          ? missing(sentence("patroni/not-listed", { member: member.member }), member.cluster.evidence.id)
          : tagsFigure(member.listed.tags, member.cluster.evidence.id),
    },
    { name: "patroni/figure.startedAt", figure: of("instant", ({ startedAt }) => startedAt) },
    { name: "patroni/figure.version", figure: of("text", ({ version }) => version) },
  ];
}

function notReplayedFigure(member: PatroniMember): Figure {
  if (member.standing.kind === "leader") return none(sentence("patroni/leads"), member.status.evidence.id);
  return figureOf(member.status, "bytes", (status) => notReplayedBytes(status) ?? sentence("patroni/not-told"));
}

/** By the strongest witness there is: PostgreSQL, its Patroni, its processes. */
export function writesFigure({ takesWrites, server, status, postmaster }: PatroniMember): Figure {
  const witness = [server, status, postmaster].find((reading) => reading.kind === "value") ?? status;
  if (takesWrites !== null) return known(takesWrites, "flag", witness.evidence.id);
  return missing(status.kind === "value" ? sentence("patroni/not-told") : status.reason, status.evidence.id);
}

export function tagsFigure(tags: readonly string[], evidence: EvidenceId): Figure {
  return tags.length === 0 ? none(sentence("patroni/no-tags"), evidence) : known(tags.join(", "), "text", evidence);
}

export function timelineFigure(member: PatroniMember): Figure {
  const timeline = timelineOf(member);
  if (timeline !== null) return known(timeline, "count", member.status.evidence.id);
  return missing(
    member.status.kind === "value" ? sentence("patroni/not-told") : member.status.reason,
    member.status.evidence.id,
  );
}

export function lagFigure(member: PatroniMember, snapshot: PatroniSnapshot): Figure {
  const { id } = member.status.evidence;
  const bytes = lagBytes(snapshot, member);
  if (bytes !== null) return known(bytes, "bytes", id);
  if (member.standing.kind === "leader") return none(sentence("patroni/leads"), id);
  if (member.status.kind !== "value") return missing(member.status.reason, id);
  return missing(sentence(soleLeader(snapshot) === null ? "patroni/no-sole-leader" : "patroni/not-told"), id);
}
