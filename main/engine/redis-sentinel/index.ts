import { defineEngine, judgeBy } from "../engine";
import { redisSentinelBalance } from "./balance";
import { redisSentinelConsistency } from "./consistency";
import { redisSentinelDiscovery } from "./discovery";
import { redisSentinelHealth } from "./health";
import { redisSentinelLogs } from "./logs";
import { redisSentinelMembers } from "./members";
import en from "./messages.en.json";
import zhCN from "./messages.zh-CN.json";
import { redisSentinelProbes } from "./probes";
import { failover, failoverAfterLoss } from "./recovery/failover";
import { forgetGhosts } from "./recovery/forget";
import { redisSentinelJudges } from "./recovery/judges";
import { repointReplica } from "./recovery/replica";
import { restartMember, startMember } from "./recovery/restart";
import { redisSentinelSettings } from "./settings";
import { snapshotSentinels } from "./snapshot";
import { redisSentinelTolerance } from "./tolerance";

/** Redis replication watched by sentinels. */
export const redisSentinel = defineEngine({
  id: "redis-sentinel",
  settings: redisSentinelSettings,
  messages: { en, "zh-CN": zhCN },
  discovery: redisSentinelDiscovery,
  probes: redisSentinelProbes,
  snapshot: snapshotSentinels,
  members: redisSentinelMembers,
  health: redisSentinelHealth,
  balance: redisSentinelBalance,
  consistency: redisSentinelConsistency,
  tolerance: redisSentinelTolerance,
  logs: redisSentinelLogs,
  judge: judgeBy(redisSentinelJudges),
  recoveries: [failover, failoverAfterLoss, forgetGhosts, repointReplica, startMember, restartMember],
});
