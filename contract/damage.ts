import { z } from "zod";
import { sentenceSchema } from "./sentence";

/** A file of Evenkeel's own was damaged and moved aside, and no person has acknowledged it yet. */
export const damageSchema = z.object({
  damageId: z.string(),
  /** The name of the file, such as `inventory.json`. */
  file: z.string(),
  /** What is used in its place, and where what was found is kept. */
  sentence: sentenceSchema,
});
export type Damage = z.infer<typeof damageSchema>;
