import { z } from "zod";
import { findingCodeSchema } from "./health";
import { sentenceSchema } from "./sentence";

/** R0 reads. R1 can be taken back. R2 disturbs the service for a moment. R3 may lose data. */
export const riskSchema = z.enum(["R0", "R1", "R2", "R3"]);
export type Risk = z.infer<typeof riskSchema>;

/** A recovery as it stands now: on whom it could act, and why not. */
export const recoveryOfferSchema = z.object({
  /** `<engine>/<what-is-done>`, also the message code of its title. */
  action: z.string(),
  risk: riskSchema,
  /** Findings it answers; the view shows it beside them. */
  answers: z.array(findingCodeSchema),
  targets: z.array(z.object({ target: z.string(), objections: z.array(sentenceSchema) })),
  /** Reasons why it can act on nobody now. */
  objections: z.array(sentenceSchema),
});
export type RecoveryOffer = z.infer<typeof recoveryOfferSchema>;

export const planStepSchema = z.object({
  title: sentenceSchema,
  node: z.string(),
  /** The account the command runs as on the node. */
  runsAs: z.string(),
  changes: z.boolean(),
  /** What is sent, byte for byte: the script of a command, or the SQL statement. */
  shown: z.string(),
  /** What would take this step back, byte for byte, or null where nothing can. */
  undoShown: z.string().nullable(),
  deadlineMs: z.number(),
});
export type PlanStep = z.infer<typeof planStepSchema>;

/** What a person must do to approve, by risk: R1 one click, R2 the cluster's name typed, R3 a whole sentence typed. */
export const confirmationSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("click") }),
  z.object({ kind: z.literal("type"), text: z.string() }),
]);
export type Confirmation = z.infer<typeof confirmationSchema>;

export const planSchema = z.object({
  planId: z.string(),
  clusterId: z.string(),
  action: z.string(),
  target: z.string(),
  risk: riskSchema,
  steps: z.array(planStepSchema),
  /** What a person should know before saying yes: what is lost, what stops for how long. */
  warnings: z.array(sentenceSchema),
  confirmation: confirmationSchema,
  /** SHA-256 over steps and the facts they rest on; an approval names it, so that what runs is what was read. */
  fingerprint: z.string(),
  madeAt: z.number(),
  expiresAt: z.number(),
});
export type Plan = z.infer<typeof planSchema>;

export const planAnswerSchema = z.discriminatedUnion("state", [
  z.object({ state: z.literal("planned"), plan: planSchema }),
  z.object({ state: z.literal("refused"), objections: z.array(sentenceSchema) }),
]);
export type PlanAnswer = z.infer<typeof planAnswerSchema>;

/**
 * planned -> approved -> running -> verifying -> done; running/verifying/done -> undoing -> undone; -> refused before
 * anything was sent; -> failed when evidence shows it did not happen; -> in-doubt when only evidence can settle it.
 */
export const runStateSchema = z.enum([
  "planned",
  "approved",
  "running",
  "verifying",
  "done",
  "undoing",
  "undone",
  "refused",
  "failed",
  "in-doubt",
]);
export type RunState = z.infer<typeof runStateSchema>;

export const runStepSchema = z.object({
  step: planStepSchema,
  undo: z.boolean(),
  state: z.enum(["waiting", "checking", "sent", "kept", "broken", "unknown", "skipped"]),
  startedAt: z.number().nullable(),
  endedAt: z.number().nullable(),
  /** What the node answered, cut at a cap; null until it did. */
  output: z.string().nullable(),
  /** Why the step is broken, unknown or skipped. */
  reason: sentenceSchema.nullable(),
});
export type RunStep = z.infer<typeof runStepSchema>;

export const runRecordSchema = z.object({
  runId: z.string(),
  clusterId: z.string(),
  clusterName: z.string(),
  action: z.string(),
  target: z.string(),
  risk: riskSchema,
  state: runStateSchema,
  fingerprint: z.string(),
  /** The desktop account that approved, and what was typed as reason. */
  operator: z.string(),
  reason: z.string(),
  approvedAt: z.number(),
  endedAt: z.number().nullable(),
  steps: z.array(runStepSchema),
  /** What the fresh readings after the last step said. */
  verdict: sentenceSchema.nullable(),
  /** True while an undo may still be asked for. */
  canUndo: z.boolean(),
  /** True when a person must acknowledge before the next run on this cluster. */
  needsAcknowledgement: z.boolean(),
  acknowledgement: z.string().nullable(),
});
export type RunRecord = z.infer<typeof runRecordSchema>;
