import type { Assessment } from "../../contract/assessment";
import type { Evidence } from "../../contract/figure";
import type { Finding, FindingCode, Level, MemberView, NodeView, Subject } from "../../contract/health";
import type { Cluster } from "../../contract/inventory";
import { levelOf } from "../../contract/level";
import type { RecoveryOffer } from "../../contract/recovery";
import { sentence } from "../../contract/sentence";
import type { Engine, HealthRule, MemberReadings, SettingFields } from "../engine/engine";
import type { Probes } from "../probe/probe";

export interface AssessParts<
  F extends SettingFields,
  P extends Probes,
  S,
  HF extends SettingFields,
  HP extends Probes,
  HS,
> {
  readonly cluster: Cluster;
  readonly engine: Engine<F, P, S>;
  readonly members: readonly MemberReadings<F, P>[];
  readonly host: Engine<HF, HP, HS>;
  readonly hosts: readonly MemberReadings<HF, HP>[];
  /** By node, which client its login is made by. */
  readonly transports: ReadonlyMap<string, NodeView["transport"]>;
  readonly evidence: readonly Evidence[];
  readonly previous: Assessment | null;
  readonly cycle: number;
  readonly takenAt: number;
  readonly tookMs: number;
  readonly staleAfterMs: number;
}

/** Pure. Everything that can be said of a cluster from one round of readings and what was said before. */
export function assess<F extends SettingFields, P extends Probes, S, HF extends SettingFields, HP extends Probes, HS>(
  parts: AssessParts<F, P, S, HF, HP, HS>,
): Assessment {
  const { cluster, engine, host, takenAt } = parts;
  const snapshot = engine.snapshot(parts.members);
  const hosts = host.snapshot(parts.hosts);
  const findings = explain([...engine.health, ...host.health] as readonly HealthRule<unknown>[], [
    ...sight(engine.health, snapshot),
    ...sight(host.health, hosts),
  ]).map((finding) => ({ ...finding, firstSeenAt: firstSeen(parts.previous, finding) ?? takenAt }));
  const entries = engine.members(snapshot);
  return {
    clusterId: cluster.clusterId,
    name: cluster.name,
    engine: engine.id,
    cycle: parts.cycle,
    takenAt,
    tookMs: parts.tookMs,
    staleAfterMs: parts.staleAfterMs,
    level: levelOf(findings),
    unknowns: findings.filter((finding) => finding.level === "unknown").length,
    nodes: nodeViews(parts, host.members(hosts), findings),
    members: entries.map((entry): MemberView => ({
      ...entry,
      figures: [...entry.figures],
      // A member of which nothing was read, not even what it is, may be anything; no rule need say so for that.
      level: levelOf([
        { level: levelAt(findings, [entry.member]) },
        ...(entry.role.state === "missing" ? [{ level: "unknown" } as const] : []),
      ]),
    })),
    findings,
    balances: [...engine.balance(snapshot)],
    consistency: engine.consistency(snapshot),
    tolerances: [...engine.tolerance(snapshot)],
    recoveries: offers(engine, snapshot),
    evidence: [...parts.evidence],
  };
}

function sight<S>(rules: readonly HealthRule<S>[], snapshot: S): readonly Finding[] {
  return rules.flatMap((rule) =>
    rule.find(snapshot).map((seen): Finding => {
      const facts = { ...seen.facts };
      return {
        code: rule.code,
        level: seen.cannotTell !== undefined ? "unknown" : (seen.level ?? rule.level),
        subject: seen.subject,
        facts,
        ...(seen.cannotTell !== undefined && { reason: seen.cannotTell }),
        evidence: [...seen.evidence],
        firstSeenAt: 0,
        explainedBy: null,
      };
    }),
  );
}

/**
 * A finding is folded under another only while that other is seen for certain: a doubt explains nothing away. The one exception
 * is a member that is not read for the very reason its host is not reached: that is one trouble and not two.
 */
function explain(rules: readonly HealthRule<unknown>[], findings: readonly Finding[]): readonly Finding[] {
  const certain = new Set(findings.filter((finding) => finding.level !== "unknown").map((finding) => finding.code));
  const explainers = rules.filter((rule) => certain.has(rule.code));
  const hostDoubts = new Map(
    findings.flatMap(({ subject, reason, code }) =>
      subject.kind === "node" && reason !== undefined ? [[JSON.stringify(reason), code] as const] : [],
    ),
  );
  const doubted = ({ subject, reason }: Finding): FindingCode | undefined =>
    subject.kind === "member" ? hostDoubts.get(JSON.stringify(reason)) : undefined;
  return findings.map((finding) => ({
    ...finding,
    explainedBy: explainers.find((rule) => rule.explains?.includes(finding.code))?.code ?? doubted(finding) ?? null,
  }));
}

function firstSeen(previous: Assessment | null, finding: Finding): number | null {
  const key = subjectKey(finding.subject);
  return (
    previous?.findings.find((earlier) => earlier.code === finding.code && subjectKey(earlier.subject) === key)
      ?.firstSeenAt ?? null
  );
}

function subjectKey(subject: Subject): string {
  return JSON.stringify(subject);
}

/** The level of what is said about these members or nodes. */
function levelAt(findings: readonly Finding[], names: readonly string[]): Level {
  const own = findings.filter(({ subject }) => {
    const name = subject.kind === "node" ? subject.node : subject.kind === "cluster" ? null : subject.member;
    return name !== null && names.includes(name);
  });
  return levelOf(own);
}

function nodeViews<F extends SettingFields, P extends Probes, S, HF extends SettingFields, HP extends Probes, HS>(
  parts: AssessParts<F, P, S, HF, HP, HS>,
  entries: ReturnType<Engine<HF, HP, HS>["members"]>,
  findings: readonly Finding[],
): NodeView[] {
  const about = findings.filter(({ code }) => code.startsWith(`${parts.host.id}/`));
  return parts.cluster.nodes.map(({ node, login }) => ({
    node,
    address: login.host,
    level: levelAt(about, [node]),
    reachability: parts.hosts.find(({ site }) => site.node === node)?.reachability ?? { state: "connecting" },
    transport: parts.transports.get(node) ?? null,
    figures: [...(entries.find((entry) => entry.node === node)?.figures ?? [])],
  }));
}

function offers<F extends SettingFields, P extends Probes, S>(engine: Engine<F, P, S>, snapshot: S): RecoveryOffer[] {
  return engine.recoveries.map((recovery) => {
    const targets = recovery
      .targets(snapshot)
      .map(({ target, objections }) => ({ target, objections: [...objections] }));
    const objections = [...recovery.objections(snapshot)];
    if (targets.length === 0 && objections.length === 0) objections.push(sentence("recovery/nobody-to-act-on"));
    return { action: recovery.action, risk: recovery.risk, answers: [...recovery.answers], targets, objections };
  });
}
