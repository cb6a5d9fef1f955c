import type { Cluster } from "../../contract/inventory";
import { redact } from "../../contract/redact";
import type { RunRecord, RunStep } from "../../contract/recovery";
import { sentence, type Sentence } from "../../contract/sentence";
import { lookAt, type Look } from "./look";
import { cleaned, moved, type CarryOutParts } from "./carry-out";
import type { Performed } from "./ports";
import { abandonedState, isOpen, isUndoing, unsentSkipped, wasSent } from "./run-state";

/** Runs that were open when the app ended: a step that was sent and not judged leaves them in doubt, between steps they are stopped. */
export function interrupted(runs: readonly RunRecord[], nowMs: number): readonly RunRecord[] {
  return runs
    .filter(({ state }) => isOpen(state) && state !== "in-doubt")
    .map((run) => {
      const hasSent = run.steps.some(wasSent);
      const state = abandonedState(run);
      return {
        ...run,
        state,
        steps: unsentSkipped(run.steps),
        endedAt: nowMs,
        verdict: sentence(state === "in-doubt" ? "recovery/interrupted" : "recovery/interrupted-between"),
        needsAcknowledgement: hasSent,
      };
    });
}

/** How long a node is asked what it remembers; one that cannot be reached by then has told nothing. */
const recallWithinMs = 20_000;

/**
 * What evidence says of a run in doubt: what the node remembers of the step in doubt, then two fresh looks in a row. Its goal reached
 * settles all of it; a step in doubt that shows its effect settles the step, and so does a node that proves it never ran or tells how it
 * went wrong, where no look shows the effect. Everything else leaves it in doubt, with what is missing.
 */
export async function settled(parts: CarryOutParts, cluster: Cluster, run: RunRecord): Promise<Partial<RunRecord>> {
  const steps = await Promise.all(run.steps.map((step, index) => recalled(parts, cluster, run, step, index)));
  const first = judgedBy(run, await lookAt(parts, cluster));
  await parts.pause(parts.lookEveryMs);
  const second = judgedBy(run, await lookAt(parts, cluster));
  const agreed = first.kind === second.kind ? second : { kind: "changing" as const, missing: second.missing };
  switch (agreed.kind) {
    case "changing":
      return { steps: steps.map(({ asTold }) => asTold), verdict: agreed.missing };
    case "doubt":
      return settledByMemory(run, steps, agreed.missing);
    case "goal":
      return {
        ...moved(run, isUndoing(run) ? "undone" : "done"),
        steps: kept(steps),
        verdict: sentence(isUndoing(run) ? "recovery/verified-undone" : "recovery/verified"),
      };
    case "step": {
      const isUnsent = steps.every(({ told }) => told === null || told.kind === "not-sent") && steps.some(isUnsentNow);
      const verdict = sentence(isUnsent ? "recovery/settled-by-others" : "recovery/settled-here");
      return { ...moved(run, "stopped"), steps: kept(steps), verdict };
    }
  }
}

/** A step with what its node told of it now; `told` is null where nothing was to be asked. */
interface Recalled {
  readonly asTold: RunStep;
  readonly told: Performed | null;
}

async function recalled(
  parts: CarryOutParts,
  cluster: Cluster,
  run: RunRecord,
  step: RunStep,
  index: number,
): Promise<Recalled> {
  const { node, isRemembered, reachedAs } = step.step;
  if (!isInDoubt(step) || !isRemembered) return { asTold: step, told: null };
  // Each account has a memory of its own, and another one's would say that it never heard of it.
  if ((await parts.reachedAs(cluster, node)).way !== reachedAs) return { asTold: step, told: null };
  const told = await parts.performer.recall(`${run.runId}.${index}`, step.step, recallWithinMs);
  const output = told.kind === "answered" ? redact(told.output) : step.output;
  const reason = cleaned(told.kind === "answered" ? (told.problem ?? step.reason) : told.reason);
  return { asTold: { ...step, output, reason }, told };
}

/** No look shows the goal or the step's effect. */
function settledByMemory(run: RunRecord, steps: readonly Recalled[], missing: Sentence): Partial<RunRecord> {
  const broken = steps.find(({ told }) => told?.kind === "answered" && told.problem !== null);
  const isUnsent = steps.every((step) => !isInDoubt(step.asTold) || isUnsentNow(step));
  const state =
    broken !== undefined ? "broken" : isUnsent && steps.some(({ told }) => told !== null) ? "skipped" : null;
  const as = (to: RunStep["state"]): RunStep[] =>
    steps.map(({ asTold }) => (isInDoubt(asTold) ? { ...asTold, state: to } : asTold));
  if (state === null) return { steps: steps.map(({ asTold }) => asTold), verdict: missing };
  return state === "broken"
    ? { ...moved(run, "failed"), steps: as("broken"), verdict: broken?.asTold.reason ?? missing }
    : { ...moved(run, "stopped"), steps: as("skipped"), verdict: sentence("recovery/settled-never-ran") };
}

/** What shows the effect of a step is its own doing, but where the node proves that it never ran: that is not to be taken back. */
function kept(steps: readonly Recalled[]): RunStep[] {
  return steps.map((step) =>
    isInDoubt(step.asTold) ? { ...step.asTold, state: isUnsentNow(step) ? "skipped" : "kept" } : step.asTold,
  );
}

function isUnsentNow({ told }: Recalled): boolean {
  return told?.kind === "not-sent";
}

interface Judged {
  readonly kind: "goal" | "step" | "doubt";
  readonly missing: Sentence;
}

function judgedBy(run: RunRecord, look: Look): Judged {
  const missing = look.missing(isUndoing(run) ? run.origin : run.goal);
  if (missing === null) return { kind: "goal", missing: sentence("recovery/verified") };
  const open = run.steps.filter(isInDoubt);
  const unseen = open.map(({ step }) => look.missing(step.achieved)).find((reason) => reason !== null) ?? null;
  return open.length > 0 && unseen === null ? { kind: "step", missing } : { kind: "doubt", missing: unseen ?? missing };
}

function isInDoubt({ state }: RunRecord["steps"][number]): boolean {
  return state === "sent" || state === "unknown";
}
