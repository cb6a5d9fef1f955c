import { setTimeout as pause } from "node:timers/promises";
import type { Cluster } from "../../contract/inventory";
import type { PlanAnswer, RunRecord, RunState, RunStep } from "../../contract/recovery";
import { sentence, type Sentence } from "../../contract/sentence";
import type { AnyEngine, Engine, SettingFields, Step } from "../engine/engine";
import type { Probes } from "../probe/probe";
import type { Journal } from "./journal";
import { draftPlan, type Draft } from "./planning";
import type { Observer, Performed, Performer } from "./ports";
import { RecoveryError } from "./recovery-error";
import { canMove, isOpen } from "./run-state";

export interface RunnerParts {
  readonly journal: Journal;
  readonly observer: Observer;
  readonly performer: Performer;
  readonly newId: () => string;
  readonly nowMs: () => number;
  /** The desktop account that acts. */
  readonly operator: string;
  readonly isReadOnly: () => boolean;
  readonly engineOf: (cluster: Cluster) => AnyEngine;
  readonly announce: (run: RunRecord) => void;
  /** Between two looks at what a step has done. */
  readonly lookEveryMs: number;
  /** False where the journal belongs to another process, which settles its runs itself. */
  readonly mayRecover: boolean;
}

export interface Runner {
  plan(cluster: Cluster, action: string, target: string): Promise<PlanAnswer>;
  /** Resolves once the run has begun; how it goes on is announced. Throws RecoveryError when it was not begun. */
  approve(planId: string, fingerprint: string, typed: string, reason: string): Promise<RunRecord>;
  /** Settles a run in doubt by what fresh readings show, and by nothing else. */
  resolve(runId: string): Promise<RunRecord>;
  acknowledge(runId: string, note: string): RunRecord;
  runs(clusterId: string): readonly RunRecord[];
  openRun(clusterId: string): RunRecord | null;
}

/** After a run that changed something the cluster is left alone this long, or until a person has looked at it. */
const cooldownMs = 3_600_000;
const keptPlans = 50;

/** A draft whose snapshot type is known only inside. */
interface Kept {
  readonly draft: Draft<unknown>;
  /** Plans again from fresh readings. */
  readonly again: () => ReturnType<typeof draftPlan<SettingFields, Probes, unknown>>;
  /** Looks at the cluster again. */
  readonly look: () => Promise<unknown>;
}

export function createRunner(parts: RunnerParts): Runner {
  const plans = new Map<string, Kept>();
  const drafts = new Map<string, Kept>();
  const beginning = new Set<string>();
  if (parts.mayRecover) settleInterrupted(parts);

  const runsOf = (clusterId: string): readonly RunRecord[] =>
    parts.journal.runs().filter((run) => run.clusterId === clusterId);
  const openRun = (clusterId: string): RunRecord | null => runsOf(clusterId).find(isUnsettled) ?? null;

  async function plan(cluster: Cluster, action: string, target: string): Promise<PlanAnswer> {
    return parts.engineOf(cluster).open(async (engine) => {
      const again = (): ReturnType<typeof draftPlan<SettingFields, Probes, unknown>> =>
        draftPlan(parts, engine as unknown as Engine<SettingFields, Probes, unknown>, cluster, action, target);
      const drafted = await again();
      if ("objections" in drafted) return { state: "refused", objections: [...drafted.objections] } as const;
      const { draft } = drafted;
      const look = async (): Promise<unknown> => (await parts.observer.observe(engine, cluster)).snapshot;
      plans.set(draft.plan.planId, { draft, again, look });
      for (const oldest of [...plans.keys()].slice(0, -keptPlans)) plans.delete(oldest);
      return { state: "planned", plan: draft.plan } as const;
    });
  }

  async function approve(planId: string, fingerprint: string, typed: string, reason: string): Promise<RunRecord> {
    const kept = plans.get(planId);
    if (kept === undefined) throw new RecoveryError("not-found", sentence("recovery/plan-gone"));
    const { plan: seen, cluster } = kept.draft;
    refuseUnlessAllowed(parts, kept.draft, fingerprint, typed, runsOf(cluster.clusterId), beginning);
    plans.delete(planId);
    beginning.add(cluster.clusterId);
    try {
      const fresh = await kept.again();
      if ("objections" in fresh)
        throw new RecoveryError("refused", fresh.objections[0] ?? sentence("recovery/nothing-to-do"));
      if (fresh.draft.plan.fingerprint !== seen.fingerprint)
        throw new RecoveryError("refused", sentence("recovery/plan-changed"));
      const run = begin(parts, fresh.draft, reason);
      const now = { ...kept, draft: fresh.draft };
      drafts.set(run.runId, now);
      void carryOut(parts, now, run).finally(() => beginning.delete(cluster.clusterId));
      return run;
    } catch (error) {
      beginning.delete(cluster.clusterId);
      throw error;
    }
  }

  return {
    plan,
    approve,
    resolve: async (runId) => {
      const run = runNamed(parts, runId);
      const kept = drafts.get(runId);
      if (run.state !== "in-doubt") return run;
      if (kept === undefined) throw new RecoveryError("refused", sentence("recovery/no-memory"));
      const missing = kept.draft.recovery.verify(kept.draft.before, await kept.look(), run.target);
      if (missing !== null) return record(parts, { ...run, verdict: missing });
      return record(parts, ended(parts, move(run, "done"), sentence("recovery/verified")));
    },
    acknowledge: (runId, note) => {
      const run = runNamed(parts, runId);
      return record(parts, { ...run, needsAcknowledgement: false, acknowledgement: note });
    },
    runs: runsOf,
    openRun,
  };
}

function refuseUnlessAllowed(
  parts: RunnerParts,
  { plan, cluster }: Draft<unknown>,
  fingerprint: string,
  typed: string,
  runs: readonly RunRecord[],
  beginning: ReadonlySet<string>,
): void {
  const refuse = (code: string, facts: Sentence["facts"] = {}): never => {
    throw new RecoveryError("refused", sentence(code, facts));
  };
  if (parts.isReadOnly()) refuse("recovery/read-only");
  if (plan.fingerprint !== fingerprint) refuse("recovery/plan-changed");
  if (parts.nowMs() > plan.expiresAt) refuse("recovery/plan-expired");
  if (plan.confirmation.kind === "type" && typed !== plan.confirmation.text) refuse("recovery/not-confirmed");
  if (beginning.has(cluster.clusterId) || runs.some(isUnsettled)) refuse("recovery/another-run");
  const recent = runs.find(
    (run) => run.needsAcknowledgement && parts.nowMs() - (run.endedAt ?? run.approvedAt) < cooldownMs,
  );
  if (recent !== undefined) refuse("recovery/cooldown", { action: recent.action });
}

function begin(parts: RunnerParts, { plan, cluster }: Draft<unknown>, reason: string): RunRecord {
  const waiting: Omit<RunStep, "step"> = {
    undo: false,
    state: "waiting",
    startedAt: null,
    endedAt: null,
    output: null,
    reason: null,
  };
  return record(parts, {
    runId: parts.newId(),
    clusterId: cluster.clusterId,
    clusterName: cluster.name,
    action: plan.action,
    target: plan.target,
    risk: plan.risk,
    state: "approved",
    fingerprint: plan.fingerprint,
    operator: parts.operator,
    reason,
    approvedAt: parts.nowMs(),
    endedAt: null,
    steps: plan.steps.map((step) => ({ step, ...waiting })),
    verdict: null,
    canUndo: false,
    needsAcknowledgement: false,
    acknowledgement: null,
  });
}

/** On disk first, then told. */
function record(parts: RunnerParts, run: RunRecord): RunRecord {
  parts.journal.write(run);
  parts.announce(run);
  return run;
}

function move(run: RunRecord, state: RunState): RunRecord {
  if (!canMove(run.state, state))
    throw new RecoveryError("refused", sentence("recovery/move-refused", { from: run.state, to: state }));
  return { ...run, state };
}

function ended(parts: RunnerParts, run: RunRecord, verdict: Sentence | null): RunRecord {
  const hasSent = run.steps.some(
    ({ state }) => state === "kept" || state === "broken" || state === "unknown" || state === "sent",
  );
  return { ...run, endedAt: parts.nowMs(), verdict, needsAcknowledgement: hasSent };
}

async function carryOut(parts: RunnerParts, kept: Kept, approved: RunRecord): Promise<void> {
  let run = approved;
  try {
    run = record(parts, move(run, "running"));
    for (const [index, step] of kept.draft.steps.entries()) {
      const outcome = await carryOutStep(parts, kept, run, index, step);
      run = outcome.run;
      if (outcome.next === "stop") return;
    }
    run = record(parts, move(run, "verifying"));
    await verify(parts, kept, run);
  } catch (error) {
    // The journal is gone or a fault of this code: what is on disk last is what the next start settles.
    const problem =
      error instanceof RecoveryError ? error.sentence : sentence("recovery/fault", { problem: String(error) });
    parts.announce({ ...run, state: run.state === "approved" ? "refused" : "in-doubt", verdict: problem });
  }
}

interface StepOutcome {
  readonly run: RunRecord;
  readonly next: "go-on" | "stop";
}

async function carryOutStep(
  parts: RunnerParts,
  kept: Kept,
  before: RunRecord,
  index: number,
  step: Step<unknown>,
): Promise<StepOutcome> {
  const shown = before.steps[index]?.step.shown ?? "";
  let run = record(parts, withStep(before, index, { state: "checking", startedAt: parts.nowMs() }));
  const unsafe = step.stillSafe(await kept.look());
  if (unsafe !== null) return stop(parts, run, index, "skipped", unsafe);
  run = record(parts, withStep(run, index, { state: "sent" }));
  const performed = await parts.performer.perform(step.node, step.effect, shown, step.deadlineMs);
  switch (performed.kind) {
    case "not-sent":
      return stop(parts, run, index, "skipped", performed.reason);
    case "unknown":
      return judge(parts, kept, run, index, step, null, performed.reason);
    case "answered":
      return judge(parts, kept, run, index, step, performed, performed.problem);
  }
}

/** What fresh readings say of a step that was sent. They may take a while to show it; a problem the node told of is not waited out. */
async function judge(
  parts: RunnerParts,
  kept: Kept,
  run: RunRecord,
  index: number,
  step: Step<unknown>,
  answered: (Performed & { kind: "answered" }) | null,
  problem: Sentence | null,
): Promise<StepOutcome> {
  const output = answered?.output ?? null;
  if (answered !== null && problem !== null)
    return stop(parts, withStep(run, index, { output }), index, "broken", problem);
  const until = parts.nowMs() + step.deadlineMs;
  let missing: Sentence | null;
  do {
    missing = step.achieved(await kept.look());
    if (missing === null)
      return {
        run: record(parts, withStep(run, index, { state: "kept", endedAt: parts.nowMs(), output, reason: problem })),
        next: "go-on",
      };
    await pause(parts.lookEveryMs);
  } while (parts.nowMs() < until);
  return stop(parts, withStep(run, index, { output }), index, "unknown", problem ?? missing);
}

/** Ends the run where it stands; the steps after it say that they were not sent. */
function stop(
  parts: RunnerParts,
  run: RunRecord,
  index: number,
  state: "skipped" | "broken" | "unknown",
  reason: Sentence,
): StepOutcome {
  const stopped = withStep(run, index, { state, endedAt: parts.nowMs(), reason });
  const steps = stopped.steps.map((step, at) => (at > index ? { ...step, state: "skipped" as const } : step));
  const nothingSent = state === "skipped" && index === 0;
  const end = state === "unknown" ? "in-doubt" : nothingSent ? "refused" : "failed";
  return { run: record(parts, ended(parts, move({ ...stopped, steps }, end), reason)), next: "stop" };
}

/** Success is what two looks in a row agree on. */
async function verify(parts: RunnerParts, kept: Kept, run: RunRecord): Promise<void> {
  const { recovery, before } = kept.draft;
  const until = parts.nowMs() + recovery.verifyWithinMs;
  let held = 0;
  let missing: Sentence | null = null;
  while (parts.nowMs() < until) {
    missing = recovery.verify(before, await kept.look(), run.target);
    held = missing === null ? held + 1 : 0;
    if (held === 2) {
      record(parts, ended(parts, move(run, "done"), sentence("recovery/verified")));
      return;
    }
    await pause(parts.lookEveryMs);
  }
  record(parts, ended(parts, move(run, "in-doubt"), missing ?? sentence("recovery/not-verified")));
}

/** A run in doubt that a person has looked at stays in doubt, and no longer stands in the way. */
function isUnsettled(run: RunRecord): boolean {
  return isOpen(run.state) && !(run.state === "in-doubt" && run.acknowledgement !== null);
}

function withStep(run: RunRecord, index: number, change: Partial<RunStep>): RunRecord {
  return { ...run, steps: run.steps.map((step, at) => (at === index ? { ...step, ...change } : step)) };
}

function runNamed(parts: RunnerParts, runId: string): RunRecord {
  const run = parts.journal.runs().find((one) => one.runId === runId);
  if (run === undefined) throw new RecoveryError("not-found", sentence("recovery/run-unknown"));
  return run;
}

/** Runs that were open when the app ended: what was sent is in doubt, what was not is refused. */
function settleInterrupted(parts: RunnerParts): void {
  for (const run of parts.journal.runs().filter(({ state }) => isOpen(state) && state !== "in-doubt")) {
    const hasSent = run.steps.some(
      ({ state }) => state === "sent" || state === "kept" || state === "broken" || state === "unknown",
    );
    const state: RunState = hasSent ? "in-doubt" : "refused";
    parts.journal.write({
      ...run,
      state,
      endedAt: parts.nowMs(),
      verdict: sentence("recovery/interrupted"),
      needsAcknowledgement: hasSent,
    });
  }
}
