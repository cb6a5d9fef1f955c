import type { Level } from "../../../contract/health";
import type { EngineLogs, LogPattern } from "../engine";
import { serverLogSources, serverPatterns, timeOfServerLine } from "../redis-server/logs";
import type { redisClusterSettings } from "./settings";

function of(name: string, level: Level, pattern: RegExp): LogPattern {
  return { code: `redis-cluster/log.${name}`, level, pattern };
}

export const redisClusterLogs: EngineLogs<typeof redisClusterSettings> = {
  sources: serverLogSources,
  timeOf: timeOfServerLine,
  patterns: [
    of("peer-failed", "degraded", /Marking node \S+ .*as failing \(quorum reached\)|FAIL message received from/),
    of("peer-back", "ok", /Clear FAIL state for node/),
    of("state-fail", "critical", /Cluster state changed: fail/),
    of("state-ok", "ok", /Cluster state changed: ok/),
    of("vote-denied", "watch", /Failover auth denied to/),
    of("vote-granted", "watch", /Failover auth granted to/),
    of("election-waits", "watch", /Start of election delayed|Needed quorum: .* votes received so far/),
    of("cannot-fail-over", "degraded", /Currently unable to failover/),
    of("failover-timed-out", "degraded", /Manual failover timed out/),
    of("failover-won", "watch", /Failover election won: I'm the new master/),
    of("became-replica", "watch", /Configuration change detected\. Reconfiguring myself as a replica/),
    ...serverPatterns("redis-cluster"),
  ],
};
