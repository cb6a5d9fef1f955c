import { expect, it } from "vitest";
import type { Report } from "../../contract/report";
import { say } from "../../contract/say";
import { catalogues } from "../../main/catalogue";
import { redisCluster } from "../../main/engine/redis-cluster";
import { reportAsHtml } from "../../main/report/as-html";
import { assessCase } from "../engine/judged";

function reportOf(name: string): Report {
  const assessment = redisCluster.open((opened) => assessCase(opened, name));
  return {
    schema: "evenkeel-report/1",
    generatedAt: 0,
    operator: "admin",
    appVersion: "0",
    language: "en",
    cluster: { clusterId: "case", name, engine: "redis-cluster", nodes: [], members: [], addedAt: 0 },
    assessment,
    runs: [],
    journalHead: "",
    evidence: [],
    coverage: { expected: 0, observed: 0, notObserved: [] },
  };
}

it("says what cannot be told before the level and as large, so that a level is not read without it", () => {
  const report = reportOf("node-unwatched");
  expect([report.assessment.level, report.assessment.unknowns]).toEqual(["watch", 1]);
  const verdicts = [...reportAsHtml(report, catalogues.en).matchAll(/<p class="verdict (\w+)">(.*?)<\/p>/g)];
  expect(verdicts.map(([, level, said]) => [level, said])).toEqual([
    ["unknown", "<span>?</span> 1 cannot be told"],
    ["watch", "<span>◔</span> To be watched"],
  ]);
});

it("names a finding under one that is itself under another", () => {
  const report = reportOf("slots-unowned");
  const { findings } = report.assessment;
  const byCode = new Map(findings.map((one) => [one.code as string, one]));
  const deep = findings.filter(({ explainedBy }) => (byCode.get(explainedBy ?? "")?.explainedBy ?? null) !== null);
  expect(deep.length).toBeGreaterThan(0);
  const html = reportAsHtml(report, catalogues.en);
  for (const one of deep) expect(html).toContain(say(catalogues.en, "en", one).replaceAll("'", "&#39;"));
});
