import type { Finding, Level } from "./health";

/** What cannot be told stands after what is certainly bad and before what is only to be watched. */
const order: readonly Level[] = ["critical", "degraded", "unknown", "watch"];

/** What is told of itself, the worst first; the rest stands under what explains it. */
export function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  return findings
    .filter(({ explainedBy }) => explainedBy === null)
    .sort((one, other) => order.indexOf(one.level) - order.indexOf(other.level));
}

/** What stands under a finding. Of several hosts that are not reached, each has its own members. */
export function explainedBy({ code, reason }: Finding, findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(
    (one) =>
      one.explainedBy === code && (reason === undefined || JSON.stringify(one.reason) === JSON.stringify(reason)),
  );
}
