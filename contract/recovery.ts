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

const deedShape = {
  title: sentenceSchema,
  node: z.string(),
  /** The SSH login it travels through: `user@address:port`, behind those of its jump hosts: `ops@bastion:22 > user@address:port`. */
  reachedAs: z.string(),
  /** A connection that was open when it was planned went that way; else it is what the configuration said. Null: older runs do not tell. */
  isConnected: z.boolean().nullable().default(null),
  /** The account the command runs as on the node. */
  runsAs: z.string(),
  /** What is sent, byte for byte: the script of a command, or the SQL statements. */
  shown: z.string(),
  /** The node keeps a record of it that tells later what became of it; a call to a service leaves none, and neither did older runs. */
  isRemembered: z.boolean().default(false),
  deadlineMs: z.number(),
  /** What fresh readings must show just before it is sent. */
  stillSafe: z.array(sentenceSchema),
  /** What fresh readings must show before it counts as having taken effect. */
  achieved: z.array(sentenceSchema),
};

export const undoSchema = z.discriminatedUnion("kind", [
  /** `effect` is what the core sends, as its own data: kept so that a run can be undone after the app was started anew. */
  z.object({ kind: z.literal("by"), ...deedShape, effect: z.unknown() }),
  /** There is nothing to take back. */
  z.object({ kind: z.literal("needless"), reason: sentenceSchema }),
  /** It cannot be taken back, and so neither can anything before it. */
  z.object({ kind: z.literal("none"), reason: sentenceSchema }),
]);
export type PlanUndo = z.infer<typeof undoSchema>;

export const planStepSchema = z.object({ ...deedShape, changes: z.boolean(), undo: undoSchema });
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
  /** The run it takes back; null for a plan of its own. */
  undoes: z.string().nullable(),
  steps: z.array(planStepSchema),
  /** What the plan rests on: it is refused once one of these is no longer so. */
  restsOn: z.array(sentenceSchema),
  /** What will be so in the end, judged by fresh readings. */
  goal: z.array(sentenceSchema),
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
 * planned -> approved -> running -> verifying -> done; done/failed/stopped -> undoing -> undone; -> refused before anything
 * was sent; -> stopped between two steps, with nothing unknown; -> failed when fresh readings show that a step did not take
 * effect; -> in-doubt when only evidence can settle it.
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
  "stopped",
  "in-doubt",
]);
export type RunState = z.infer<typeof runStateSchema>;

export const runStepSchema = z.object({
  step: planStepSchema,
  /** The index of the step this one takes back; null for a step of the plan itself. */
  undoes: z.number().nullable(),
  /** `already`: fresh readings showed it so before it was sent, and it was not sent. */
  state: z.enum(["waiting", "checking", "sent", "kept", "already", "broken", "unknown", "skipped"]),
  /** Fresh readings showed its effect before it was sent: then there is nothing of it to take back. */
  wasSo: z.boolean(),
  startedAt: z.number().nullable(),
  endedAt: z.number().nullable(),
  /** What the node answered, cut at a cap and with secrets taken out; null until it did. */
  output: z.string().nullable(),
  /** Why the step is broken, unknown or skipped. */
  reason: sentenceSchema.nullable(),
});
export type RunStep = z.infer<typeof runStepSchema>;

/** Something a person did to a run. */
export const actSchema = z.object({
  kind: z.enum(["approved", "stop-asked", "undo-approved", "settle-asked", "acknowledged"]),
  /** The desktop account. */
  operator: z.string(),
  at: z.number(),
  monotonicMs: z.number(),
  /** Of the plan that was approved; null for other acts. */
  fingerprint: z.string().nullable(),
  note: z.string(),
});
export type Act = z.infer<typeof actSchema>;

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
  /** What was so before it, and what shall be so after it: enough to settle it by fresh readings at any later time. */
  origin: z.array(sentenceSchema),
  goal: z.array(sentenceSchema),
  steps: z.array(runStepSchema),
  acts: z.array(actSchema),
  /** What the fresh readings after the last step said. */
  verdict: sentenceSchema.nullable(),
  /** Why it cannot be undone now; null while an undo may be asked for. */
  undoObstacle: sentenceSchema.nullable(),
  /** True when a person must acknowledge before the next run on this cluster. */
  needsAcknowledgement: z.boolean(),
  acknowledgement: z.string().nullable(),
});
export type RunRecord = z.infer<typeof runRecordSchema>;
