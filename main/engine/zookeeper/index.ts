import { defineEngine, judgeBy } from "../engine";
import { zookeeperBalance } from "./balance";
import { zookeeperConsistency } from "./consistency";
import { zookeeperDiscovery } from "./discovery";
import { zookeeperHealth } from "./health";
import { zookeeperLogs } from "./logs";
import { zookeeperMembers } from "./members";
import en from "./messages.en.json";
import zhCN from "./messages.zh-CN.json";
import { zookeeperProbes } from "./probes";
import { zookeeperJudges } from "./recovery/judges";
import { moveLeadership } from "./recovery/move-leadership";
import { restartServer } from "./recovery/restart";
import { resyncServer } from "./recovery/resync";
import { rollingRestart } from "./recovery/rolling-restart";
import { zookeeperSettings } from "./settings";
import { snapshotEnsemble } from "./snapshot";
import { zookeeperTolerance } from "./tolerance";

/** ZooKeeper 3.5 and newer, over its four-letter words and its AdminServer. */
export const zookeeper = defineEngine({
  id: "zookeeper",
  settings: zookeeperSettings,
  messages: { en, "zh-CN": zhCN },
  discovery: zookeeperDiscovery,
  probes: zookeeperProbes,
  snapshot: snapshotEnsemble,
  members: zookeeperMembers,
  health: zookeeperHealth,
  balance: zookeeperBalance,
  consistency: zookeeperConsistency,
  tolerance: zookeeperTolerance,
  logs: zookeeperLogs,
  recoveries: [restartServer, moveLeadership, rollingRestart, resyncServer],
  judge: judgeBy(zookeeperJudges),
});
