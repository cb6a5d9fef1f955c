import { z } from "zod";
import { figureSchema, unitSchema } from "./figure";

export const balanceSchema = z.object({
  /** Message code of what is shared out, for example `postgresql/balance.connections`. */
  measure: z.string(),
  unit: unitSchema,
  /** `must`: a breach is a finding. `better`: a breach is advice. `shown`: the engine has no goal for it. */
  goal: z.enum(["must", "better", "shown"]),
  /** Largest allowed ratio of the greatest share to the mean; null where there is no goal. */
  tolerance: z.number().nullable(),
  shares: z.array(z.object({ member: z.string(), amount: figureSchema })),
  /** Greatest share over mean; missing when a share is missing or there is nothing to share out. */
  skew: figureSchema,
  verdict: z.enum(["balanced", "skewed", "unknown", "no-goal"]),
});
export type Balance = z.infer<typeof balanceSchema>;
