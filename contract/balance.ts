import { z } from "zod";
import { figureSchema, unitSchema } from "./figure";

/** How the shares would be evened out: data to look at, carried out only by the recovery it names. */
export const balancePlanSchema = z.object({
  moves: z.array(
    z.object({
      from: z.string(),
      to: z.string(),
      /** Message code of what is moved, for example slots. */
      what: z.string(),
      count: z.number(),
      bytes: figureSchema,
    }),
  ),
  /** Greatest share over mean, now and after all moves. */
  skewBefore: z.number(),
  skewAfter: z.number(),
  /** The recovery that carries it out, and the target to name to it. */
  action: z.string(),
  target: z.string(),
});
export type BalancePlan = z.infer<typeof balancePlanSchema>;

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
  /** Null where nothing needs to move or nothing can be said. */
  plan: balancePlanSchema.nullable(),
});
export type Balance = z.infer<typeof balanceSchema>;
