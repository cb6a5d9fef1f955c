import type { Cluster } from "../../contract/inventory";
import { redact } from "../../contract/redact";
import type { RunRecord, RunState, RunStep } from "../../contract/recovery";
import { sentence, type Sentence } from "../../contract/sentence";
import type { Claim, Effect } from "../engine/engine";
import { lookAt, type LookParts } from "./look";
import type { PlanningParts } from "./planning";
import type { Performed, Performer, SentStep } from "./ports";
import { RecoveryError } from "./recovery-error";
import { abandonedState, canMove, unsentSkipped, wasSent } from "./run-state";

export interface CarryOutParts extends LookParts, Pick<PlanningParts, "reachedAs"> {
  readonly performer: Performer;
  /** Between two looks at what a step has done. */
  readonly lookEveryMs: number;
  readonly pause: (ms: number) => Promise<void>;
}

/** A run under way. Its record is changed here and nowhere else while it lives, so that no change overwrites another. */
export interface LiveRun {
  readonly run: () => RunRecord;
  /** On disk first, then told. Throws RecoveryError `journal`, and then nothing may be sent. */
  readonly record: (change: Partial<RunRecord>) => void;
  /** Told without the disk, when that is all that is left. */
  readonly tell: (run: RunRecord) => void;
  readonly isStopAsked: () => boolean;
}

/** What is to be sent of a run: its steps from `from` on. */
export interface Work {
  readonly cluster: Cluster;
  readonly from: number;
  readonly effects: readonly Effect[];
  readonly isUndo: boolean;
  readonly goal: readonly Claim[];
  readonly verifyWithinMs: number;
}

/** Sends the steps in turn, each once, and judges each by fresh readings; never throws. */
export async function carryOut(parts: CarryOutParts, live: LiveRun, work: Work): Promise<void> {
  const trustedAt = parts.trust.count();
  try {
    if (!work.isUndo) live.record(moved(live.run(), "running"));
    for (const [offset, effect] of work.effects.entries()) {
      const halt = live.isStopAsked()
        ? sentence("recovery/stopped")
        : parts.trust.wasAwaySince(trustedAt)
          ? sentence("recovery/stopped-away")
          : null;
      if (halt !== null) return end(parts, live, live.run().steps.some(wasSent) ? "stopped" : "refused", halt);
      if (!(await carryOutStep(parts, live, work, work.from + offset, effect))) return;
    }
    if (!work.isUndo) live.record(moved(live.run(), "verifying"));
    await verify(parts, live, work);
  } catch (error) {
    abandon(parts, live, reasonOf(error));
  }
}

/** True when the step took effect and the next may follow. */
async function carryOutStep(
  parts: CarryOutParts,
  live: LiveRun,
  work: Work,
  index: number,
  effect: Effect,
): Promise<boolean> {
  const { step } = stepAt(live.run(), index);
  change(live, index, { state: "checking", startedAt: parts.clock.nowMs() });
  const before = await judged(parts, work.cluster, [step], [step.achieved, step.stillSafe]);
  if (before.kind === "elsewhere")
    return halt(parts, live, work, index, "skipped", sentence("recovery/way-changed", before.way));
  if (before.kind === "unread") return halt(parts, live, work, index, "skipped", before.reason);
  const [missing, unsafe] = before.missing;
  if (work.isUndo && missing === null) {
    change(live, index, { state: "already", endedAt: parts.clock.nowMs() });
    return true;
  }
  if (unsafe !== null && unsafe !== undefined) return halt(parts, live, work, index, "skipped", unsafe);
  // Asked while the readings were taken: the last moment at which nothing was sent.
  if (live.isStopAsked()) {
    const ending = live.run().steps.some(wasSent) ? "stopped" : "refused";
    return halt(parts, live, work, index, "skipped", sentence("recovery/stopped"), ending);
  }
  change(live, index, { state: "sent", wasSo: missing === null });
  const performed = await perform(parts, `${live.run().runId}.${index}`, step, effect);
  switch (performed.kind) {
    case "not-sent":
      return halt(parts, live, work, index, "skipped", performed.reason);
    case "unknown":
      return judge(parts, live, work, index, null, performed.reason, false);
    case "answered":
      return judge(parts, live, work, index, redact(performed.output), performed.problem, performed.problem !== null);
  }
}

/** A performer that throws has said nothing of what became of the bytes. */
async function perform({ performer }: CarryOutParts, id: string, step: SentStep, effect: Effect): Promise<Performed> {
  try {
    return await performer.perform(id, step, effect);
  } catch (error) {
    return { kind: "unknown", reason: fault(error) };
  }
}

/** What fresh readings say of a step that was sent. They may take a while to show it; a problem the node told of is not waited out. */
async function judge(
  parts: CarryOutParts,
  live: LiveRun,
  work: Work,
  index: number,
  output: string | null,
  problem: Sentence | null,
  isRefusal: boolean,
): Promise<boolean> {
  const { step } = stepAt(live.run(), index);
  // A step that changes nothing leaves nothing to see: whether it was done only its node tells.
  if (!step.changes && problem !== null)
    return halt(parts, live, work, index, isRefusal ? "broken" : "unknown", problem, null, output);
  const until = parts.clock.monotonicMs() + step.deadlineMs;
  let missing: Sentence;
  do {
    const seen = await judged(parts, work.cluster, [step], [step.achieved]);
    if (seen.kind === "elsewhere") {
      const unjudged = problem ?? sentence("recovery/judged-elsewhere", seen.way);
      return halt(parts, live, work, index, "unknown", unjudged, null, output);
    }
    const reason = seen.kind === "unread" ? seen.reason : (seen.missing[0] ?? null);
    if (reason === null) {
      change(live, index, { state: "kept", endedAt: parts.clock.nowMs(), output, reason: cleaned(problem) });
      return true;
    }
    missing = reason;
    if (isRefusal && seen.kind === "read")
      return halt(parts, live, work, index, "broken", problem ?? missing, null, output);
    await parts.pause(parts.lookEveryMs);
  } while (parts.clock.monotonicMs() < until);
  return halt(parts, live, work, index, "unknown", problem ?? missing, null, output);
}

interface OtherWay {
  readonly [fact: string]: string;
  readonly node: string;
  readonly before: string;
  readonly after: string;
}

type Judged =
  | { readonly kind: "read"; readonly missing: readonly (Sentence | null)[] }
  | { readonly kind: "unread"; readonly reason: Sentence }
  | { readonly kind: "elsewhere"; readonly way: OtherWay };

/**
 * Holds sets of claims against one fresh look; that there is none is a result, not an end. A look renews a lost connection, and a
 * configuration that was changed since may lead it to another host than a step was approved for: what that one shows says nothing of it.
 */
async function judged(
  parts: CarryOutParts,
  cluster: Cluster,
  steps: readonly SentStep[],
  sets: readonly (readonly Claim[])[],
): Promise<Judged> {
  try {
    const look = await lookAt(parts, cluster).catch((error: unknown) => reasonOf(error));
    for (const { node, reachedAs } of steps) {
      const { way } = await parts.reachedAs(cluster, node);
      if (way !== reachedAs) return { kind: "elsewhere", way: { node, before: reachedAs, after: way } };
    }
    if (!("missing" in look)) return { kind: "unread", reason: look };
    return { kind: "read", missing: sets.map((claims) => look.missing(claims)) };
  } catch (error) {
    return { kind: "unread", reason: reasonOf(error) };
  }
}

function reasonOf(error: unknown): Sentence {
  return error instanceof RecoveryError ? error.sentence : fault(error);
}

/** Ends the run where it stands; the steps after it say that they were not sent. */
function halt(
  parts: CarryOutParts,
  live: LiveRun,
  work: Work,
  index: number,
  state: "skipped" | "broken" | "unknown",
  problem: Sentence,
  ending: RunState | null = null,
  output: string | null = null,
): false {
  const reason = cleaned(problem);
  const { steps } = withStep(live.run(), index, { state, endedAt: parts.clock.nowMs(), reason, output });
  end(parts, live, ending ?? endingOf(work, state, steps), reason ?? problem, steps);
  return false;
}

function endingOf(work: Work, state: "skipped" | "broken" | "unknown", steps: readonly RunStep[]): RunState {
  if (state === "unknown") return "in-doubt";
  if (state === "broken") return "failed";
  if (!steps.some(wasSent)) return "refused";
  return work.isUndo ? "stopped" : "failed";
}

function end(
  parts: CarryOutParts,
  live: LiveRun,
  state: RunState,
  verdict: Sentence,
  steps: readonly RunStep[] = live.run().steps,
): void {
  live.record({
    ...moved(live.run(), state),
    steps: unsentSkipped(steps),
    endedAt: parts.clock.nowMs(),
    verdict,
    needsAcknowledgement: steps.some(wasSent),
  });
}

/** Success is what two looks in a row agree on. */
async function verify(parts: CarryOutParts, live: LiveRun, work: Work): Promise<void> {
  const until = parts.clock.monotonicMs() + work.verifyWithinMs;
  let held = 0;
  let missing: Sentence = sentence("recovery/not-verified");
  const sent = live.run().steps.filter(wasSent);
  do {
    const seen = await judged(
      parts,
      work.cluster,
      sent.map(({ step }) => step),
      [work.goal],
    );
    if (seen.kind === "elsewhere") return end(parts, live, "in-doubt", sentence("recovery/judged-elsewhere", seen.way));
    const reason = seen.kind === "unread" ? seen.reason : (seen.missing[0] ?? null);
    held = reason === null ? held + 1 : 0;
    missing = reason ?? missing;
    if (held === 2)
      return work.isUndo
        ? end(parts, live, "undone", sentence("recovery/verified-undone"))
        : end(parts, live, "done", sentence("recovery/verified"));
    await parts.pause(parts.lookEveryMs);
  } while (parts.clock.monotonicMs() < until);
  end(parts, live, "in-doubt", missing);
}

/** The journal is gone, or a fault of this code: what is on disk last is what the next start settles, and this tells the same now. */
function abandon(parts: CarryOutParts, live: LiveRun, problem: Sentence): void {
  const run = live.run();
  const state = abandonedState(run);
  const abandoned = { ...run, state, steps: unsentSkipped(run.steps), endedAt: parts.clock.nowMs(), verdict: problem };
  try {
    live.record({ ...abandoned, needsAcknowledgement: run.steps.some(wasSent) });
  } catch (error) {
    live.tell({ ...abandoned, verdict: error instanceof RecoveryError ? error.sentence : problem });
  }
}

export function moved(run: RunRecord, state: RunState): Pick<RunRecord, "state"> {
  if (!canMove(run.state, state))
    throw new RecoveryError("refused", sentence("recovery/move-refused", { from: run.state, to: state }));
  return { state };
}

function change(live: LiveRun, index: number, step: Partial<RunStep>): void {
  live.record(withStep(live.run(), index, step));
}

export function withStep(run: RunRecord, index: number, change: Partial<RunStep>): Pick<RunRecord, "steps"> {
  return { steps: run.steps.map((step, at) => (at === index ? { ...step, ...change } : step)) };
}

function stepAt(run: RunRecord, index: number): RunStep {
  const step = run.steps[index];
  if (step === undefined) throw new Error(`the run has no step ${index}`);
  return step;
}

/** What a node said may stand in the facts of a sentence. */
export function cleaned(reason: Sentence | null): Sentence | null {
  if (reason === null) return null;
  const facts = Object.entries(reason.facts).map(([name, fact]) => [
    name,
    typeof fact === "string" ? redact(fact) : fact,
  ]);
  return { code: reason.code, facts: Object.fromEntries(facts) as Sentence["facts"] };
}

function fault(error: unknown): Sentence {
  const problem = error instanceof Error ? error.message : String(error);
  return sentence("recovery/fault", { problem: redact(problem) });
}
