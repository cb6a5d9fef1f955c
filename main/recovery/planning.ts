import { createHash } from "node:crypto";
import type { Cluster } from "../../contract/inventory";
import { redact } from "../../contract/redact";
import type { Confirmation, Plan, PlanStep, PlanUndo, Risk, RunRecord } from "../../contract/recovery";
import { sentence, type Sentence } from "../../contract/sentence";
import type { Deed, Effect, RecoveryAction, Step } from "../engine/engine";
import { lookAt, lookFrom, observeFresh, type LookParts } from "./look";
import type { Performer } from "./ports";
import { recentOn, stepsToUndo, undoObstacle } from "./rails";

/** A plan with what it would send, kept in the core; a view only ever sees the plan. */
export interface Draft {
  readonly plan: Plan;
  readonly cluster: Cluster;
  readonly effects: readonly Effect[];
  readonly verifyWithinMs: number;
}

export type Drafted = { readonly draft: Draft } | { readonly objections: readonly Sentence[] };

/** A plan that lies longer rests on a cluster that was. */
const planLivesMs = 15 * 60_000;
/** An undo has no goal of its own to wait for beyond what its steps were judged by. */
const undoVerifyMs = 60_000;
/** More runs of one action on one target within a day are confirmed by a text that says so. */
const runsADay = 2;

export interface PlanningParts extends LookParts {
  readonly performer: Performer;
  readonly newId: () => string;
  /** The SSH logins on the way to a node, and whether a connection that is open says so. */
  readonly reachedAs: (cluster: Cluster, node: string) => Promise<{ readonly way: string; readonly isOpen: boolean }>;
}

/** Looks at the cluster now and plans from what is seen, or says why not. */
export function draftPlan(
  parts: PlanningParts,
  cluster: Cluster,
  action: string,
  target: string,
  runs: readonly RunRecord[],
): Promise<Drafted> {
  return parts.engineOf(cluster).open(async (engine): Promise<Drafted> => {
    const recovery = engine.recoveries.find((one) => one.action === action);
    if (recovery === undefined) return { objections: [sentence("recovery/action-unknown", { action })] };
    const snapshot = await observeFresh(parts, engine, cluster);
    const objections = objectionsTo(recovery, snapshot, target);
    if (objections.length > 0) return { objections };
    const { steps, warnings, restsOn, goal, risk = recovery.risk } = recovery.plan(snapshot, target);
    if (steps.length === 0) return { objections: [sentence("recovery/nothing-to-do")] };
    const unfounded = lookFrom(engine, snapshot).missing(restsOn);
    if (unfounded !== null) return { objections: [unfounded] };
    const often = recentOn(runs, action, target, parts.clock.nowMs()).length;
    return planned(parts, cluster, steps, recovery.verifyWithinMs, {
      action,
      target,
      risk,
      undoes: null,
      warnings: often >= runsADay ? [sentence("recovery/often", { count: often, target }), ...warnings] : [...warnings],
      restsOn: [...restsOn],
      goal: [...goal],
      confirmation: confirmationOf(risk, often, cluster, action, target),
    });
  });
}

/** Plans to take back what a run left, from the run's own record and fresh readings. */
export async function draftUndo(
  parts: PlanningParts,
  cluster: Cluster,
  run: RunRecord,
  runs: readonly RunRecord[],
): Promise<Drafted> {
  const obstacle = undoObstacle(run, runs);
  if (obstacle !== null) return { objections: [obstacle] };
  const undos = stepsToUndo(run).map(({ undo }) => undo);
  const look = await lookAt(parts, cluster);
  const left = undos.filter(({ achieved }) => look.missing(achieved) !== null);
  const first = left[0];
  if (first === undefined) return { objections: [sentence("recovery/undo-already")] };
  const unsafe = look.missing(first.stillSafe);
  if (unsafe !== null) return { objections: [unsafe] };
  const reason = sentence("recovery/undo-of-undo");
  const steps = undos.map((undo): Step => ({
    ...undo,
    effect: undo.effect as Effect,
    changes: true,
    undo: { kind: "none", reason },
  }));
  return planned(parts, cluster, steps, undoVerifyMs, {
    action: run.action,
    target: run.target,
    risk: run.risk,
    undoes: run.runId,
    warnings: [],
    restsOn: [...first.stillSafe],
    goal: run.origin,
    confirmation: run.risk === "R0" || run.risk === "R1" ? { kind: "click" } : { kind: "type", text: cluster.name },
  });
}

type Framed = Pick<Plan, "action" | "target" | "risk" | "undoes" | "warnings" | "restsOn" | "goal" | "confirmation">;

async function planned(
  parts: PlanningParts,
  cluster: Cluster,
  steps: readonly Step[],
  verifyWithinMs: number,
  framed: Framed,
): Promise<Drafted> {
  const shown = await Promise.all(steps.map((step) => showStep(parts, cluster, step)));
  const secret = shown.find((step) => redact(step.shown) !== step.shown);
  if (secret !== undefined) return { objections: [sentence("recovery/shows-secret", { node: secret.node })] };
  const madeAt = parts.clock.nowMs();
  const plan: Plan = {
    ...framed,
    planId: parts.newId(),
    clusterId: cluster.clusterId,
    steps: shown,
    fingerprint: fingerprintOf(cluster, framed, shown),
    madeAt,
    expiresAt: madeAt + planLivesMs,
  };
  return { draft: { plan, cluster, effects: steps.map(({ effect }) => effect), verifyWithinMs } };
}

function objectionsTo<S>(recovery: RecoveryAction<S>, snapshot: S, target: string): readonly Sentence[] {
  const general = recovery.objections(snapshot);
  const own = recovery.targets(snapshot).find((one) => one.target === target);
  return own === undefined
    ? [...general, sentence("recovery/target-unknown", { target })]
    : [...general, ...own.objections];
}

async function showStep(parts: PlanningParts, cluster: Cluster, step: Step): Promise<PlanStep> {
  return {
    ...(await showDeed(parts, cluster, step)),
    changes: step.changes,
    undo: await showUndo(parts, cluster, step),
  };
}

async function showUndo(parts: PlanningParts, cluster: Cluster, { undo }: Step): Promise<PlanUndo> {
  if (undo.kind !== "by") return { kind: undo.kind, reason: undo.reason };
  return { kind: "by", ...(await showDeed(parts, cluster, undo)), effect: undo.effect };
}

async function showDeed(
  { performer, reachedAs }: PlanningParts,
  cluster: Cluster,
  { title, node, effect, deadlineMs, stillSafe, achieved }: Deed,
): Promise<Omit<PlanStep, "changes" | "undo">> {
  const { way, isOpen } = await reachedAs(cluster, node);
  return {
    title,
    node,
    reachedAs: way,
    isConnected: isOpen,
    runsAs: performer.account(node, effect),
    shown: performer.show(node, effect),
    isRemembered: effect.kind === "run",
    deadlineMs,
    stillSafe: [...stillSafe],
    achieved: [...achieved],
  };
}

function confirmationOf(risk: Risk, often: number, { name }: Cluster, action: string, target: string): Confirmation {
  // A whole line, which nobody types by habit; what it means is said by the warnings of the plan.
  const line = `${name}: ${action.split("/")[1] ?? action} ${target}`;
  if (often >= runsADay)
    return {
      kind: "type",
      text: risk === "R3" ? `${line}, run ${often + 1}` : `${name}: run ${often + 1} on ${target}`,
    };
  if (risk === "R0" || risk === "R1") return { kind: "click" };
  return { kind: "type", text: risk === "R2" ? name : line };
}

/** Covers every byte that would be sent, to whom and as whom, what it is judged by, what it risks and what it comes to; times are no part of it. */
export function fingerprintOf(
  cluster: Cluster,
  { action, target, risk, undoes, goal }: Pick<Plan, "action" | "target" | "risk" | "undoes" | "goal">,
  steps: readonly PlanStep[],
): string {
  const sent = steps.map(({ node, reachedAs, runsAs, shown, deadlineMs, achieved, undo }) => [
    node,
    reachedAs,
    runsAs,
    shown,
    deadlineMs,
    achieved,
    undo.kind === "by" ? [undo.node, undo.runsAs, undo.shown, undo.deadlineMs, undo.achieved] : undo.kind,
  ]);
  return createHash("sha256")
    .update(JSON.stringify([cluster.clusterId, action, target, risk, undoes, goal, sent]))
    .digest("hex");
}

/** What differs between the plan that was read and the one that would run now; null when nothing does. */
export function differenceOf(seen: Plan, now: Plan): Sentence | null {
  if (seen.fingerprint === now.fingerprint) return null;
  if (seen.risk !== now.risk) return sentence("recovery/plan-risk-changed", { before: seen.risk, after: now.risk });
  const at = seen.steps.findIndex((step, index) => asSent(step) !== asSent(now.steps[index]));
  const before = seen.steps[at];
  const after = now.steps[at];
  if (before === undefined)
    return sentence("recovery/plan-changed", { before: seen.steps.length, after: now.steps.length });
  return sentence("recovery/plan-step-changed", {
    step: at + 1,
    before: asSent(before),
    after: asSent(after),
  });
}

function asSent(step: PlanStep | undefined): string {
  return step === undefined ? "—" : `${step.node} (${step.reachedAs}): ${step.shown}`;
}
