import { z } from "zod";
import { evidenceIdSchema, figureSchema, unitSchema } from "./figure";
import { sentenceSchema } from "./sentence";

/** The same claims as each member tells them. Members that contradict one another make the verdict `broken`. */
export const witnessTableSchema = z.object({
  /** Message code of the question, for example `postgresql/claim.primary`. */
  claim: z.string(),
  verdict: z.enum(["holds", "broken", "unknown"]),
  witnesses: z.array(z.object({ member: z.string(), says: figureSchema, agrees: z.boolean().nullable() })),
});
export type WitnessTable = z.infer<typeof witnessTableSchema>;

/** A table of like things (replicas with their lag, slots, transactions in doubt); an empty one is a statement too. */
export const factTableSchema = z.object({
  /** Message code of the heading; `<name>.empty` says what an empty table means. */
  name: z.string(),
  columns: z.array(z.object({ name: z.string(), unit: unitSchema })),
  rows: z.array(z.object({ subject: z.string(), cells: z.array(figureSchema) })),
  /** False when a reading that would list rows is missing: the table may then lack some. */
  complete: z.boolean(),
  evidence: z.array(evidenceIdSchema),
});
export type FactTable = z.infer<typeof factTableSchema>;

/** A fixed number of slots shared out among owners, as a ring or slot map has them. */
export const slotMapSchema = z.object({
  /** Message code of the heading. */
  name: z.string(),
  slotCount: z.number(),
  owners: z.array(z.object({ owner: z.string(), ranges: z.array(z.object({ from: z.number(), to: z.number() })) })),
  /** Slots about which something is to be said; both ends belong to the range. */
  marks: z.array(
    z.object({
      from: z.number(),
      to: z.number(),
      state: z.enum(["unowned", "contested", "migrating", "importing"]),
      says: sentenceSchema,
    }),
  ),
  /** What would move when an owner joins or leaves. */
  whatIf: z.array(z.object({ change: sentenceSchema, slotCount: z.number() })),
  /** False when a reading that the map is made from is missing. */
  complete: z.boolean(),
  evidence: z.array(evidenceIdSchema),
});
export type SlotMap = z.infer<typeof slotMapSchema>;

export const consistencySchema = z.object({
  witnesses: z.array(witnessTableSchema),
  tables: z.array(factTableSchema),
  maps: z.array(slotMapSchema),
});
export type Consistency = z.infer<typeof consistencySchema>;
