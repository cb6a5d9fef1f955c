import type { Figure, Unit } from "../../../contract/figure";
import type { NamedFigure } from "../../../contract/health";
import { sentence } from "../../../contract/sentence";
import type { EngineMember } from "../engine";
import { figureOf, known, missing, nothing } from "../figure-of";
import { answeredIn, type EnsembleSnapshot, type Server } from "./snapshot";

/** One entry a server, with the figures of the members table. */
export function zookeeperMembers({ servers }: EnsembleSnapshot): readonly EngineMember[] {
  return servers.map((server) => ({
    member: server.member,
    node: server.node,
    role: roleOf(server),
    figures: figuresOf(server),
  }));
}

export function roleOf({ standing, measured, srvr, liveness }: Server): Figure {
  switch (standing.kind) {
    case "leader":
    case "follower":
    case "observer":
    case "standalone":
    case "read-only":
      return known(`zookeeper/role.${standing.kind}`, "text", measured.evidence.id);
    case "waiting":
      return known("zookeeper/role.waiting", "text", srvr.evidence.id);
    case "stopped":
    case "hung":
      return known(`zookeeper/role.${standing.kind}`, "text", liveness.evidence.id);
    case "refusing":
    case "unseen":
      return missing(standing.reason, srvr.evidence.id);
  }
}

function figuresOf(server: Server): readonly NamedFigure[] {
  const measured = (name: string, unit: Unit, field: string): NamedFigure => ({
    name: `zookeeper/figure.${name}`,
    figure: measuredFigure(server, unit, field),
  });
  return [
    { name: "zookeeper/figure.epoch", figure: figureOf(server.srvr, "count", ({ epoch }) => epoch) },
    { name: "zookeeper/figure.counter", figure: figureOf(server.srvr, "count", ({ counter }) => counter) },
    { name: "zookeeper/figure.synced", figure: syncedFigure(server) },
    measured("connections", "count", "num_alive_connections"),
    measured("waiting", "count", "outstanding_requests"),
    { name: "zookeeper/figure.latency", figure: latencyFigure(server) },
    measured("latencySinceStart", "duration", "avg_latency"),
    measured("longest", "duration", "max_latency"),
    { name: "zookeeper/figure.fsync", figure: fsyncFigure(server) },
    measured("watches", "count", "watch_count"),
    measured("nodes", "count", "znode_count"),
    measured("ephemerals", "count", "ephemerals_count"),
    measured("data", "bytes", "approximate_data_size"),
    { name: "zookeeper/figure.cacheHits", figure: cacheFigure(server) },
    measured("throttled", "count", "throttled_ops"),
    { name: "zookeeper/figure.lastSnapshot", figure: figureOf(server.lastSnapshot, "instant", (moment) => moment) },
    { name: "zookeeper/figure.version", figure: figureOf(server.srvr, "text", ({ version }) => version) },
  ];
}

export function measuredFigure({ measured }: Server, unit: Unit, field: string): Figure {
  return figureOf(measured, unit, (values) => values.number(field) ?? sentence("zookeeper/not-measured"));
}

/** Only a leader has followers. */
function syncedFigure(server: Server): Figure {
  return server.standing.kind === "leader"
    ? measuredFigure(server, "count", "synced_followers")
    : figureOf(server.measured, "count", () => nothing(sentence("zookeeper/not-the-leader")));
}

function latencyFigure({ since, measured }: Server): Figure {
  return figureOf(measured, "duration", () => {
    if (since === null) return sentence("zookeeper/needs-two-readings");
    const answered = answeredIn(since);
    if (answered === null) return sentence("zookeeper/not-measured");
    return answered.count === 0 ? nothing(sentence("zookeeper/nothing-happened")) : answered.tookMs / answered.count;
  });
}

function fsyncFigure({ since, measured }: Server): Figure {
  return figureOf(measured, "duration", () => {
    if (since === null) return sentence("zookeeper/needs-two-readings");
    const [took, count] = [since.grown("sum_fsynctime"), since.grown("cnt_fsynctime")];
    if (took === null || count === null) return sentence("zookeeper/not-measured");
    return count === 0 ? nothing(sentence("zookeeper/nothing-happened")) : took / count;
  });
}

/** Of the answers that a client asked for, how many were still there in their encoded form. */
function cacheFigure({ since, measured }: Server): Figure {
  return figureOf(measured, "ratio", () => {
    if (since === null) return sentence("zookeeper/needs-two-readings");
    const hits = since.grown("response_packet_cache_hits");
    const misses = since.grown("response_packet_cache_misses");
    if (hits === null || misses === null) return sentence("zookeeper/not-measured");
    return hits + misses === 0 ? nothing(sentence("zookeeper/nothing-happened")) : hits / (hits + misses);
  });
}
