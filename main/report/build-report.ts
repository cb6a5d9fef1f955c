import type { Assessment } from "../../contract/assessment";
import type { EvidenceDetail } from "../../contract/figure";
import type { Cluster } from "../../contract/inventory";
import { isStale, levelNow } from "../../contract/level";
import type { RunRecord } from "../../contract/recovery";
import type { Report } from "../../contract/report";
import type { Language, Sentence } from "../../contract/sentence";
import { redactAll } from "../../contract/redact";

export interface ReportParts {
  readonly cluster: Cluster;
  readonly assessment: Assessment;
  readonly runs: readonly RunRecord[];
  readonly journalHead: string;
  readonly journalProblem: Sentence | null;
  readonly evidence: readonly EvidenceDetail[];
  readonly generatedAt: number;
  readonly operator: string;
  readonly appVersion: string;
  readonly language: Language;
}

/** Pure. Everything a report says, as data, with secrets taken out of all that hosts answered, wherever it is quoted. */
export function buildReport(parts: ReportParts): Report {
  const { nodes } = parts.assessment;
  const silent = nodes.filter(({ reachability }) => reachability.state !== "reachable").map(({ node }) => node);
  return {
    schema: "evenkeel-report/1",
    generatedAt: parts.generatedAt,
    operator: parts.operator,
    appVersion: parts.appVersion,
    language: parts.language,
    cluster: parts.cluster,
    assessment: redactAll(parts.assessment),
    levelNow: levelNow(parts.assessment, parts.generatedAt),
    isStale: isStale(parts.assessment, parts.generatedAt),
    runs: redactAll([...parts.runs]),
    journalHead: parts.journalHead,
    journalProblem: parts.journalProblem,
    evidence: redactAll([...parts.evidence]),
    coverage: { expected: nodes.length, observed: nodes.length - silent.length, notObserved: silent },
  };
}
