import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RunRecord } from "../../contract/recovery";
import { sentence } from "../../contract/sentence";
import { faults, fakeCluster, type Fault, type FakeStep } from "../fake/fake-service";
import { world, type World } from "./world";

const two: readonly FakeStep[] = [
  { name: "a", undo: "by" },
  { name: "b", undo: "by", needs: { a: true } },
];

/** What a run comes to when this befalls a send. */
const endings: Readonly<Record<Fault, readonly [RunRecord["state"], RunRecord["steps"][number]["state"]]>> = {
  none: ["done", "kept"],
  "not-sent": ["failed", "skipped"],
  "lost-with-effect": ["done", "kept"],
  "lost-without-effect": ["in-doubt", "unknown"],
  "problem-with-effect": ["done", "kept"],
  "problem-without-effect": ["failed", "broken"],
  "zero-without-effect": ["in-doubt", "unknown"],
  "throws-with-effect": ["done", "kept"],
};

describe(`each of ${faults.length} faults at each of 4 sends`, () => {
  for (const fault of faults)
    for (const [at, name] of ["a", "b"].entries()) {
      it(`${fault} at the send of step ${at + 1}`, async () => {
        const here = world(two);
        here.service.faults.set(`turn on ${name}`, fault);
        const run = await here.run();
        const [state, step] = endings[fault];
        expect(run.steps[at]?.state).toBe(step);
        expect(run.state).toBe(fault === "not-sent" && at === 0 ? "refused" : state);
        expect(new Set(here.service.sends).size).toBe(here.service.sends.length);
      });

      it(`${fault} at the undo of step ${at + 1}`, async () => {
        const here = world(two);
        const { runId } = await here.run();
        here.service.faults.set(`turn off ${name}`, fault);
        await here.approve(await here.planUndo(runId));
        await here.idle();
        const [state] = endings[fault];
        const expected = state === "done" ? "undone" : fault === "not-sent" ? "stopped" : state;
        expect(here.last().state).toBe(expected);
        expect(new Set(here.service.sends).size).toBe(here.service.sends.length);
      });
    }

  it("an answer of 0 with no effect is never success", async () => {
    const here = world(two);
    here.service.faults.set("turn on b", "zero-without-effect");
    expect((await here.run()).verdict).toEqual({ code: "fake/other", facts: { name: "b", value: false } });
  });
});

describe("evidence that comes late", () => {
  it("settles the step, from the journal alone, after the app was started anew", async () => {
    const here = world([...two, { name: "c", undo: "by" }]);
    here.service.faults.set("turn on b", "lost-without-effect");
    const { runId } = await here.run();
    here.restart();
    expect((await here.runner.resolve(runId)).state).toBe("in-doubt");
    here.service.switches.b = true;
    const run = await here.runner.resolve(runId);
    expect([run.state, run.steps.map(({ state }) => state)]).toEqual(["stopped", ["kept", "kept", "skipped"]]);
    here.restart();
    await here.approve(await here.planUndo(runId));
    await here.idle();
    expect([here.last().state, here.service.switches]).toEqual(["undone", { a: false, b: false, c: false }]);
  });

  it("settles the whole when the goal is there", async () => {
    const here = world(two);
    here.service.faults.set("turn on b", "lost-without-effect");
    const { runId } = await here.run();
    here.restart();
    here.service.switches.b = true;
    expect((await here.runner.resolve(runId)).state).toBe("done");
  });

  it("is not taken from readings that cannot be had", async () => {
    const here = world(two);
    here.service.faults.set("turn on b", "lost-without-effect");
    const { runId } = await here.run();
    here.service.onLook = () => {
      throw new Error("nobody answers");
    };
    await expect(here.runner.resolve(runId)).rejects.toThrow("nobody answers");
    expect(here.last().state).toBe("in-doubt");
  });
});

describe("what the node remembers of a step in doubt", () => {
  /** A run whose second step was lost with no effect, after the app was started anew. */
  async function inDoubt(): Promise<{ here: World; runId: string }> {
    const here = world([...two, { name: "c", undo: "by" }]);
    here.service.faults.set("turn on b", "lost-without-effect");
    const { runId } = await here.run();
    here.restart();
    return { here, runId };
  }

  it("proves that it never ran: the run is stopped, and the step was not sent", async () => {
    const { here, runId } = await inDoubt();
    here.service.memories.set(`${runId}.1`, { kind: "not-sent", reason: sentence("fake/not-sent") });
    const run = await here.runner.resolve(runId);
    expect([run.state, run.steps.map(({ state }) => state)]).toEqual(["stopped", ["kept", "skipped", "skipped"]]);
    expect(run.verdict?.code).toBe("recovery/settled-never-ran");
    expect(here.service.sends).toEqual(["turn on a", "turn on b"]);
  });

  it("tells how it went wrong: the run has failed, with the node's own words, secrets taken out", async () => {
    const { here, runId } = await inDoubt();
    const problem = sentence("fake/exit-1");
    here.service.memories.set(`${runId}.1`, { kind: "answered", output: "password=hunter2 no", problem });
    const run = await here.runner.resolve(runId);
    expect([run.state, run.verdict, run.steps[1]?.state]).toEqual(["failed", problem, "broken"]);
    expect(run.steps[1]?.output).not.toContain("hunter2");
    await here.approve(await here.planUndo(runId));
    await here.idle();
    expect([here.last().state, here.service.switches]).toEqual(["undone", { a: false, b: false, c: false }]);
  });

  it("an end without a problem settles nothing while no reading shows its effect", async () => {
    const { here, runId } = await inDoubt();
    here.service.memories.set(`${runId}.1`, { kind: "answered", output: "done", problem: null });
    const run = await here.runner.resolve(runId);
    expect([run.state, run.steps[1]?.state, run.steps[1]?.output]).toEqual(["in-doubt", "unknown", "done"]);
  });

  it("that never ran it keeps the run from taking for its own what others did", async () => {
    const { here, runId } = await inDoubt();
    here.service.memories.set(`${runId}.1`, { kind: "not-sent", reason: sentence("fake/not-sent") });
    here.service.switches.b = true;
    const run = await here.runner.resolve(runId);
    // Somebody else turned it on: it is not this run's to take back.
    expect([run.state, run.steps[1]?.state, run.verdict?.code]).toEqual([
      "stopped",
      "skipped",
      "recovery/settled-by-others",
    ]);
  });

  it("is not asked through another login, whose memory is another one", async () => {
    const { here, runId } = await inDoubt();
    here.service.memories.set(`${runId}.1`, { kind: "not-sent", reason: sentence("fake/not-sent") });
    here.options.reachedAs = "admin@n1:22";
    expect((await here.runner.resolve(runId)).state).toBe("in-doubt");
  });
});

describe("a way to a node that has changed since it was approved", () => {
  it("is not taken: what follows is not sent, and both ways are named", async () => {
    const here = world(two);
    Object.defineProperty(here.options, "reachedAs", {
      get: () => (here.told.at(-1)?.steps[0]?.state === "kept" ? "root@other:22" : "root@n1:22"),
    });
    const run = await here.run();
    expect([run.state, run.steps.map(({ state }) => state)]).toEqual(["failed", ["kept", "skipped"]]);
    expect(run.steps[1]?.reason).toEqual(
      sentence("recovery/way-changed", { node: "n1", before: "root@n1:22", after: "root@other:22" }),
    );
    expect(here.service.sends).toHaveLength(1);
  });

  it("leaves a step that was sent unknown, whatever is read of the other host", async () => {
    const here = world(two);
    Object.defineProperty(here.options, "reachedAs", {
      get: () => (here.service.sends.length === 0 ? "root@n1:22" : "root@other:22"),
    });
    const run = await here.run();
    expect([run.state, run.steps.map(({ state }) => state)]).toEqual(["in-doubt", ["unknown", "skipped"]]);
    expect(run.steps[0]?.reason).toEqual(
      sentence("recovery/judged-elsewhere", { node: "n1", before: "root@n1:22", after: "root@other:22" }),
    );
  });

  it("verifies nothing: what another host shows is not the goal of this run", async () => {
    const here = world(two);
    Object.defineProperty(here.options, "reachedAs", {
      get: () => (here.told.at(-1)?.state === "verifying" ? "root@other:22" : "root@n1:22"),
    });
    const run = await here.run();
    expect([run.state, run.steps.map(({ state }) => state)]).toEqual(["in-doubt", ["kept", "kept"]]);
    expect(run.verdict?.code).toBe("recovery/judged-elsewhere");
  });

  it("takes nothing for undone already that another host shows", async () => {
    const here = world(two);
    const { runId } = await here.run();
    const plan = await here.planUndo(runId);
    here.service.switches.b = false;
    let asked = 0;
    Object.defineProperty(here.options, "reachedAs", {
      get: () => ((asked += 1) > plan.steps.length ? "root@other:22" : "root@n1:22"),
    });
    await here.approve(plan);
    await here.idle();
    expect(here.last().steps.map(({ state }) => state)).not.toContain("already");
    expect(here.service.sends).toHaveLength(2);
  });
});

/** How many lines a run from approval to the end writes, and one with its undo. */
async function writesOf(withUndo: boolean): Promise<number> {
  const here = world(two);
  await walk(here, withUndo);
  return here.journal.lines.length;
}

async function walk(here: World, withUndo: boolean): Promise<void> {
  const { runId } = await here.run();
  if (!withUndo) return;
  await here.approve(await here.planUndo(runId));
  await here.idle();
}

const writes = await writesOf(true);

describe(`the disk full from each of ${writes} journal writes on`, () => {
  for (let at = 1; at <= writes; at += 1)
    it(`from write ${at}: nothing is sent that has no line, and the next start says what is so`, async () => {
      const here = world(two);
      here.journal.fullFrom = at;
      await attempted(() => walk(here, true));
      await here.idle();
      expectTold(here);
      here.restart();
      expectTruth(here);
    });
});

describe(`the process killed at each of ${writes} journal writes, before and after the line is there`, () => {
  for (const when of ["before", "after"] as const)
    for (let at = 1; at <= writes; at += 1)
      it(`${when} write ${at}: the next start shows the truth and settles it`, async () => {
        const here = world(two);
        here.journal.killAt = { write: at, when };
        await attempted(() => walk(here, true));
        await here.idle();
        expectTold(here);
        here.restart();
        expectTruth(here);
        const run = here.runner.runs(fakeCluster.clusterId).at(-1);
        if (run?.state !== "in-doubt") return;
        const settled = await here.runner.resolve(run.runId);
        const { a, b } = here.service.switches;
        if (settled.state === "done") expect([a, b]).toEqual([true, true]);
        if (settled.state === "undone") expect([a, b]).toEqual([false, false]);
      });
});

async function attempted(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

/** Every command that left has its line, and left once. */
function expectTold({ service, journal }: World): void {
  expect(new Set(service.sends).size).toBe(service.sends.length);
  for (const line of service.sends)
    expect(
      journal.lines.some(({ steps }) => steps.some(({ state, step }) => state === "sent" && step.shown === line)),
    ).toBe(true);
}

/** After a start nothing is open but what is in doubt, and what is in doubt has a step that may have happened. */
function expectTruth({ runner, service }: World): void {
  for (const run of runner.runs(fakeCluster.clusterId)) {
    expect(["refused", "stopped", "done", "undone", "failed", "in-doubt"]).toContain(run.state);
    if (run.state === "refused") expect(service.sends).toEqual([]);
    for (const { state, step, undoes } of run.steps)
      if (state === "skipped" && undoes === null) expect(service.sends).not.toContain(step.shown);
  }
}

describe("plans of any shape", () => {
  const steps = fc.array(
    fc.record({
      undo: fc.constantFrom("by" as const, "needless" as const, "none" as const),
      fault: fc.constantFrom(...faults),
    }),
    { minLength: 1, maxLength: 6 },
  );

  it(
    "300 random plans with random faults: each step sent once at most, in order, and an undo leads back or says why not",
    { timeout: 300_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (drawn) => {
          const here = world(drawn.map(({ undo }, at) => ({ name: `s${at}`, undo })));
          drawn.forEach(({ fault }, at) => here.service.faults.set(`turn on s${at}`, fault));
          const run = await here.run();
          expect(here.service.sends).toEqual(
            drawn.map((_one, at) => `turn on s${at}`).slice(0, here.service.sends.length),
          );
          if (run.state === "done") expect(Object.values(here.service.switches).every(Boolean)).toBe(true);
          const barrier = run.steps.some(
            ({ state, step }) => (state === "kept" || state === "broken") && step.undo.kind === "none",
          );
          if (barrier && run.state !== "in-doubt" && run.state !== "refused")
            expect(run.undoObstacle?.code).toBe("fake/undo-none");
          if (run.undoObstacle !== null) return;
          await attempted(async () => void (await here.approve(await here.planUndo(run.runId))));
          await here.idle();
          const after = here.last();
          const takenBack = run.steps.every(({ state, step }) => state === "skipped" || step.undo.kind === "by");
          if (after.state === "undone" && takenBack)
            expect(Object.values(here.service.switches).some(Boolean)).toBe(false);
          expect(JSON.stringify(here.journal.lines)).not.toContain("hunter2");
        }),
        { numRuns: 300 },
      );
    },
  );
});

describe("a run left open, with no room on the disk to say what became of it", () => {
  it("is told as interrupted all the same, bars what would be written, and goes on once there is room", async () => {
    const here = world(two);
    here.journal.killAt = { write: 4, when: "after" };
    await here.run().catch((error: unknown) => error);
    const open = here.journal.runs().at(-1);
    expect(open?.state).toBe("running");
    here.restart("full");
    const { runId, state, undoObstacle } = here.last();
    expect(["in-doubt", "stopped"]).toContain(state);
    expect(undoObstacle?.code).toBe("recovery/journal-unwritable");
    await expect(here.plan()).rejects.toMatchObject({ sentence: { code: "recovery/journal-unwritable" } });
    if (state === "in-doubt") await expect(here.runner.resolve(runId)).rejects.toMatchObject({ kind: "refused" });
    here.restart();
    expect(here.last().state).toBe(state);
    expect(here.journal.lines.at(-1)?.state).toBe(state);
  });
});
