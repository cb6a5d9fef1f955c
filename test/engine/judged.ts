import type { Engine, SettingFields } from "../../main/engine/engine";
import type { Sentence } from "../../contract/sentence";
import type { Assessment } from "../../contract/assessment";
import { assess } from "../../main/assess/assess";
import { hostEngine } from "../../main/engine/registry";
import type { Probes } from "../../main/probe/probe";
import { replay } from "./case";

/** What an engine makes of a case, without the parts that only repeat the recording. */
export interface Judged {
  readonly level: string;
  readonly roles: Readonly<Record<string, string>>;
  readonly findings: readonly {
    readonly code: string;
    readonly level: string;
    readonly subject: unknown;
    readonly facts: unknown;
    readonly reason?: string;
    readonly explainedBy?: string;
  }[];
  readonly witnesses: Readonly<Record<string, string>>;
  readonly tables: Readonly<Record<string, readonly string[]>>;
  readonly balances: Readonly<Record<string, string>>;
  readonly tolerances: readonly {
    readonly object: string;
    readonly has: number | null;
    readonly tolerates: number | null;
  }[];
  /** `target: objection codes`, by action; an empty list means it is offered. */
  readonly recoveries: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

const codes = (sentences: readonly Sentence[]): readonly string[] => sentences.map(({ code }) => code);

/** Pure over the recording. */
export function assessCase<F extends SettingFields, P extends Probes, S>(
  engine: Engine<F, P, S>,
  name: string,
): Assessment {
  const members = replay(engine, name);
  return hostEngine.open((host) =>
    assess({
      cluster: {
        clusterId: "case",
        name,
        engine: engine.id,
        nodes: [],
        members: members.map(({ site }) => ({ member: site.member, node: site.node, settings: {} })),
        addedAt: 0,
      },
      engine,
      members,
      host,
      transports: new Map(),
      hosts: [],
      evidence: [],
      previous: null,
      cycle: 1,
      takenAt: 0,
      tookMs: 0,
      staleAfterMs: 0,
    }),
  );
}

export function judge<F extends SettingFields, P extends Probes, S>(engine: Engine<F, P, S>, name: string): Judged {
  const assessment = assessCase(engine, name);
  return {
    level: assessment.level,
    roles: Object.fromEntries(
      assessment.members.map(({ member, role }) => [
        member,
        role.state === "known" ? String(role.value) : `missing: ${role.reason.code}`,
      ]),
    ),
    findings: assessment.findings.map(({ code, level, subject, facts, reason, explainedBy }) => ({
      code,
      level,
      subject,
      facts,
      ...(reason !== undefined && { reason: reason.code }),
      ...(explainedBy !== null && { explainedBy }),
    })),
    witnesses: Object.fromEntries(assessment.consistency.witnesses.map(({ claim, verdict }) => [claim, verdict])),
    tables: Object.fromEntries(
      assessment.consistency.tables.map(({ name: table, rows, complete }) => [
        table,
        [...rows.map(({ subject }) => subject), ...(complete ? [] : ["(incomplete)"])],
      ]),
    ),
    balances: Object.fromEntries(assessment.balances.map(({ measure, verdict }) => [measure, verdict])),
    tolerances: assessment.tolerances.map(({ object, has, tolerates }) => ({ object: object.code, has, tolerates })),
    recoveries: Object.fromEntries(
      assessment.recoveries.map(({ action, targets, objections }) => [
        action,
        {
          ...(objections.length > 0 && { "*": codes(objections) }),
          ...Object.fromEntries(targets.map(({ target, objections: own }) => [target, codes(own)])),
        },
      ]),
    ),
  };
}
