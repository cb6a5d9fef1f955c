import { defineEngine, judgeBy } from "../engine";
import { postgresqlBalance } from "./balance";
import { postgresqlConsistency } from "./consistency";
import { postgresqlDiscovery } from "./discovery";
import { postgresqlHealth } from "./health";
import { postgresqlLogs } from "./logs";
import { postgresqlMembers } from "./members";
import en from "./messages.en.json";
import zhCN from "./messages.zh-CN.json";
import { postgresqlProbes } from "./probes";
import { dropSlot } from "./recovery/drop-slot";
import { failover, failoverOnAttestation } from "./recovery/failover";
import { postgresqlJudges } from "./recovery/judges";
import { notUnderPatroni } from "./recovery/not-under-patroni";
import { rejoin } from "./recovery/rejoin";
import { repoint } from "./recovery/repoint";
import { restart } from "./recovery/restart";
import { rebuild, rewind } from "./recovery/rewind";
import { commitPrepared, rollBackPrepared } from "./recovery/settle-prepared";
import { switchover } from "./recovery/switchover";
import { postgresqlSettings } from "./settings";
import { snapshotServers } from "./snapshot";
import { postgresqlTolerance } from "./tolerance";

/** PostgreSQL with streaming replication. */
export const postgresql = defineEngine({
  id: "postgresql",
  settings: postgresqlSettings,
  messages: { en, "zh-CN": zhCN },
  discovery: postgresqlDiscovery,
  probes: postgresqlProbes,
  snapshot: snapshotServers,
  members: postgresqlMembers,
  health: postgresqlHealth,
  balance: postgresqlBalance,
  consistency: postgresqlConsistency,
  tolerance: postgresqlTolerance,
  logs: postgresqlLogs,
  recoveries: [
    switchover,
    failover,
    failoverOnAttestation,
    rejoin,
    rewind,
    rebuild,
    repoint,
    restart,
    dropSlot,
    commitPrepared,
    rollBackPrepared,
  ].map(notUnderPatroni),
  judge: judgeBy(postgresqlJudges),
});
