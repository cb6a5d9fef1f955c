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
import { clearNoSpace } from "./recovery/clear-no-space";
import { defragmentMember } from "./recovery/defragment";
import { etcdJudges } from "./recovery/judges";
import { moveLeaderTo } from "./recovery/move-leader";
import { promoteLearner } from "./recovery/promote-learner";
import { replaceMember } from "./recovery/replace";
import { restartMember } from "./recovery/restart";
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
  recoveries: [moveLeaderTo, restartMember, defragmentMember, clearNoSpace, replaceMember, promoteLearner],
  judge: judgeBy(etcdJudges),
});
