import { createHash } from "node:crypto";
import type { Balance } from "../../contract/balance";
import type { FactTable, WitnessTable } from "../../contract/consistency";
import type { Figure } from "../../contract/figure";
import { figureTables } from "../../contract/figure-table";
import { formatUnit } from "../../contract/format";
import { explainedBy, worstFirst } from "../../contract/findings";
import type { Finding, Level, NamedFigure } from "../../contract/health";
import type { RunRecord } from "../../contract/recovery";
import type { Report } from "../../contract/report";
import { say, wordsOf } from "../../contract/say";
import { sentence, type Catalogue, type Sentence } from "../../contract/sentence";
import { visible } from "../../contract/visible";
import { reportStyle } from "./style";

const marks: Readonly<Record<Level, string>> = { ok: "✔", watch: "◔", degraded: "▲", critical: "✖", unknown: "?" };

/** The report for people: one file, printable, that fetches nothing and runs nothing. */
export function reportAsHtml(report: Report, catalogue: Catalogue): string {
  const page = pageOf(report, catalogue);
  const { assessment } = report;
  const digest = createHash("sha256").update(JSON.stringify(report)).digest("hex");
  const title = `${assessment.name} · ${page.word("report/title")}`;
  const parts = [
    header(page),
    section(
      page,
      "report/findings",
      assessment.findings.length === 0
        ? note(page, "report/no-findings")
        : worstFirst(assessment.findings)
            .map((one) => finding(page, one))
            .join(""),
    ),
    section(page, "report/tolerance", tolerances(page)),
    section(
      page,
      "report/members",
      figureTable(
        page,
        assessment.members.map((one) => ({
          name: one.member,
          level: one.level,
          figures: [{ name: "report/role", figure: one.role }, ...one.figures],
        })),
      ),
    ),
    section(
      page,
      "report/nodes",
      figureTable(
        page,
        assessment.nodes.map((one) => ({ name: one.node, level: one.level, figures: one.figures })),
      ),
    ),
    section(
      page,
      "report/consistency",
      assessment.consistency.witnesses.map((one) => witness(page, one)).join("") +
        assessment.consistency.tables.map((one) => factTable(page, one)).join(""),
    ),
    section(page, "report/balance", assessment.balances.map((one) => balance(page, one)).join("")),
    section(page, "report/runs", runs(page)),
    section(page, "report/evidence", evidence(page)),
    section(page, "report/limits", note(page, "report/limits-text")),
  ];
  return `<!doctype html>
<html lang="${report.language}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(title)}</title><style>${reportStyle}</style></head><body>
${parts.join("\n")}
<footer>${page.said(sentence("report/journal", { head: report.journalHead }))}<br>Evenkeel ${escape(report.appVersion)} · SHA-256 ${digest}</footer>
</body></html>
`;
}

interface Page {
  readonly report: Report;
  readonly word: (code: string) => string;
  readonly said: (sentence: Sentence) => string;
  readonly figure: (figure: Figure) => string;
}

function pageOf(report: Report, catalogue: Catalogue): Page {
  const said = (one: Sentence): string => escape(say(catalogue, report.language, one));
  return {
    report,
    said,
    word: (code) => said(sentence(code)),
    figure: (figure) => {
      if (figure.state === "missing") return `<span class="missing">${said(figure.reason)}</span>`;
      if (figure.state === "none") return `<span class="small">${said(figure.reason)}</span>`;
      const text =
        typeof figure.value === "string"
          ? (wordsOf(catalogue, figure.value) ?? figure.value)
          : formatUnit(figure.value, figure.unit, report.language);
      return escape(text);
    },
  };
}

/** Everything a host said is text: no character of it may become markup or hide. */
function escape(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function header(page: Page): string {
  const { assessment, coverage, generatedAt, isStale, levelNow, operator, language } = page.report;
  const when = formatUnit(generatedAt, "instant", language);
  const seen = formatUnit(assessment.takenAt, "instant", language);
  const age = formatUnit(generatedAt - assessment.takenAt, "duration", language);
  const stale = isStale ? `<p class="missing">${page.said(sentence("report/stale", { age }))}</p>` : "";
  const silent =
    coverage.notObserved.length === 0
      ? ""
      : `<p class="missing">${page.said(sentence("report/not-observed", { nodes: coverage.notObserved.join(", ") }))}</p>`;
  const worst = worstFirst(assessment.findings).slice(0, 3);
  const verdict = (of: Level, said: string): string => `<p class="verdict ${of}"><span>${marks[of]}</span> ${said}</p>`;
  // A level that is only the worst of what could be told must not be read without what could not.
  const doubts = sentence("assess/unknowns", { count: assessment.unknowns });
  const unknowns = assessment.unknowns === 0 ? "" : ` ${verdict("unknown", page.said(doubts))}`;
  return `<header><p class="kind">${page.word("report/title")}</p><h1>${escape(assessment.name)}</h1>
${verdict(levelNow, page.word(`report/level.${levelNow}`))}${unknowns}
<ul>${worst.map((one) => `<li>${page.said(one)}</li>`).join("")}</ul>
<p>${page.said(sentence("report/made", { when, operator, seen, observed: coverage.observed, expected: coverage.expected }))}</p>${stale}${silent}</header>`;
}

function section(page: Page, code: string, body: string): string {
  return `<section><h2>${page.word(code)}</h2>${body}</section>`;
}

function note(page: Page, code: string): string {
  return `<p>${page.word(code)}</p>`;
}

/** What could not be read of the journal stands before what could. */
function runs(page: Page): string {
  const { runs: all, journalProblem } = page.report;
  const problem = journalProblem === null ? "" : `<p class="missing">${page.said(journalProblem)}</p>`;
  if (all.length === 0) return problem === "" ? note(page, "report/no-runs") : problem;
  return problem + all.map((one) => run(page, one)).join("");
}

function finding(page: Page, one: Finding): string {
  const since = formatUnit(one.firstSeenAt, "instant", page.report.language);
  const reason = one.reason === undefined ? "" : `<p class="missing">${page.said(one.reason)}</p>`;
  const explained = explainedBy(one, page.report.assessment.findings).map((other) => `<li>${page.said(other)}</li>`);
  const folded =
    explained.length === 0 ? "" : `<p class="small">${page.word("report/explained")}</p><ul>${explained.join("")}</ul>`;
  return `<article class="${one.level}"><h3>${marks[one.level]} ${page.said(one)}</h3>${reason}
<p>${page.said({ ...one, code: `${one.code}.meaning` })} ${page.said({ ...one, code: `${one.code}.remedy` })}</p>
${folded}<p class="small">${escape(one.code)} · ${page.said(sentence("report/since", { since }))}</p></article>`;
}

function tolerances(page: Page): string {
  const rows = page.report.assessment.tolerances.map(({ object, needs, has, tolerates }) => {
    const told = (value: number | null): string => (value === null ? page.word("report/unknown") : String(value));
    return `<tr><th>${page.said(object)}</th><td>${needs}</td><td>${told(has)}</td><td class="${tolerates !== null && tolerates <= 0 ? "critical" : ""}">${told(tolerates)}</td></tr>`;
  });
  const heads = ["report/object", "report/needs", "report/has", "report/tolerates"]
    .map((code) => `<th>${page.word(code)}</th>`)
    .join("");
  return `<table><thead><tr>${heads}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

/** Cells of one table. Why a value is missing is told once below it: a host that is not reached gives the same reason for every cell. */
function cellsOf(page: Page): { readonly cell: (figure: Figure) => string; readonly notes: () => string } {
  const reasons: string[] = [];
  const cell = (figure: Figure): string => {
    if (figure.state === "known") return `<td>${page.figure(figure)}</td>`;
    const reason = page.said(figure.reason);
    if (!reasons.includes(reason)) reasons.push(reason);
    const mark = `<sup>${reasons.indexOf(reason) + 1}</sup>`;
    return figure.state === "none"
      ? `<td>—${mark}</td>`
      : `<td><span class="missing">${page.word("report/unknown")}${mark}</span></td>`;
  };
  const notes = (): string =>
    reasons.map((reason, at) => `<p class="small"><sup>${at + 1}</sup> ${reason}</p>`).join("");
  return { cell, notes };
}

function figureTable(
  page: Page,
  rows: readonly { name: string; level: Level; figures: readonly NamedFigure[] }[],
): string {
  const tables = figureTables(rows).map((table) => {
    const heads = table.names.map((name) => `<th>${page.word(name)}</th>`).join("");
    const { cell, notes } = cellsOf(page);
    const body = table.rows.map((row) => {
      const cells = row.figures.map(({ figure }) => cell(figure));
      return `<tr><th>${marks[row.level]} ${escape(row.name)}</th>${cells.join("")}</tr>`;
    });
    return `<table><thead><tr><th></th>${heads}</tr></thead><tbody>${body.join("")}</tbody></table>${notes()}`;
  });
  return tables.join("");
}

function witness(page: Page, table: WitnessTable): string {
  const mark = (agrees: boolean | null): string => (agrees === null ? "?" : agrees ? "✔" : "✖");
  const rows = table.witnesses.map(
    (one) => `<tr><th>${escape(one.member)}</th><td>${page.figure(one.says)}</td><td>${mark(one.agrees)}</td></tr>`,
  );
  return `<h3>${page.word(table.claim)} — ${page.word(`report/verdict.${table.verdict}`)}</h3><table><tbody>${rows.join("")}</tbody></table>`;
}

function factTable(page: Page, table: FactTable): string {
  const incomplete = table.complete ? "" : `<p class="missing">${page.word("report/incomplete")}</p>`;
  if (table.rows.length === 0)
    return `<h3>${page.word(table.name)}</h3>${incomplete}${table.complete ? note(page, `${table.name}.empty`) : ""}`;
  const heads = table.columns.map(({ name }) => `<th>${page.word(name)}</th>`).join("");
  const { cell, notes } = cellsOf(page);
  const rows = table.rows.map((row) => `<tr><th>${escape(row.subject)}</th>${row.cells.map(cell).join("")}</tr>`);
  return `<h3>${page.word(table.name)}</h3>${incomplete}<table><thead><tr><th></th>${heads}</tr></thead><tbody>${rows.join("")}</tbody></table>${notes()}`;
}

function balance(page: Page, one: Balance): string {
  const amounts = one.shares.map(({ amount }) =>
    amount.state === "known" && typeof amount.value === "number" ? amount.value : 0,
  );
  const most = Math.max(1, ...amounts);
  const rows = one.shares.map(
    ({ member, amount }, at) =>
      `<tr><th>${escape(member)}</th><td>${amount.state !== "known" ? "" : `<meter min="0" max="${most}" value="${amounts[at] ?? 0}"></meter> `}${page.figure(amount)}</td></tr>`,
  );
  return `<h3>${page.word(one.measure)}</h3><table><tbody>${rows.join("")}</tbody></table><p class="small">${page.word("report/skew")}: ${page.figure(one.skew)}</p>`;
}

function run(page: Page, one: RunRecord): string {
  const at = (time: number | null): string => (time === null ? "—" : formatUnit(time, "instant", page.report.language));
  const steps = one.steps.map(
    (step) =>
      `<li><b>${page.said(step.step.title)}</b> — ${page.word(`report/step.${step.state}`)} · ${at(step.startedAt)} – ${at(step.endedAt)}
<p class="small">${escape(step.step.node)} · ${step.step.isConnected === false ? page.said(sentence("report/as-configured", { login: step.step.reachedAs })) : escape(step.step.reachedAs)} · ${escape(step.step.runsAs)}</p><pre>${escape(step.step.shown)}</pre>${step.output === null || step.output === "" ? "" : `<pre>${escape(step.output)}</pre>`}${step.reason === null ? "" : `<p class="missing">${page.said(step.reason)}</p>`}</li>`,
  );
  const facts = {
    operator: one.operator,
    reason: one.reason === "" ? "—" : one.reason,
    when: at(one.approvedAt),
    end: at(one.endedAt),
  };
  return `<article><h3>${page.word(one.action)} → ${escape(one.target)} (${one.risk}) — ${page.word(`report/run.${one.state}`)}</h3>
<p>${page.said(sentence("report/run", facts))}</p><ol>${steps.join("")}</ol>${one.verdict === null ? "" : `<p><b>${page.said(one.verdict)}</b></p>`}<p class="small">${escape(one.runId)} · ${escape(one.fingerprint)}</p></article>`;
}

function evidence(page: Page): string {
  return page.report.evidence
    .map((one) => {
      const digest = createHash("sha256").update(one.raw).digest("hex");
      const when = formatUnit(one.takenAt, "instant", page.report.language);
      const problem = one.problem === null ? "" : `<p class="missing">${page.said(one.problem)}</p>`;
      return `<details><summary>${escape(one.id)} · ${when} · ${formatUnit(one.tookMs, "duration", page.report.language)}</summary>${problem}<pre>${escape(one.ask)}</pre><pre>${escape(one.raw)}</pre><p class="small">SHA-256 ${digest}</p></details>`;
    })
    .join("");
}
