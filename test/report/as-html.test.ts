import { expect, it } from "vitest";
import type { PlanStep, RunRecord } from "../../contract/recovery";
import type { Report } from "../../contract/report";
import { say } from "../../contract/say";
import { sentence } from "../../contract/sentence";
import { catalogues } from "../../main/catalogue";
import { redisCluster } from "../../main/engine/redis-cluster";
import { reportAsHtml } from "../../main/report/as-html";
import { reportAsJson } from "../../main/report/as-json";
import { buildReport, type ReportParts } from "../../main/report/build-report";
import { assessCase } from "../engine/judged";

function reportOf(name: string, given: Partial<ReportParts> = {}): Report {
  const assessment = redisCluster.open((opened) => assessCase(opened, name));
  return buildReport({
    cluster: { clusterId: "case", name, engine: "redis-cluster", nodes: [], members: [], addedAt: 0 },
    assessment: { ...assessment, staleAfterMs: 1_000 },
    runs: [],
    journalHead: "",
    journalProblem: null,
    evidence: [],
    generatedAt: 0,
    operator: "admin",
    appVersion: "0",
    language: "en",
    ...given,
  });
}

it.each([
  ["node-unwatched", "unknown", 1, ["unknown ? Unknown", "unknown ? 1 cannot be told"]],
  ["desktop-with-minority", "degraded", 9, ["degraded ▲ Degraded", "unknown ? 9 cannot be told"]],
  ["keys-evicted", "watch", 0, ["watch ◔ To be watched"]],
])("of %s says %s, and as large beside it what cannot be told", (name, level, unknowns, verdicts) => {
  const report = reportOf(name);
  expect([report.assessment.level, report.assessment.unknowns]).toEqual([level, unknowns]);
  const said = reportAsHtml(report, catalogues.en).matchAll(/<p class="verdict (\w+)"><span>(.)<\/span> (.*?)<\/p>/g);
  expect([...said].map((found) => found.slice(1).join(" "))).toEqual(verdicts);
});

it("made on old readings does not say that the cluster is well", () => {
  const html = reportAsHtml(reportOf("healthy", { generatedAt: 90_000 }), catalogues.en);
  expect(html).toContain('<p class="verdict unknown"><span>?</span> Unknown</p>');
  expect(html).toContain("too old to be relied on when this report was made: 1 min 30 s,");
  expect(reportAsHtml(reportOf("healthy"), catalogues.en)).toContain("</span> Healthy</p>");
});

it.each([
  ["healthy", 0, "ok", false],
  ["healthy", 90_000, "unknown", true],
  ["slots-unowned", 90_000, "critical", true],
])(
  "for machines says of %s, made %i ms after it was read, that it is %s now",
  (name, generatedAt, levelNow, isStale) => {
    const { report } = JSON.parse(reportAsJson(reportOf(name, { generatedAt }))) as { report: Report };
    expect(report).toMatchObject({ levelNow, isStale });
    expect(reportAsHtml(report, catalogues.en)).toContain(`<p class="verdict ${levelNow}">`);
  },
);

it("names a finding under one that is itself under another", () => {
  const report = reportOf("slots-unowned");
  const { findings } = report.assessment;
  const byCode = new Map(findings.map((one) => [one.code as string, one]));
  const deep = findings.filter(({ explainedBy }) => (byCode.get(explainedBy ?? "")?.explainedBy ?? null) !== null);
  expect(deep.length).toBeGreaterThan(0);
  const html = reportAsHtml(report, catalogues.en);
  for (const one of deep) expect(html).toContain(say(catalogues.en, "en", one).replaceAll("'", "&#39;"));
});

it("says why runs may be missing where the journal does not tell them all, and does not say that there were none", () => {
  const journalProblem = { code: "recovery/journal-damaged", facts: { path: "journal.log", line: 3 } };
  const html = reportAsHtml(reportOf("healthy", { journalProblem }), catalogues.en);
  expect(html).toContain("journal.log is damaged at line 3");
  expect(html).not.toContain(catalogues.en["report/no-runs"]);
});

it.each([
  [true, "ops@n1:22"],
  [false, "ops@n1:22 (as configured: no connection was open)"],
  [null, "ops@n1:22"],
])("says that no connection was open only where that is recorded (%s)", (isConnected, said) => {
  const step: PlanStep = {
    title: sentence("etcd/defragment"),
    node: "n1",
    reachedAs: "ops@n1:22",
    isConnected,
    runsAs: "root",
    shown: "true",
    isRemembered: false,
    deadlineMs: 1,
    stillSafe: [],
    achieved: [],
    changes: true,
    undo: { kind: "needless", reason: sentence("etcd/defragment") },
  };
  const html = reportAsHtml(reportOf("healthy", { runs: [runOf(step)] }), catalogues.en);
  expect(html).toContain(`<p class="small">n1 · ${said} · root</p>`);
});

function runOf(step: PlanStep): RunRecord {
  return {
    runId: "one",
    clusterId: "case",
    clusterName: "healthy",
    action: "etcd/defragment",
    target: "n1",
    risk: "R1",
    state: "done",
    fingerprint: "f",
    operator: "o",
    reason: "",
    approvedAt: 1,
    endedAt: 2,
    origin: [],
    goal: [],
    steps: [{ step, undoes: null, state: "kept", wasSo: false, startedAt: 1, endedAt: 2, output: null, reason: null }],
    acts: [],
    verdict: null,
    undoObstacle: null,
    needsAcknowledgement: false,
    acknowledgement: null,
  };
}
