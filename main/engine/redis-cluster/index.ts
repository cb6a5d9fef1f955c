import { defineEngine, judgeBy } from "../engine";
import { redisClusterBalance } from "./balance";
import { redisClusterConsistency } from "./consistency";
import { redisClusterDiscovery } from "./discovery";
import { redisClusterHealth } from "./health";
import { redisClusterLogs } from "./logs";
import { redisClusterMembers } from "./members";
import en from "./messages.en.json";
import zhCN from "./messages.zh-CN.json";
import { redisClusterProbes } from "./probes";
import { failover, forcedFailover, takeover } from "./recovery/failover";
import { forgetNode } from "./recovery/forget";
import { giveUpLostSlots } from "./recovery/give-up";
import { redisClusterJudges } from "./recovery/judges";
import { moveReplica } from "./recovery/replica";
import { restartNode, startNode } from "./recovery/restart";
import { assignSlots, finishOpenSlots, rebalanceByBytes, rebalanceBySlots } from "./recovery/slots";
import { redisClusterSettings } from "./settings";
import { snapshotCluster } from "./snapshot";
import { redisClusterTolerance } from "./tolerance";

/** Redis Cluster, and Valkey's. */
export const redisCluster = defineEngine({
  id: "redis-cluster",
  settings: redisClusterSettings,
  messages: { en, "zh-CN": zhCN },
  discovery: redisClusterDiscovery,
  probes: redisClusterProbes,
  snapshot: snapshotCluster,
  members: redisClusterMembers,
  health: redisClusterHealth,
  balance: redisClusterBalance,
  consistency: redisClusterConsistency,
  tolerance: redisClusterTolerance,
  logs: redisClusterLogs,
  judge: judgeBy(redisClusterJudges),
  recoveries: [
    failover,
    startNode,
    forcedFailover,
    takeover,
    moveReplica,
    assignSlots,
    finishOpenSlots,
    giveUpLostSlots,
    rebalanceBySlots,
    rebalanceByBytes,
    forgetNode,
    restartNode,
  ],
});
