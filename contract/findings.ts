import type { Finding } from "./health";
import { bySeverity } from "./level";

/** What is told of itself, the worst first; the rest stands under what explains it. Of findings that explain one another the first is told. */
export function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  const shown = findings.filter((one) => one.explainedBy === null);
  const told = new Set(shown.flatMap((one) => [one, ...explainedBy(one, findings)]));
  for (const one of findings) {
    if (told.has(one)) continue;
    shown.push(one);
    for (const other of [one, ...explainedBy(one, findings)]) told.add(other);
  }
  return shown.sort((one, other) => bySeverity(one.level, other.level));
}

/** What stands under a finding: what it explains, what that explains in turn, and so on. */
export function explainedBy(finding: Finding, findings: readonly Finding[]): readonly Finding[] {
  const reached = new Set([finding]);
  // A set gives what is added to it while it is walked, and nothing twice.
  for (const above of reached) for (const one of findings) if (standsRightUnder(one, above)) reached.add(one);
  return findings.filter((one) => one !== finding && reached.has(one));
}

/** Of several hosts that are not reached, each has its own members. */
function standsRightUnder(one: Finding, { code, reason }: Finding): boolean {
  return one.explainedBy === code && (reason === undefined || JSON.stringify(one.reason) === JSON.stringify(reason));
}
