import { z } from "zod";
import { sentenceSchema } from "./sentence";

/** What a figure counts. `ratio` is 0 to 1; `instant` and `duration` are milliseconds, instants since the Unix epoch. */
export const unitSchema = z.enum([
  "text",
  "flag",
  "count",
  "bytes",
  "bytes-per-second",
  "per-second",
  "ratio",
  "duration",
  "instant",
]);
export type Unit = z.infer<typeof unitSchema>;

/** Names one reading of one cycle: `<node>/<member>/<probe>`. */
export const evidenceIdSchema = z.string();
export type EvidenceId = z.infer<typeof evidenceIdSchema>;

/**
 * One shown value and where it comes from. A value that is not known is `missing` with the reason; it never becomes zero,
 * an empty text or a green light. `none` was read: there is nothing of the kind, such as the lag of a primary.
 */
export const figureSchema = z.discriminatedUnion("state", [
  z.object({
    state: z.literal("known"),
    value: z.union([z.string(), z.number(), z.boolean()]),
    unit: unitSchema,
    evidence: evidenceIdSchema,
  }),
  z.object({ state: z.literal("missing"), reason: sentenceSchema, evidence: evidenceIdSchema.nullable() }),
  z.object({ state: z.literal("none"), reason: sentenceSchema, evidence: evidenceIdSchema }),
]);
export type Figure = z.infer<typeof figureSchema>;

/** What stands behind a figure or finding, without the raw answer; that is asked for by its id when a person looks. */
export const evidenceSchema = z.object({
  id: evidenceIdSchema,
  node: z.string(),
  /** The command, call or statement, byte for byte as it was sent. */
  ask: z.string(),
  outcome: z.enum(["value", "not-there", "failed"]),
  /** Desktop wall clock, milliseconds since the Unix epoch, when the answer was whole. */
  takenAt: z.number(),
  tookMs: z.number(),
  rawBytes: z.number(),
});
export type Evidence = z.infer<typeof evidenceSchema>;

/** An evidence with its raw answer, as received, cut at a cap that `rawBytes` tells of. */
export const evidenceDetailSchema = evidenceSchema.extend({ raw: z.string(), problem: sentenceSchema.nullable() });
export type EvidenceDetail = z.infer<typeof evidenceDetailSchema>;
