import type { Balance, BalancePlan } from "../../contract/balance";
import type { Figure, Unit } from "../../contract/figure";
import { sentence } from "../../contract/sentence";
import { known, missing, none, numberOf } from "./figure-of";

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
    tolerance === null
      ? "no-goal"
      : skew.state === "missing"
        ? "unknown"
        : (ratio ?? 0) > tolerance
          ? "skewed"
          : "balanced";
  return { measure, unit, goal, tolerance, shares: [...shares], skew, verdict, plan: plan ?? null };
}

/** Greatest share over mean. A share that is missing makes the skew missing: it could be the greatest. Nothing at all is shared out evenly. */
export function skewOf(amounts: readonly Figure[]): Figure {
  const gap = amounts.find((amount) => amount.state === "missing");
  if (gap !== undefined) return missing(sentence("assess/share-missing"), gap.evidence);
  const first = amounts.find((amount) => amount.state === "known");
  if (first === undefined) return missing(sentence("assess/nothing-to-share"), null);
  const numbers = amounts.map(numberOf).filter((number) => number !== null);
  const sum = numbers.reduce((total, number) => total + number, 0);
  if (sum === 0) return none(sentence("assess/nothing-to-share"), first.evidence);
  return known((Math.max(...numbers) * numbers.length) / sum, "count", first.evidence);
}
