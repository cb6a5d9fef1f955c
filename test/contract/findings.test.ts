import { expect, it } from "vitest";
import { explainedBy, worstFirst } from "../../contract/findings";
import type { Finding, FindingCode } from "../../contract/health";

const finding = (code: FindingCode, by: FindingCode | null): Finding => ({
  code,
  level: "watch",
  subject: { kind: "cluster" },
  facts: {},
  evidence: [],
  firstSeenAt: 0,
  explainedBy: by,
});

it("tells the first of findings that explain one another in a circle, and the others under it", () => {
  const alone = finding("x/Alone", null);
  const circle = [finding("x/A", "x/C"), finding("x/B", "x/A"), finding("x/C", "x/B")];
  const findings = [...circle, alone];
  expect(worstFirst(findings)).toEqual([alone, circle[0]]);
  expect(explainedBy(circle[0]!, findings)).toEqual(circle.slice(1));
  expect(explainedBy(alone, findings)).toEqual([]);
});
