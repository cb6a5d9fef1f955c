import type { Cluster } from "../../contract/inventory";
import type { RunRecord } from "../../contract/recovery";
import { sentence, type Sentence } from "../../contract/sentence";
import { lookAt, type Look } from "./look";
import { moved, type CarryOutParts } from "./carry-out";
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

/**
 * What two fresh looks in a row say of a run in doubt, by nothing but its record. Its goal reached settles all of it; a step in doubt
 * that shows its effect settles the step, and the run stands where that left it. Everything else leaves it in doubt, with what is missing.
 */
export async function settled(parts: CarryOutParts, cluster: Cluster, run: RunRecord): Promise<Partial<RunRecord>> {
  const first = judgedBy(run, await lookAt(parts, cluster));
  await parts.pause(parts.lookEveryMs);
  const second = judgedBy(run, await lookAt(parts, cluster));
  const agreed = first.kind === second.kind ? second : { kind: "doubt" as const, missing: second.missing };
  switch (agreed.kind) {
    case "doubt":
      return { verdict: agreed.missing };
    case "goal":
      return {
        ...moved(run, isUndoing(run) ? "undone" : "done"),
        steps: run.steps.map((step) => (isInDoubt(step) ? { ...step, state: "kept" } : step)),
        verdict: sentence(isUndoing(run) ? "recovery/verified-undone" : "recovery/verified"),
      };
    case "step":
      return {
        ...moved(run, "stopped"),
        steps: run.steps.map((step) => (isInDoubt(step) ? { ...step, state: "kept" } : step)),
        verdict: sentence("recovery/settled-here"),
      };
  }
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
