import { z } from "zod";
import type { EventName, RequestName } from "./channel-names";
import { assessmentSchema, clusterSummarySchema } from "./assessment";
import { damageSchema } from "./damage";
import { evidenceDetailSchema } from "./figure";
import { historyRequestSchema, historySchema } from "./history";
import { hostKeysSchema, stoppedPasswordSchema } from "./host-keys";
import { importFormatSchema, importOutcomeSchema, importPreviewSchema } from "./hosts";
import {
  answerSchema,
  clusterNameSchema,
  discoveredClusterSchema,
  discoveryProgressSchema,
  discoverySchema,
  engineDescriptionSchema,
  knownHostSchema,
  loginChangeSchema,
  loginSchema,
  nodeSchema,
  questionSchema,
} from "./inventory";
import { logsSchema } from "./logs";
import { preferencesSchema } from "./preferences";
import { planAnswerSchema, runRecordSchema } from "./recovery";
import { reportFormatSchema } from "./report";
import { keptSecretsSchema, secretNameSchema } from "./secrets";
import { catalogueSchema, languageSchema, sentenceSchema } from "./sentence";

const clusterId = z.object({ clusterId: z.string().max(64) }).strict();
const runId = z.object({ runId: z.string().max(64) }).strict();
const nothing = z.void();

function request<T extends z.ZodType, G extends z.ZodType>(
  takes: T,
  gives: G,
): { readonly takes: T; readonly gives: G } {
  return { takes, gives };
}

/** Every question the view may put to the core, with what it takes and what it gives. This is the whole surface. */
export const requests = {
  "about:read": request(
    nothing,
    z.object({ version: z.string(), electron: z.string(), engines: z.array(engineDescriptionSchema) }),
  ),
  "catalogue:read": request(z.object({ language: languageSchema }).strict(), catalogueSchema),
  "preferences:read": request(nothing, preferencesSchema),
  "preferences:write": request(preferencesSchema.strict(), preferencesSchema),

  "damage:read": request(nothing, z.array(damageSchema)),
  "damage:acknowledge": request(z.object({ damageId: z.string().max(300) }).strict(), z.array(damageSchema)),

  "fleet:read": request(nothing, z.array(clusterSummarySchema)),
  "cluster:read": request(clusterId, assessmentSchema.nullable()),
  "cluster:refresh": request(clusterId, nothing),
  "cluster:forget": request(clusterId, nothing),
  "evidence:read": request(
    z.object({ clusterId: z.string().max(64), evidenceId: z.string().max(400) }).strict(),
    evidenceDetailSchema.nullable(),
  ),
  "logs:read": request(
    z.object({ clusterId: z.string().max(64), mostLines: z.number().int().min(1).max(5000) }).strict(),
    logsSchema,
  ),
  "history:read": request(historyRequestSchema, historySchema),

  "hosts:list": request(nothing, z.array(knownHostSchema)),
  /** The file is chosen in the desktop's own dialog, so that a view cannot have any file read; null when it was closed. */
  "hosts:preview-import": request(
    z.object({ format: importFormatSchema.nullable() }).strict(),
    importPreviewSchema.nullable(),
  ),
  /** Names what was shown, and never carries hosts. */
  "hosts:accept-import": request(z.object({ importId: z.string().max(64) }).strict(), importOutcomeSchema),
  "discovery:start": request(
    z.object({ discoveryId: z.string().max(64), login: loginSchema.strict() }).strict(),
    discoverySchema,
  ),
  "discovery:keep": request(
    z.object({ name: clusterNameSchema, cluster: discoveredClusterSchema }).strict(),
    clusterId,
  ),
  "host-key:read": request(z.object({ login: loginSchema.strict() }).strict(), hostKeysSchema),
  /** Puts the key a host shows now in the place of the known one; refused unless name and both fingerprints are what they are said to be. */
  "host-key:replace": request(
    z
      .object({
        login: loginSchema.strict(),
        typed: z.string().max(400),
        oldFingerprint: z.string().max(128),
        newFingerprint: z.string().max(128),
        reason: z.string().min(1).max(2000),
      })
      .strict(),
    hostKeysSchema,
  ),
  "logins:read": request(clusterId, z.array(nodeSchema)),
  /** Of these hosts of the cluster, in every cluster that has them. Refused while a recovery is under way. */
  "logins:change": request(
    z
      .object({
        clusterId: z.string().max(64),
        nodes: z.array(z.string().max(255)).min(1).max(10_000),
        change: loginChangeSchema.strict(),
      })
      .strict(),
    z.array(nodeSchema),
  ),
  "logins:stopped": request(nothing, z.array(stoppedPasswordSchema)),
  /** The person's act after which passwords and passphrases are asked for again. */
  "logins:ask-again": request(nothing, nothing),
  "secrets:read": request(nothing, keptSecretsSchema),
  /** Null: all of them. */
  "secrets:forget": request(z.object({ name: secretNameSchema.nullable() }).strict(), keptSecretsSchema),
  "question:list": request(nothing, z.array(questionSchema)),
  "question:answer": request(z.object({ questionId: z.string().max(64), answer: answerSchema }).strict(), nothing),

  "recovery:plan": request(
    z.object({ clusterId: z.string().max(64), action: z.string().max(120), target: z.string().max(255) }).strict(),
    planAnswerSchema,
  ),
  "recovery:plan-undo": request(runId, planAnswerSchema),
  /** The plan is named by id and fingerprint only: the core runs what it planned, never what a view sends. */
  "recovery:approve": request(
    z
      .object({
        planId: z.string().max(64),
        fingerprint: z.string().max(128),
        typed: z.string().max(400),
        reason: z.string().max(2000),
      })
      .strict(),
    runRecordSchema,
  ),
  "recovery:stop": request(runId, runRecordSchema),
  "recovery:resolve": request(runId, runRecordSchema),
  "recovery:acknowledge": request(
    z.object({ runId: z.string().max(64), note: z.string().min(1).max(2000) }).strict(),
    runRecordSchema,
  ),
  "recovery:runs": request(clusterId, z.array(runRecordSchema)),
  /** Why no recovery may be started here, and why the journal may not tell all runs; null where neither is so. */
  "recovery:journal": request(
    nothing,
    z.object({ barred: sentenceSchema.nullable(), problem: sentenceSchema.nullable() }),
  ),

  "report:export": request(
    z.object({ clusterId: z.string().max(64), format: reportFormatSchema, language: languageSchema }).strict(),
    /** Null when the person closed the save dialog. */
    z.object({ path: z.string() }).nullable(),
  ),
} as const satisfies Record<RequestName, { takes: z.ZodType; gives: z.ZodType }>;

/** Every thing the core tells the view unasked. */
export const events = {
  "assessment:changed": assessmentSchema,
  "fleet:changed": z.array(clusterSummarySchema),
  "run:changed": runRecordSchema,
  "question:raised": questionSchema,
  "question:settled": z.object({ questionId: z.string() }),
  /** What a person chose to keep was right and is not kept: why. */
  "secret:not-kept": sentenceSchema,
  "discovery:progress": discoveryProgressSchema,
  "preferences:changed": preferencesSchema,
  "damage:changed": z.array(damageSchema),
  "core:state": z.object({ state: z.enum(["running", "stopped"]) }),
} as const satisfies Record<EventName, z.ZodType>;

export type { EventName, RequestName };
export type Takes<N extends RequestName> = z.input<(typeof requests)[N]["takes"]>;
export type Gives<N extends RequestName> = z.output<(typeof requests)[N]["gives"]>;
export type EventPayload<N extends EventName> = z.output<(typeof events)[N]>;

/** Electron carries only an error's message, so an answer says itself whether it is one. `sentence` is for people. */
export const failureSchema = z.object({
  ok: z.literal(false),
  kind: z.enum(["argument-refused", "not-found", "refused", "unavailable", "internal"]),
  sentence: sentenceSchema,
});
export type Failure = z.infer<typeof failureSchema>;
export type Reply<N extends RequestName> = { readonly ok: true; readonly value: Gives<N> } | Failure;
