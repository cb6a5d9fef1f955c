import type { Figure } from "../../../contract/figure";
import type { NamedFigure } from "../../../contract/health";
import { sentence } from "../../../contract/sentence";
import type { EngineMember } from "../engine";
import { figureOf, known, missing, nothing } from "../figure-of";
import { workFigures } from "../redis-server/figures";
import { replicationOf } from "../redis-server/server";
import { nameOfId, nodeById, type ClusterNode, type ClusterSnapshot } from "./snapshot";
import { countSlots } from "./topology";

/** One entry a server, with the figures of the members table. */
export function redisClusterMembers(snapshot: ClusterSnapshot): readonly EngineMember[] {
  return snapshot.nodes.map((node) => ({
    member: node.member,
    node: node.node,
    role: roleOf(node),
    figures: [...clusterFigures(snapshot, node), ...workFigures("redis-cluster", node)],
  }));
}

function roleOf(node: ClusterNode): Figure {
  const { standing } = node;
  switch (standing.kind) {
    case "serving": {
      const role = standing.info.replication?.role ?? null;
      return role === null
        ? missing(sentence("probe/not-told"), node.info.evidence.id)
        : known(`redis-cluster/role.${role}`, "text", node.info.evidence.id);
    }
    case "stopped":
    case "hung":
      return known(`redis-cluster/role.${standing.kind}`, "text", node.liveness.evidence.id);
    case "refusing":
    case "unseen":
      return missing(standing.reason, node.info.evidence.id);
  }
}

function clusterFigures(snapshot: ClusterSnapshot, node: ClusterNode): readonly NamedFigure[] {
  const own = (
    unit: "text" | "count",
    pick: (own: NonNullable<ClusterNode["own"]>) => string | number | null,
  ): Figure =>
    figureOf(node.nodes, unit, (all) => {
      const mine = all.find(({ isMyself }) => isMyself);
      if (mine === undefined) return sentence("probe/not-told");
      return pick(mine) ?? nothing(sentence("redis-cluster/not-for-this-role"));
    });
  return [
    {
      name: "redis-cluster/figure.master",
      figure: own("text", ({ masterId }) => (masterId === null ? null : nameOfId(snapshot, masterId))),
    },
    {
      name: "redis-cluster/figure.slots",
      figure: own("count", ({ role, ranges }) => (role === "master" ? countSlots(ranges) : null)),
    },
    { name: "redis-cluster/figure.configEpoch", figure: own("count", ({ configEpoch }) => configEpoch) },
    { name: "redis-cluster/figure.lagBytes", figure: lagBytes(snapshot, node) },
    { name: "redis-cluster/figure.lagTime", figure: lagTime(node) },
  ];
}

/** Behind what its master had written when that was read; missing where the master does not tell. */
export function lagBytes(snapshot: ClusterSnapshot, node: ClusterNode): Figure {
  return figureOf(node.info, "bytes", ({ replication }) => {
    if (replication === null) return sentence("probe/not-told");
    if (replication.role === "master") return nothing(sentence("redis-cluster/is-a-master"));
    const master = node.own?.masterId == null ? null : nodeById(snapshot, node.own.masterId);
    const written = master === null ? null : replicationOf(master);
    if (written?.role !== "master") return sentence("redis-cluster/master-does-not-tell");
    // The two were read a moment apart; a replica cannot be ahead of its master.
    return Math.max(0, written.offsetBytes - replication.offsetBytes);
  });
}

/** How long ago it last heard its master. */
export function lagTime(node: ClusterNode): Figure {
  return figureOf(node.info, "duration", ({ replication }) => {
    if (replication === null) return sentence("probe/not-told");
    if (replication.role === "master") return nothing(sentence("redis-cluster/is-a-master"));
    if (!replication.isLinkUp)
      return replication.linkDownSeconds === null
        ? sentence("redis-cluster/link-never-up")
        : replication.linkDownSeconds * 1000;
    return replication.lastHeardSeconds === null ? sentence("probe/not-told") : replication.lastHeardSeconds * 1000;
  });
}
