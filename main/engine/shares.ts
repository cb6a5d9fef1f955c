import type { Balance, BalancePlan } from "../../contract/balance";
import type { Figure, Unit } from "../../contract/figure";
import { sentence } from "../../contract/sentence";
import { known, missing, numberOf } from "./figure-of";

export interface Shared {
  readonly measure: string;
  readonly unit: Unit;
  readonly goal: Balance["goal"];
  /** Largest allowed ratio of the greatest share to the mean; null where there is no goal. */
  readonly tolerance: number | null;
  readonly shares: readonly { readonly member: string; readonly amount: Figure }[];
  readonly plan?: BalancePlan | null;
}

/** Pure. Judges how evenly something is shared out. */
export function judgeShares({ measure, unit, goal, tolerance, shares, plan }: Shared): Balance {
  const skew = skewOf(shares.map(({ amount }) => amount));
  const ratio = numberOf(skew);
  const verdict =
    tolerance === null ? "no-goal" : ratio === null ? "unknown" : ratio > tolerance ? "skewed" : "balanced";
  return { measure, unit, goal, tolerance, shares: [...shares], skew, verdict, plan: plan ?? null };
}

/** Greatest share over mean. A share that is missing makes the skew missing: it could be the greatest. */
export function skewOf(amounts: readonly Figure[]): Figure {
  const numbers = amounts.map(numberOf);
  const gap = amounts.find((amount) => amount.state === "missing");
  const first = amounts.find((amount) => amount.state === "known");
  if (gap?.state === "missing") return missing(sentence("assess/share-missing"), gap.evidence);
  const sum = numbers.reduce<number>((total, number) => total + (number ?? 0), 0);
  if (first?.state !== "known" || sum === 0) return missing(sentence("assess/nothing-to-share"), null);
  return known((Math.max(...numbers.map((number) => number ?? 0)) * numbers.length) / sum, "count", first.evidence);
}
