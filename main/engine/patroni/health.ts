import { clusterRules } from "./health/cluster";
import { leadershipRules } from "./health/leadership";
import { memberRules } from "./health/members";
import type { Rule } from "./health/rule";

export const patroniHealth: readonly Rule[] = [...leadershipRules, ...memberRules, ...clusterRules];
