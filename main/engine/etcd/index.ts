import { defineEngine, judgeBy } from "../engine";
import { etcdBalance } from "./balance";
import { etcdConsistency } from "./consistency";
import { etcdDiscovery } from "./discovery";
import { etcdHealth } from "./health";
import { etcdLogs } from "./logs";
import { etcdMembers } from "./members";
import en from "./messages.en.json";
import zhCN from "./messages.zh-CN.json";
import { etcdProbes } from "./probes";
import { etcdSettings } from "./settings";
import { snapshotMembers } from "./snapshot";
import { etcdTolerance } from "./tolerance";

/** etcd 3.4 and newer, over its JSON gateway. */
export const etcd = defineEngine({
  id: "etcd",
  settings: etcdSettings,
  messages: { en, "zh-CN": zhCN },
  discovery: etcdDiscovery,
  probes: etcdProbes,
  snapshot: snapshotMembers,
  members: etcdMembers,
  health: etcdHealth,
  balance: etcdBalance,
  consistency: etcdConsistency,
  tolerance: etcdTolerance,
  logs: etcdLogs,
  recoveries: [],
  judge: judgeBy({}),
});
