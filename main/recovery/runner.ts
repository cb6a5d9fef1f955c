import type { Cluster } from "../../contract/inventory";
import type { Act, PlanAnswer, RunRecord, RunStep } from "../../contract/recovery";
import { sentence, type Sentence } from "../../contract/sentence";
import { carryOut, moved, type CarryOutParts, type LiveRun, type Work } from "./carry-out";
import type { Journal } from "./journal";
import { lookAt } from "./look";
import { differenceOf, draftPlan, draftUndo, type Draft, type Drafted, type PlanningParts } from "./planning";
import { restingOf, stepsToUndo, undoObstacle } from "./rails";
import { RecoveryError } from "./recovery-error";
import { isUnsettled } from "./run-state";
import { interrupted, settled } from "./settle";

export interface RunnerParts extends PlanningParts, CarryOutParts {
  readonly journal: Journal;
  /** The desktop account that acts. */
  readonly operator: string;
  readonly isReadOnly: () => boolean;
  /** Null when the cluster is no longer in the inventory. */
  readonly clusterOf: (clusterId: string) => Cluster | null;
  readonly announce: (run: RunRecord) => void;
  /** Why this process may not recover, such as a journal that another one writes; null where it may. */
  readonly barred: Sentence | null;
  /** No other process can be carrying out a run: what is open in the journal was left by one that is gone. */
  readonly isAlone: boolean;
}

export interface Runner {
  plan(cluster: Cluster, action: string, target: string): Promise<PlanAnswer>;
  /** A plan that takes back what a run left. */
  planUndo(runId: string): Promise<PlanAnswer>;
  /** Resolves once the run has begun; how it goes on is announced. Throws RecoveryError when it was not begun. */
  approve(planId: string, fingerprint: string, typed: string, reason: string): Promise<RunRecord>;
  /** Nothing further is sent; the step under way is judged as usual. */
  stop(runId: string): RunRecord;
  /** Settles a run in doubt by what fresh readings show, and by nothing else. */
  resolve(runId: string): Promise<RunRecord>;
  acknowledge(runId: string, note: string): RunRecord;
  /** The last word on each run of a cluster, oldest first. */
  runs(clusterId: string): readonly RunRecord[];
  openRun(clusterId: string): RunRecord | null;
  /** From the moment a plan is approved, before its run is in the journal, until nothing of it is open: nobody's login may change its way. */
  isUnderWay(clusterId: string): boolean;
  /** Why this process may not recover, nor settle or acknowledge what was left; null where it may. */
  barred(): Sentence | null;
  /** Stands for the whole journal. */
  journalHead(): string;
  /** Why the journal does not tell all runs; null when it does. */
  journalProblem(): Sentence | null;
  /** Every plan is gone: what they rest on may no longer be so. */
  dropPlans(): void;
}

const keptPlans = 50;

interface Kept {
  readonly draft: Draft;
  /** Plans again from fresh readings. */
  readonly again: () => Promise<Drafted>;
}

export function createRunner(parts: RunnerParts): Runner {
  const plans = new Map<string, Kept>();
  const underWay = new Map<string, { stopAsked: boolean }>();
  const beginning = new Set<string>();
  const { journal } = parts;
  const left = parts.isAlone ? interrupted(journal.runs(), parts.clock.nowMs()) : [];
  const barred = parts.barred ?? problemOf(() => left.forEach((run) => journal.write(run)));
  /** Where the journal cannot be written, what became of the runs that were left open is told all the same. */
  const unwritten = new Map(barred === null ? [] : left.map((run) => [run.runId, run]));

  const allRuns = (): readonly RunRecord[] => journal.runs().map((run) => unwritten.get(run.runId) ?? run);
  const rawRunsOf = (clusterId: string): readonly RunRecord[] => allRuns().filter((run) => run.clusterId === clusterId);
  const presented = (run: RunRecord): RunRecord => ({
    ...run,
    undoObstacle: barred ?? undoObstacle(run, rawRunsOf(run.clusterId)),
  });
  const runsOf = (clusterId: string): readonly RunRecord[] => rawRunsOf(clusterId).map(presented);
  const write = (run: RunRecord): RunRecord => {
    const told = presented(run);
    journal.write(told);
    parts.announce(told);
    return told;
  };

  function act(kind: Act["kind"], note: string, fingerprint: string | null = null): Act {
    const { clock, operator } = parts;
    return { kind, operator, at: clock.nowMs(), monotonicMs: Math.round(clock.monotonicMs()), fingerprint, note };
  }

  function mayAct(clusterId: string): void {
    const reason = barred ?? (parts.isReadOnly() ? sentence("recovery/read-only") : parts.trust.doubt(clusterId));
    if (reason !== null) throw new RecoveryError("refused", reason);
  }

  async function keep(again: () => Promise<Drafted>): Promise<PlanAnswer> {
    const count = parts.trust.count();
    const drafted = await again();
    if ("objections" in drafted) return { state: "refused", objections: [...drafted.objections] };
    if (parts.trust.count() !== count) return { state: "refused", objections: [sentence("recovery/readings-old")] };
    plans.set(drafted.draft.plan.planId, { draft: drafted.draft, again });
    for (const oldest of [...plans.keys()].slice(0, -keptPlans)) plans.delete(oldest);
    return { state: "planned", plan: drafted.draft.plan };
  }

  async function approve(planId: string, fingerprint: string, typed: string, reason: string): Promise<RunRecord> {
    const kept = plans.get(planId);
    if (kept === undefined) throw new RecoveryError("not-found", sentence("recovery/plan-gone"));
    const { plan, cluster } = kept.draft;
    const { clusterId } = cluster;
    mayAct(clusterId);
    refuseUnconfirmed(parts, kept.draft, fingerprint, typed);
    if (beginning.has(clusterId)) throw new RecoveryError("refused", sentence("recovery/another-run"));
    const others = rawRunsOf(clusterId).filter(({ runId }) => runId !== plan.undoes);
    const resting = restingOf(others, parts.clock.nowMs());
    if (resting !== null) throw new RecoveryError("refused", resting);
    plans.delete(planId);
    beginning.add(clusterId);
    try {
      const fresh = await freshDraft(parts, kept);
      mayAct(clusterId);
      const run = plan.undoes === null ? begun(fresh, reason) : beginUndo(fresh, plan.undoes, reason);
      start(fresh, run, plan.undoes !== null);
      return run;
    } catch (error) {
      beginning.delete(clusterId);
      throw error;
    }
  }

  function begun({ plan, cluster }: Draft, reason: string): RunRecord {
    return write({
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
      approvedAt: parts.clock.nowMs(),
      endedAt: null,
      origin: plan.restsOn,
      goal: plan.goal,
      steps: plan.steps.map((step) => ({ ...waiting, step, undoes: null })),
      acts: [act("approved", reason, plan.fingerprint)],
      verdict: null,
      undoObstacle: null,
      needsAcknowledgement: false,
      acknowledgement: null,
    });
  }

  function beginUndo({ plan }: Draft, runId: string, reason: string): RunRecord {
    const run = runNamed(runId);
    const taken = stepsToUndo(run);
    const steps = plan.steps.map((step, at) => ({ ...waiting, step, undoes: taken[at]?.index ?? null }));
    return write({
      ...run,
      ...moved(run, "undoing"),
      steps: [...run.steps, ...steps],
      acts: [...run.acts, act("undo-approved", reason, plan.fingerprint)],
      endedAt: null,
      verdict: null,
      needsAcknowledgement: false,
      acknowledgement: null,
    });
  }

  function start(draft: Draft, run: RunRecord, isUndo: boolean): void {
    const { cluster, effects, plan, verifyWithinMs } = draft;
    const asked = { stopAsked: false };
    underWay.set(run.runId, asked);
    const live: LiveRun = {
      run: () => runNamed(run.runId),
      record: (change) => void write({ ...runNamed(run.runId), ...change }),
      tell: (told) => parts.announce(presented(told)),
      isStopAsked: () => asked.stopAsked,
    };
    const from = run.steps.length - effects.length;
    const work: Work = { cluster, from, effects, isUndo, goal: plan.goal, verifyWithinMs };
    void carryOut(parts, live, work).finally(() => {
      underWay.delete(run.runId);
      beginning.delete(cluster.clusterId);
    });
  }

  function runNamed(runId: string): RunRecord {
    const run = allRuns().find((one) => one.runId === runId);
    if (run === undefined) throw new RecoveryError("not-found", sentence("recovery/run-unknown"));
    return run;
  }

  function openRun(clusterId: string): RunRecord | null {
    return runsOf(clusterId).find(isUnsettled) ?? null;
  }

  /** Its hosts may have got other logins since a plan was read; planned with these, the plan comes out different and is refused. */
  function clusterNow({ clusterId, name }: Cluster): Cluster {
    const now = parts.clusterOf(clusterId);
    if (now === null) throw new RecoveryError("not-found", sentence("recovery/cluster-gone", { name }));
    return now;
  }

  function clusterOfRun(run: RunRecord): Cluster {
    const cluster = parts.clusterOf(run.clusterId);
    if (cluster === null)
      throw new RecoveryError("not-found", sentence("recovery/cluster-gone", { name: run.clusterName }));
    return cluster;
  }

  return {
    plan: async (cluster, action, target) => {
      mayAct(cluster.clusterId);
      const { clusterId } = cluster;
      return keep(() => draftPlan(parts, clusterNow(cluster), action, target, rawRunsOf(clusterId)));
    },
    planUndo: async (runId) => {
      const { clusterId } = clusterOfRun(runNamed(runId));
      mayAct(clusterId);
      return keep(() => draftUndo(parts, clusterOfRun(runNamed(runId)), runNamed(runId), rawRunsOf(clusterId)));
    },
    approve,
    stop: (runId) => {
      const run = runNamed(runId);
      const asked = underWay.get(runId);
      if (asked === undefined || run.state === "verifying")
        throw new RecoveryError("refused", sentence("recovery/nothing-to-stop"));
      if (asked.stopAsked) return presented(run);
      // Before the disk: a journal that cannot be written must not keep a person from stopping.
      asked.stopAsked = true;
      return write({ ...run, acts: [...run.acts, act("stop-asked", "")] });
    },
    resolve: async (runId) => {
      const run = runNamed(runId);
      if (run.state !== "in-doubt") return presented(run);
      if (barred !== null) throw new RecoveryError("refused", barred);
      const change = await settled(parts, clusterOfRun(run), run);
      const now = runNamed(runId);
      // Settled twice at once: the second has nothing left to say.
      if (now.state !== "in-doubt") return presented(now);
      return write({ ...now, ...change, acts: [...now.acts, act("settle-asked", "")] });
    },
    acknowledge: (runId, note) => {
      const run = runNamed(runId);
      if (barred !== null) throw new RecoveryError("refused", barred);
      if (run.endedAt === null) throw new RecoveryError("refused", sentence("recovery/not-ended"));
      const acts = [...run.acts, act("acknowledged", note)];
      return write({ ...run, needsAcknowledgement: false, acknowledgement: note, acts });
    },
    runs: runsOf,
    openRun,
    isUnderWay: (clusterId) => beginning.has(clusterId) || openRun(clusterId) !== null,
    barred: () => barred,
    journalHead: () => journal.head(),
    journalProblem: () => journal.problem(),
    dropPlans: () => plans.clear(),
  };
}

const waiting: Omit<RunStep, "step" | "undoes"> = {
  state: "waiting",
  wasSo: false,
  startedAt: null,
  endedAt: null,
  output: null,
  reason: null,
};

/** Why the journal could not be written; null when it was. */
function problemOf(write: () => void): Sentence | null {
  try {
    write();
    return null;
  } catch (error) {
    if (error instanceof RecoveryError) return error.sentence;
    throw error;
  }
}

function refuseUnconfirmed(parts: RunnerParts, { plan }: Draft, fingerprint: string, typed: string): void {
  const refuse = (code: string): never => {
    throw new RecoveryError("refused", sentence(code));
  };
  if (plan.fingerprint !== fingerprint) refuse("recovery/not-this-plan");
  if (parts.clock.nowMs() > plan.expiresAt || parts.clock.nowMs() < plan.madeAt) refuse("recovery/plan-expired");
  if (plan.confirmation.kind === "type" && typed !== plan.confirmation.text) refuse("recovery/not-confirmed");
}

/** The same plan from fresh readings, or what has changed since it was read. */
async function freshDraft(parts: RunnerParts, kept: Kept): Promise<Draft> {
  const { plan, cluster } = kept.draft;
  const changed = (await lookAt(parts, cluster)).missing(plan.restsOn);
  if (changed !== null) throw new RecoveryError("refused", changed);
  const fresh = await kept.again();
  if ("objections" in fresh)
    throw new RecoveryError("refused", fresh.objections[0] ?? sentence("recovery/nothing-to-do"));
  const difference = differenceOf(plan, fresh.draft.plan);
  if (difference !== null) throw new RecoveryError("refused", difference);
  return fresh.draft;
}
