import { describe, expect, it } from "vitest";
import type { RunRecord } from "../../contract/recovery";
import { sentence } from "../../contract/sentence";
import type { Performed } from "../../main/recovery/ports";
import { canMove, wasSent } from "../../main/recovery/run-state";
import { Killed } from "../fake/fake-journal";
import { type Fault, type FakeStep } from "../fake/fake-service";
import { world, type Standing, type World } from "./world";

/** One thing that may happen next. `answer` ends a send that is under way. */
type Event =
  | { readonly kind: "approve" | "undo" | "stop" | "kill" | "resolve" | "acknowledge" | "land" }
  | { readonly kind: "answer"; readonly fault: Fault };

const others: readonly Event[] = (["approve", "undo", "stop", "kill", "resolve", "acknowledge", "land"] as const).map(
  (kind) => ({ kind }),
);
/** One of each kind of outcome; faults.test.ts has every fault at every phase. */
const answers: readonly Event[] = (
  ["none", "not-sent", "lost-with-effect", "lost-without-effect", "problem-without-effect"] as const
).map((fault) => ({ kind: "answer", fault }));

/** A world whose sends wait for an `answer`, and that holds every rule after every event. */
interface Table {
  readonly here: World;
  pending: { readonly line: string; readonly settle: (fault: Fault) => void } | null;
  /** What was sent and lost, and may still take effect. */
  lost: string | null;
  readonly breaches: string[];
}

function lay(steps: readonly FakeStep[]): Table {
  const here = world(steps);
  const { service } = here;
  const table: Table = { here, pending: null, lost: null, breaches: [] };
  service.onSend = (line) => {
    const last = here.journal.lines.at(-1);
    if (last?.steps.filter(({ state, step }) => state === "sent" && step.shown === line).length !== 1)
      table.breaches.push(`${line} was sent without its line in the journal`);
  };
  const { perform } = service.performer;
  Object.assign(service.performer, {
    perform: (...sent: Parameters<typeof perform>): Promise<Performed> =>
      new Promise((resolve, reject) => {
        table.pending = {
          line: sent[1].shown,
          settle: (fault) => {
            table.pending = null;
            service.faults.set(sent[1].shown, fault);
            if (fault === "lost-without-effect" || fault === "zero-without-effect") table.lost = sent[1].shown;
            perform(...sent).then(resolve, reject);
          },
        };
      }),
  });
  return table;
}

async function happen(table: Table, event: Event): Promise<void> {
  const { here } = table;
  const run = here.runner.runs("fake").at(-1);
  switch (event.kind) {
    case "approve":
      await attempt(async () => here.approve(await here.plan()));
      break;
    case "undo":
      await attempt(async () => here.approve(await here.planUndo(run?.runId ?? "")));
      break;
    case "stop":
      await attempt(() => Promise.resolve(here.runner.stop(run?.runId ?? "")));
      break;
    case "resolve":
      await attempt(() => here.runner.resolve(run?.runId ?? ""));
      break;
    case "acknowledge":
      await attempt(() => Promise.resolve(here.runner.acknowledge(run?.runId ?? "", "seen")));
      break;
    case "answer":
      table.pending?.settle(event.fault);
      break;
    case "land":
      if (table.lost !== null) here.service.switches[table.lost.split(" ")[2] ?? ""] = table.lost.includes(" on ");
      table.lost = null;
      break;
    case "kill":
      // What was under way left this side; whether it takes effect shows later.
      if (table.pending !== null) {
        here.service.sends.push(table.pending.line);
        table.lost = table.pending.line;
      }
      table.pending = null;
      here.journal.killAt = { write: here.journal.lines.length + 1_000_000, when: "before" };
      here.journal.write = () => {
        throw new Killed();
      };
      here.restart();
      break;
  }
  await here.idle();
}

/** A refusal is an answer too. */
async function attempt(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

/** Everything that must hold whatever happened, over the whole journal. */
function breaches({ here, breaches: seen }: Table): readonly string[] {
  const found = [...seen];
  const before = new Map<string, RunRecord>();
  const sentOnce = new Map<string, number>();
  for (const run of here.journal.lines) {
    const last = before.get(run.runId);
    if (last !== undefined && last.state !== run.state && !canMove(last.state, run.state))
      found.push(`${last.state} -> ${run.state}`);
    for (const [at, step] of run.steps.entries()) {
      const was = last?.steps[at]?.state ?? "waiting";
      if (step.state === "sent" && was !== "sent") {
        const key = `${run.runId} ${at}`;
        sentOnce.set(key, (sentOnce.get(key) ?? 0) + 1);
        if ((sentOnce.get(key) ?? 0) > 1) found.push(`step ${at} sent twice`);
      }
      if (
        last !== undefined &&
        wasSent(last.steps[at] ?? step) &&
        was !== "sent" &&
        was !== "unknown" &&
        step.state !== was
      )
        found.push(`step ${at} was ${was} and became ${step.state}`);
    }
    before.set(run.runId, run);
  }
  const approvals = here.journal.runs().flatMap(({ acts }) => acts.map(({ kind }) => kind));
  for (const [line, kind] of [
    ["turn on", "approved"],
    ["turn off", "undo-approved"],
  ] as const)
    for (const name of ["a", "b"]) {
      const sends = here.service.sends.filter((one) => one === `${line} ${name}`).length;
      if (sends > approvals.filter((one) => one === kind).length) found.push(`${line} ${name} left ${sends} times`);
    }
  return found;
}

/** What a run has just said must be so; what it said before was so then, and may be changed since by a command that was lost. */
function untruths({ here, pending }: Table, said: ReadonlyMap<string, string>): readonly string[] {
  const run = here.runner.runs("fake").at(-1);
  if (run === undefined || pending !== null) return [];
  const { switches } = here.service;
  const isSo = (claims: RunRecord["goal"]): boolean =>
    claims.every(({ facts }) => switches[String(facts.name)] === facts.value);
  const isNew = (key: string, state: string): boolean => said.get(key) !== state;
  const found: string[] = [];
  if (run.state === "done" && isNew(run.runId, "done") && !isSo(run.goal))
    found.push("done, and the goal is not there");
  if (run.state === "undone" && isNew(run.runId, "undone") && !isSo(run.origin))
    found.push("undone, and it is not as before");
  for (const [at, { state, step }] of run.steps.entries()) {
    const isLater = run.steps.some((one) => one.undoes === at && (wasSent(one) || one.state === "already"));
    if (state === "kept" && isNew(`${run.runId} ${at}`, state) && !isLater && !isSo(step.achieved))
      found.push(`${step.shown} kept, and not so`);
  }
  return found;
}

/** Every run's and every step's state, by what it is of. */
function sayingsOf({ here }: Table): ReadonlyMap<string, string> {
  return new Map(
    here.journal
      .runs()
      .flatMap(({ runId, state, steps }) => [
        [runId, state] as const,
        ...steps.map((step, at) => [`${runId} ${at}`, step.state] as const),
      ]),
  );
}

function keyOf({ here, pending, lost }: Table): string {
  const runs = here.journal
    .runs()
    .map(({ state, steps, acts, acknowledgement, needsAcknowledgement }) => [
      state,
      steps.map((step) => [step.state, step.undoes, step.wasSo]),
      acts.at(-1)?.kind === "stop-asked",
      acknowledgement !== null,
      needsAcknowledgement,
    ]);
  return JSON.stringify([runs, here.service.switches, pending?.line ?? null, lost]);
}

/** Where a path goes on from: a table with nothing under way, and what happened since. */
interface Path {
  readonly from: { readonly standing: Standing; readonly lost: string | null } | null;
  readonly since: readonly Event[];
  readonly whole: readonly Event[];
}

async function layAt(steps: readonly FakeStep[], { from, since }: Path): Promise<Table> {
  const table = lay(steps);
  if (from !== null) {
    table.here.resume(from.standing);
    table.lost = from.lost;
  }
  for (const event of since) await happen(table, event);
  return table;
}

function pathOn({ here, pending, lost }: Table, before: Path, event: Event): Path {
  const whole = [...before.whole, event];
  const isUnderWay = pending !== null || here.journal.runs().some(({ endedAt }) => endedAt === null);
  if (isUnderWay) return { from: before.from, since: [...before.since, event], whole };
  const standing: Standing = {
    lines: [...here.journal.lines],
    switches: { ...here.service.switches },
    sends: [...here.service.sends],
    monotonicMs: here.clock.monotonicMs(),
  };
  return { from: { standing, lost }, since: [], whole };
}

/** How often a person may approve: a plan, and an undo. */
interface Limits {
  readonly depth: number;
  readonly approvals: number;
  readonly undos: number;
}

function isPossible({ here, pending, lost }: Table, event: Event, { approvals, undos }: Limits): boolean {
  const acts = here.journal.runs().flatMap((run) => run.acts.map(({ kind }) => kind));
  switch (event.kind) {
    case "answer":
      return pending !== null;
    case "land":
      return lost !== null;
    case "approve":
      return acts.filter((kind) => kind === "approved").length < approvals;
    case "undo":
      return acts.filter((kind) => kind === "undo-approved").length < undos;
    default:
      return true;
  }
}

/** Every order of events, to the depth; a path that leads where another has been goes no further. */
async function walk(
  steps: readonly FakeStep[],
  limits: Limits,
): Promise<{ orders: number; states: number; found: readonly string[] }> {
  const known = new Set<string>();
  let level: readonly Path[] = [{ from: null, since: [], whole: [] }];
  let orders = 0;
  for (let at = 0; at < limits.depth && level.length > 0; at += 1) {
    const next: Path[] = [];
    for (const path of level)
      for (const event of [...others, ...answers]) {
        const table = await layAt(steps, path);
        if (!isPossible(table, event, limits)) continue;
        const said = sayingsOf(table);
        await happen(table, event);
        orders += 1;
        const found = [...breaches(table), ...untruths(table, said)];
        if (found.length > 0)
          return { orders, states: known.size, found: [...found, JSON.stringify([...path.whole, event])] };
        const key = keyOf(table);
        if (known.has(key)) continue;
        known.add(key);
        next.push(pathOn(table, path, event));
      }
    level = next;
  }
  return { orders, states: known.size, found: [] };
}

const both: readonly FakeStep[] = [
  { name: "a", undo: "by" },
  { name: "b", undo: "by", needs: { a: true } },
];

describe("every order of approve, answer, stop, kill, settle, acknowledge and undo", () => {
  it.each([
    { depth: 12, approvals: 1, undos: 2 },
    { depth: 12, approvals: 2, undos: 2 },
  ])(
    "$depth events deep, $approvals approvals, $undos undos: no step is sent twice, evidence alone leads out of doubt, nothing is said that is not so",
    { timeout: 900_000 },
    async (limits) => {
      const { orders, states, found } = await walk(both, limits);
      console.log(`${orders} orders, ${states} different states`);
      expect(found).toEqual([]);
      expect(orders).toBeGreaterThan(1_000);
    },
  );
});

describe("an undo that cannot be had", () => {
  it("is refused where a step that took effect cannot be taken back", async () => {
    const here = world([
      { name: "a", undo: "by" },
      { name: "b", undo: "none" },
    ]);
    const run = await here.run();
    expect([run.state, run.undoObstacle]).toEqual(["done", sentence("fake/undo-none")]);
    await expect(here.planUndo(run.runId)).rejects.toThrow("fake/undo-none");
  });
});
