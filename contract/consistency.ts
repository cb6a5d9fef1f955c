import { z } from "zod";
import { evidenceIdSchema, figureSchema, unitSchema } from "./figure";

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

export const consistencySchema = z.object({ witnesses: z.array(witnessTableSchema), tables: z.array(factTableSchema) });
export type Consistency = z.infer<typeof consistencySchema>;
