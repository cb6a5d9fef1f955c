import { z } from "zod";
import { evidenceIdSchema } from "./figure";
import { sentenceSchema } from "./sentence";

/** What may still fail before something is lost: a minimum over objects, counted on what is proven, not on what is configured. */
export const toleranceSchema = z.object({
  /** What would be lost, for example `postgresql/tolerance.failover-candidates`. */
  object: sentenceSchema,
  needs: z.number(),
  /** Null when the readings that would tell are missing. */
  has: z.number().nullable(),
  tolerates: z.number().nullable(),
  /** The failure domain that sets the minimum, or null. */
  limitingDomain: z.string().nullable(),
  evidence: z.array(evidenceIdSchema),
});
export type Tolerance = z.infer<typeof toleranceSchema>;
