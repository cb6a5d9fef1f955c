import { z } from "zod";
import { evidenceIdSchema, figureSchema, unitSchema } from "./figure";
import { factSchema, sentenceSchema } from "./sentence";

/** `unknown` is not between good and bad: something that would tell could not be read. It is never shown green. */
export const levelSchema = z.enum(["ok", "watch", "degraded", "critical", "unknown"]);
export type Level = z.infer<typeof levelSchema>;

/** `<engine>/<WhatIsSeen>`, for example `postgresql/NoPrimary`. */
export const findingCodeSchema = z.custom<`${string}/${string}`>(
  (value) => typeof value === "string" && value.includes("/"),
);
export type FindingCode = z.infer<typeof findingCodeSchema>;

export const subjectSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("cluster") }),
  z.object({ kind: z.literal("node"), node: z.string() }),
  z.object({ kind: z.literal("member"), member: z.string() }),
  /** A thing inside the cluster: a slot, a transaction, a partition. */
  z.object({ kind: z.literal("object"), object: z.string(), member: z.string() }),
]);
export type Subject = z.infer<typeof subjectSchema>;

export const findingSchema = z.object({
  code: findingCodeSchema,
  level: levelSchema.exclude(["ok"]),
  subject: subjectSchema,
  facts: z.record(z.string(), factSchema),
  /** Present on a finding of level unknown: why it cannot be told. */
  reason: sentenceSchema.optional(),
  evidence: z.array(evidenceIdSchema),
  /** Desktop wall clock when this finding was first seen on this subject without a gap since. */
  firstSeenAt: z.number(),
  /** The code of the finding that explains this one; the view folds this one under it. */
  explainedBy: findingCodeSchema.nullable(),
});
export type Finding = z.infer<typeof findingSchema>;

/** Whether a node answers this desktop. Unreachable from here is not down. */
export const reachabilitySchema = z.discriminatedUnion("state", [
  z.object({
    state: z.literal("reachable"),
    roundTripMs: z.number(),
    /** When a certificate that logged in on the way ceases to be valid, desktop wall clock; null where none did, or it is not told, as in older recordings. */
    certifiedUntil: z.number().nullable().default(null),
  }),
  z.object({ state: z.literal("connecting") }),
  z.object({ state: z.literal("unreachable"), reason: sentenceSchema, since: z.number() }),
]);
export type Reachability = z.infer<typeof reachabilitySchema>;

/** One named value of a member or node, in the order the engine lists them; the label is the message `<name>`. */
export const namedFigureSchema = z.object({
  name: z.string(),
  figure: figureSchema,
  /** Its unit, where the engine holds its course over time worth a chart. */
  charted: unitSchema.optional(),
});
export type NamedFigure = z.infer<typeof namedFigureSchema>;

export const nodeViewSchema = z.object({
  node: z.string(),
  address: z.string(),
  level: levelSchema,
  reachability: reachabilitySchema,
  /** Which client the login of its open connection was made by, and what decided that; where none is open, that of the last try. Null before it. */
  transport: z.object({ how: sentenceSchema, isOpen: z.boolean() }).nullable(),
  figures: z.array(namedFigureSchema),
});
export type NodeView = z.infer<typeof nodeViewSchema>;

export const memberViewSchema = z.object({
  member: z.string(),
  node: z.string(),
  level: levelSchema,
  /** The engine's own word for what the member is now, as a message code (`postgresql/role.primary`) or missing. */
  role: figureSchema,
  figures: z.array(namedFigureSchema),
});
export type MemberView = z.infer<typeof memberViewSchema>;
