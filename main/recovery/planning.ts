import { createHash } from "node:crypto";
import type { Cluster } from "../../contract/inventory";
import type { Confirmation, Plan, PlanStep, Risk } from "../../contract/recovery";
import { sentence, type Sentence } from "../../contract/sentence";
import type { Engine, RecoveryAction, SettingFields, Step } from "../engine/engine";
import type { Probes } from "../probe/probe";
import type { Observation, Observer, Performer } from "./ports";

/** A plan with what it was made from, kept in the core; a view only ever sees the plan. */
export interface Draft<S> {
  readonly plan: Plan;
  readonly cluster: Cluster;
  readonly recovery: RecoveryAction<S>;
  readonly steps: readonly Step<S>[];
  readonly before: S;
}

export type Drafted<S> = { readonly draft: Draft<S> } | { readonly objections: readonly Sentence[] };

/** A plan that lies longer rests on a cluster that was. */
const planLivesMs = 15 * 60_000;

export interface PlanningParts {
  readonly observer: Observer;
  readonly performer: Performer;
  readonly newId: () => string;
  readonly nowMs: () => number;
}

/** Looks at the cluster now and plans from what is seen, or says why not. */
export async function draftPlan<F extends SettingFields, P extends Probes, S>(
  parts: PlanningParts,
  engine: Engine<F, P, S>,
  cluster: Cluster,
  action: string,
  target: string,
): Promise<Drafted<S>> {
  const recovery = engine.recoveries.find((one) => one.action === action);
  if (recovery === undefined) return { objections: [sentence("recovery/action-unknown", { action })] };
  const seen: Observation<S> = await parts.observer.observe(engine, cluster);
  const objections = objectionsTo(recovery, seen.snapshot, target);
  if (objections.length > 0) return { objections };
  const { steps, warnings } = recovery.plan(seen.snapshot, target);
  if (steps.length === 0) return { objections: [sentence("recovery/nothing-to-do")] };
  const shown = steps.map((step) => showStep(parts.performer, step));
  const madeAt = parts.nowMs();
  const plan: Plan = {
    planId: parts.newId(),
    clusterId: cluster.clusterId,
    action,
    target,
    risk: recovery.risk,
    steps: shown,
    warnings: [...warnings],
    confirmation: confirmationOf(recovery.risk, cluster, target),
    fingerprint: fingerprintOf(cluster, action, target, shown),
    madeAt,
    expiresAt: madeAt + planLivesMs,
  };
  return { draft: { plan, cluster, recovery, steps, before: seen.snapshot } };
}

function objectionsTo<S>(recovery: RecoveryAction<S>, snapshot: S, target: string): readonly Sentence[] {
  const general = recovery.objections(snapshot);
  const own = recovery.targets(snapshot).find((one) => one.target === target);
  return own === undefined
    ? [...general, sentence("recovery/target-unknown", { target })]
    : [...general, ...own.objections];
}

function showStep<S>(performer: Performer, step: Step<S>): PlanStep {
  return {
    title: step.title,
    node: step.node,
    runsAs: performer.account(step.node, step.effect),
    changes: step.changes,
    shown: performer.show(step.node, step.effect),
    undoShown: step.undo === undefined ? null : performer.show(step.node, step.undo),
    deadlineMs: step.deadlineMs,
  };
}

function confirmationOf(risk: Risk, cluster: Cluster, target: string): Confirmation {
  if (risk === "R0" || risk === "R1") return { kind: "click" };
  if (risk === "R2") return { kind: "type", text: cluster.name };
  return { kind: "type", text: `${cluster.name}: I attest that the old primary is switched off; promote ${target}` };
}

/** Covers every byte that would be sent, to whom, and as whom; times and names of people are no part of it. */
export function fingerprintOf(cluster: Cluster, action: string, target: string, steps: readonly PlanStep[]): string {
  const sent = steps.map(({ node, runsAs, shown, undoShown, deadlineMs }) => [
    node,
    runsAs,
    shown,
    undoShown,
    deadlineMs,
  ]);
  return createHash("sha256")
    .update(JSON.stringify([cluster.clusterId, action, target, sent]))
    .digest("hex");
}
