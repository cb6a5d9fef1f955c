import type { WitnessTable } from "../../contract/consistency";
import type { Figure } from "../../contract/figure";

/** Pure. Witnesses are compared with what most of them say; a silent one leaves the claim unproven, never upheld. */
export function compareWitnesses(
  claim: string,
  told: readonly { readonly member: string; readonly says: Figure }[],
): WitnessTable {
  const values = told.flatMap(({ says }) => (says.state === "known" ? [says.value] : []));
  const counts = new Map<string | number | boolean, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const most = [...counts.entries()].sort(([, one], [, other]) => other - one)[0]?.[0];
  const isBroken = counts.size > 1;
  return {
    claim,
    verdict: isBroken ? "broken" : values.length === told.length && values.length > 0 ? "holds" : "unknown",
    witnesses: told.map(({ member, says }) => ({
      member,
      says,
      agrees: says.state === "known" ? says.value === most : null,
    })),
  };
}
