import type { HealthRule } from "../engine";
import { replicationRules } from "./health/replication";
import { serverRules } from "./health/servers";
import { slotRules } from "./health/slots";
import { workRules } from "./health/work";
import type { ServersSnapshot } from "./snapshot";

export const postgresqlHealth: readonly HealthRule<ServersSnapshot>[] = [
  ...serverRules,
  ...replicationRules,
  ...slotRules,
  ...workRules,
];
