import { z } from "zod";
import { balanceSchema } from "./balance";
import { consistencySchema } from "./consistency";
import { evidenceSchema } from "./figure";
import { findingSchema, levelSchema, memberViewSchema, nodeViewSchema } from "./health";
import { recoveryOfferSchema } from "./recovery";
import { toleranceSchema } from "./tolerance";

/** All that is known of one cluster after one cycle. Views, reports and the command line are drawn from this alone. */
export const assessmentSchema = z.object({
  clusterId: z.string(),
  name: z.string(),
  engine: z.string(),
  /** Counts from 1 since the core started. */
  cycle: z.number(),
  takenAt: z.number(),
  tookMs: z.number(),
  /** After this age the view must say stale and offer no recovery. */
  staleAfterMs: z.number(),
  level: levelSchema,
  /** How many findings could not be told; shown beside the level so that neither hides the other. */
  unknowns: z.number(),
  nodes: z.array(nodeViewSchema),
  members: z.array(memberViewSchema),
  findings: z.array(findingSchema),
  balances: z.array(balanceSchema),
  consistency: consistencySchema,
  tolerances: z.array(toleranceSchema),
  recoveries: z.array(recoveryOfferSchema),
  evidence: z.array(evidenceSchema),
});
export type Assessment = z.infer<typeof assessmentSchema>;

/** One row of the fleet page; `assessment` figures are absent until the first cycle is over. */
export const clusterSummarySchema = z.object({
  clusterId: z.string(),
  name: z.string(),
  engine: z.string(),
  memberCount: z.number(),
  reachableNodeCount: z.number().nullable(),
  nodeCount: z.number(),
  level: levelSchema,
  unknowns: z.number(),
  worstFinding: findingSchema.nullable(),
  takenAt: z.number().nullable(),
  staleAfterMs: z.number(),
  openRunId: z.string().nullable(),
});
export type ClusterSummary = z.infer<typeof clusterSummarySchema>;
