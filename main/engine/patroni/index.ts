import { defineEngine, judgeBy } from "../engine";
import { patroniBalance } from "./balance";
import { patroniConsistency } from "./consistency";
import { patroniDiscovery } from "./discovery";
import { patroniHealth } from "./health";
import { patroniLogs } from "./logs";
import { patroniMembers } from "./members";
import en from "./messages.en.json";
import zhCN from "./messages.zh-CN.json";
import { patroniProbes } from "./probes";
import { failover } from "./recovery/failover";
import { patroniJudges } from "./recovery/judges";
import { pause, resume } from "./recovery/pause";
import { reinitializeReplica } from "./recovery/reinitialize";
import { endSecondPrimary, restartPatroni } from "./recovery/restart-patroni";
import { restartMember } from "./recovery/restart-server";
import { switchover } from "./recovery/switchover";
import { patroniSettings } from "./settings";
import { snapshotMembers } from "./snapshot";
import { patroniTolerance } from "./tolerance";

/** PostgreSQL kept by Patroni, over its REST API; tried on 3.0. */
export const patroni = defineEngine({
  id: "patroni",
  settings: patroniSettings,
  messages: { en, "zh-CN": zhCN },
  discovery: patroniDiscovery,
  probes: patroniProbes,
  snapshot: snapshotMembers,
  members: patroniMembers,
  health: patroniHealth,
  balance: patroniBalance,
  consistency: patroniConsistency,
  tolerance: patroniTolerance,
  logs: patroniLogs,
  recoveries: [
    switchover,
    failover,
    pause,
    resume,
    reinitializeReplica,
    restartMember,
    restartPatroni,
    endSecondPrimary,
  ],
  judge: judgeBy(patroniJudges),
});
