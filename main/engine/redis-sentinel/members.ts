import type { Figure } from "../../../contract/figure";
import type { NamedFigure } from "../../../contract/health";
import { sentence } from "../../../contract/sentence";
import type { EngineMember } from "../engine";
import { figureOf, known, missing, nothing } from "../figure-of";
import { told, workFigures } from "../redis-server/figures";
import { replicationOf } from "../redis-server/server";
import { dataAt, nameAt, sourceOf, type DataServer, type Sentinel, type SentinelSnapshot } from "./snapshot";

/** One entry a process; data servers and sentinels have figures of their own. */
export function redisSentinelMembers(snapshot: SentinelSnapshot): readonly EngineMember[] {
  return snapshot.members.map((one) => ({
    member: one.member,
    node: one.node,
    role: roleOf(one),
    figures: one.kind === "sentinel" ? sentinelFigures(snapshot, one) : dataFigures(snapshot, one),
  }));
}

function roleOf(one: DataServer | Sentinel): Figure {
  const { standing } = one;
  switch (standing.kind) {
    case "serving": {
      const role = one.kind === "sentinel" ? "sentinel" : (standing.info.replication?.role ?? null);
      return role === null
        ? missing(sentence("probe/not-told"), one.info.evidence.id)
        : known(`redis-sentinel/role.${role}`, "text", one.info.evidence.id);
    }
    case "stopped":
    case "hung":
      return known(`redis-sentinel/role.${standing.kind}`, "text", one.liveness.evidence.id);
    case "refusing":
    case "unseen":
      return missing(standing.reason, one.info.evidence.id);
  }
}

function dataFigures(snapshot: SentinelSnapshot, one: DataServer): readonly NamedFigure[] {
  const source = sourceOf(one);
  const id = one.info.evidence.id;
  return [
    {
      name: "redis-sentinel/figure.master",
      figure: figureOf(one.info, "text", ({ replication }) => {
        if (replication === null) return sentence("probe/not-told");
        return source === null ? nothing(sentence("redis-sentinel/is-a-master")) : nameAt(snapshot, source);
      }),
    },
    { name: "redis-sentinel/figure.lagBytes", figure: lagBytes(snapshot, one) },
    { name: "redis-sentinel/figure.lagTime", figure: lagTime(one) },
    {
      name: "redis-sentinel/figure.goodReplicas",
      figure: figureOf(one.info, "count", ({ replication }) => {
        if (replication === null) return sentence("probe/not-told");
        if (replication.role === "replica") return nothing(sentence("redis-sentinel/is-a-replica"));
        return replication.goodReplicaCount ?? nothing(sentence("redis-sentinel/no-gate"));
      }),
    },
    ...workFigures("redis-sentinel", one),
    { name: "redis-sentinel/figure.address", figure: known(one.site.settings.announced, "text", id) },
  ];
}

function sentinelFigures(snapshot: SentinelSnapshot, one: Sentinel): readonly NamedFigure[] {
  return [
    {
      name: "redis-sentinel/figure.master",
      figure: figureOf(one.master, "text", ({ address }) => nameAt(snapshot, address)),
    },
    {
      name: "redis-sentinel/figure.configEpoch",
      figure: figureOf(one.master, "count", ({ configEpoch }) => configEpoch),
    },
    { name: "redis-sentinel/figure.quorum", figure: figureOf(one.master, "count", ({ quorum }) => quorum) },
    { name: "redis-sentinel/figure.usable", figure: figureOf(one.quorum, "count", ({ usableCount }) => usableCount) },
    {
      name: "redis-sentinel/figure.downAfter",
      figure: figureOf(one.master, "duration", ({ downAfterMs }) => downAfterMs),
    },
    {
      name: "redis-sentinel/figure.failoverTimeout",
      figure: figureOf(one.master, "duration", ({ failoverTimeoutMs }) => failoverTimeoutMs),
    },
    {
      name: "redis-sentinel/figure.tilt",
      figure: told(one, "flag", sentence("probe/not-told"), ({ sentinel }) => sentinel?.isTilted ?? null),
    },
    {
      name: "redis-sentinel/figure.version",
      figure: told(one, "text", sentence("probe/not-told"), ({ version }) => version),
    },
    {
      name: "redis-sentinel/figure.uptime",
      figure: told(one, "duration", sentence("probe/not-told"), ({ uptimeSeconds }) => uptimeSeconds * 1000),
    },
  ];
}

/** Behind what its master had written when that was read; missing where the master does not tell. */
export function lagBytes(snapshot: SentinelSnapshot, one: DataServer): Figure {
  return figureOf(one.info, "bytes", ({ replication }) => {
    if (replication === null) return sentence("probe/not-told");
    if (replication.role === "master") return nothing(sentence("redis-sentinel/is-a-master"));
    const master = dataAt(snapshot, sourceOf(one) ?? "");
    const written = master === null ? null : replicationOf(master);
    if (written === null) return sentence("redis-sentinel/master-does-not-tell");
    // The two were read a moment apart; a replica cannot be ahead of its master.
    return Math.max(0, written.offsetBytes - replication.offsetBytes);
  });
}

/** How long ago it last heard its master. */
export function lagTime(one: DataServer): Figure {
  return figureOf(one.info, "duration", ({ replication }) => {
    if (replication === null) return sentence("probe/not-told");
    if (replication.role === "master") return nothing(sentence("redis-sentinel/is-a-master"));
    if (!replication.isLinkUp)
      return replication.linkDownSeconds === null
        ? sentence("redis-sentinel/link-never-up")
        : replication.linkDownSeconds * 1000;
    return replication.lastHeardSeconds === null ? sentence("probe/not-told") : replication.lastHeardSeconds * 1000;
  });
}
