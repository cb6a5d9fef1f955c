import { describe, expect, it } from "vitest";
import { standardPreferences } from "../../contract/preferences";
import { fakeCluster, type FakeStep } from "../fake/fake-service";
import { world } from "./world";

const two: readonly FakeStep[] = [
  { name: "a", undo: "by" },
  { name: "b", undo: "by" },
];
const refusal = (code: string): object => ({ sentence: { code } });

describe("what a plan rests on", () => {
  const rests = { primary: true, quorum: true, standby: true, automation: false };
  for (const [fact, value] of Object.entries(rests))
    it(`${fact} changed between plan and run is refused and named, and nothing is sent`, async () => {
      const here = world(two, { ...rests }, rests);
      const plan = await here.plan();
      here.service.switches[fact] = !value;
      await expect(here.approve(plan)).rejects.toMatchObject({
        sentence: { code: "fake/other", facts: { name: fact, value: !value } },
      });
      expect(here.service.sends).toEqual([]);
      expect(here.journal.lines).toEqual([]);
    });

  it("changed between two steps ends the run where it stands", async () => {
    const here = world(
      [
        { name: "a", undo: "by" },
        { name: "b", undo: "by", needs: { quorum: true } },
      ],
      { quorum: true },
    );
    here.service.onSend = () => (here.service.switches.quorum = false);
    const run = await here.run();
    expect([run.state, run.steps.map(({ state }) => state), here.service.sends]).toEqual([
      "failed",
      ["kept", "skipped"],
      ["turn on a"],
    ]);
    expect(run.undoObstacle).toBeNull();
  });
});

describe("a wait, which changes nothing and leaves nothing to see", () => {
  const steps: readonly FakeStep[] = [
    { name: "wait", undo: "needless", waits: true },
    { name: "b", undo: "by" },
  ];

  it.each([
    ["problem-without-effect", "failed", "broken"],
    ["lost-without-effect", "in-doubt", "unknown"],
  ] as const)("is not taken for done when its node says %s, and nothing follows", async (fault, state, step) => {
    const here = world(steps);
    here.service.faults.set("turn on wait", fault);
    const run = await here.run();
    expect([run.state, run.steps.map((one) => one.state), here.service.sends]).toEqual([
      state,
      [step, "skipped"],
      ["turn on wait"],
    ]);
  });

  it("is done when its node says so", async () => {
    const here = world(steps);
    const run = await here.run();
    expect(run.steps.map((one) => one.state)).toEqual(["kept", "kept"]);
  });
});

describe("an approval", () => {
  it("names the fingerprint that was shown", async () => {
    const here = world(two);
    const plan = await here.plan();
    await expect(here.approve({ ...plan, fingerprint: "0".repeat(64) })).rejects.toMatchObject(
      refusal("recovery/not-this-plan"),
    );
    expect(here.service.sends).toEqual([]);
  });

  it.each(["", "Fake", "fake ", "fаke", "FAKE", "fake\n"])("is not given by %j", async (typed) => {
    const here = world(two);
    const { planId, fingerprint } = await here.plan();
    await expect(here.runner.approve(planId, fingerprint, typed, "")).rejects.toMatchObject(
      refusal("recovery/not-confirmed"),
    );
    expect(here.service.sends).toEqual([]);
  });

  it("is good for one run", async () => {
    const here = world(two);
    const plan = await here.plan();
    await here.approve(plan);
    await expect(here.approve(plan)).rejects.toMatchObject(refusal("recovery/plan-gone"));
  });

  it("comes too late after fifteen minutes", async () => {
    const here = world(two);
    const plan = await here.plan();
    for (let at = 0; at < 1_900; at += 1) {
      here.clock.pass(500);
      here.trust.beat();
    }
    await expect(here.approve(plan)).rejects.toMatchObject(refusal("recovery/plan-expired"));
  });

  it("is refused while Evenkeel is set to read only, and so are a plan and an undo", async () => {
    expect(standardPreferences.readOnly).toBe(false);
    const here = world(two);
    const plan = await here.plan();
    here.options.isReadOnly = true;
    await expect(here.approve(plan)).rejects.toMatchObject(refusal("recovery/read-only"));
    await expect(here.plan()).rejects.toMatchObject(refusal("recovery/read-only"));
    here.options.isReadOnly = false;
    const { runId } = await here.run();
    here.options.isReadOnly = true;
    await expect(here.planUndo(runId)).rejects.toMatchObject(refusal("recovery/read-only"));
  });
});

describe("readings", () => {
  it("older than thirty seconds decide nothing", async () => {
    const here = world(two);
    here.service.onLook = () => here.clock.pass(1_500 * 21);
    await expect(here.plan()).rejects.toMatchObject(refusal("recovery/readings-old"));
  });

  it("that cannot be had before a step end the run with nothing sent", async () => {
    const here = world(two);
    const plan = await here.plan();
    let looks = 0;
    here.service.onLook = () => {
      looks += 1;
      if (looks > 2) throw new Error("nobody answers");
    };
    await here.approve(plan);
    await here.idle();
    expect([here.last().state, here.service.sends]).toEqual(["refused", []]);
  });
});

describe("after the desktop was away", () => {
  const away: readonly (readonly [string, (here: ReturnType<typeof world>) => void])[] = [
    ["a gap of 3 s", ({ clock }) => clock.pass(3_000)],
    ["8 hours of sleep that only the wall clock shows", ({ clock }) => clock.set(8 * 3_600_000)],
    ["a clock set back by 10 s", ({ clock }) => clock.set(-10_000)],
    ["a process stopped for 10 s", ({ clock }) => clock.pass(10_000)],
    ["a day forward", ({ clock }) => clock.set(86_400_000)],
    ["a suspend told by the shell", ({ trust }) => trust.suspended()],
    [
      "a suspend and resume told by the shell",
      ({ trust }) => {
        trust.suspended();
        trust.resumed();
      },
    ],
  ];
  it.each(away)(
    "%s: the plan is gone and nothing is approved or planned until a full round was read",
    async (_name, leave) => {
      const here = world(two);
      const plan = await here.plan();
      leave(here);
      await expect(here.approve(plan)).rejects.toThrow("recovery/");
      await expect(here.plan()).rejects.toThrow("recovery/tilt");
      expect(here.service.sends).toEqual([]);
      here.trust.resumed();
      here.clock.pass(100);
      here.trust.roundRead(fakeCluster.clusterId, here.clock.monotonicMs());
      await expect(here.approve(plan)).rejects.toThrow("recovery/plan-gone");
      expect((await here.run()).state).toBe("done");
    },
  );

  it("a round that was begun before counts for nothing", async () => {
    const here = world(two);
    const begunAt = here.clock.monotonicMs();
    here.clock.pass(5_000);
    here.trust.beat();
    here.trust.roundRead(fakeCluster.clusterId, begunAt);
    await expect(here.plan()).rejects.toThrow("recovery/tilt.stood-still");
  });

  it("in mid-run nothing further is sent", async () => {
    const here = world(two);
    here.service.onSend = () => here.trust.suspended();
    const run = await here.run();
    expect([run.state, run.verdict?.code, here.service.sends]).toEqual([
      "stopped",
      "recovery/stopped-away",
      ["turn on a"],
    ]);
  });

  it("beats on time, at any small drift, tilt nothing", () => {
    const here = world(two);
    for (let at = 0; at < 10_000; at += 1) {
      here.clock.pass(500 + (at % 7) * 100);
      here.clock.set((at % 3) - 1);
      here.trust.beat();
    }
    expect(here.trust.count()).toBe(0);
  });
});

describe("one recovery at a time", () => {
  it("50 tries in a row are one action, until someone has looked", async () => {
    const here = world(two);
    await here.run();
    for (let at = 0; at < 50; at += 1) {
      here.service.switches.a = false;
      await expect(here.run()).rejects.toMatchObject(refusal("recovery/cooldown"));
    }
    expect(here.service.sends).toEqual(["turn on a", "turn on b"]);
    here.runner.acknowledge(here.last().runId, "looked");
    here.service.switches.b = false;
    expect((await here.run()).state).toBe("done");
  });

  it("a plan whose host got another login since it was read is refused, and nothing is sent", async () => {
    const here = world(two);
    const plan = await here.plan();
    here.options.cluster = { ...fakeCluster, nodes: [{ node: "n1", login: { host: "n1", user: "ops" } }] };
    await expect(here.approve(plan)).rejects.toMatchObject(refusal("recovery/plan-step-changed"));
    expect(here.service.sends).toEqual([]);
  });

  it("a run is under way from the approval on, before the journal has a line of it, until it has ended", async () => {
    const here = world(two);
    const { clusterId } = fakeCluster;
    const plan = await here.plan();
    expect(here.runner.isUnderWay(clusterId)).toBe(false);
    const approving = here.approve(plan);
    expect([here.runner.isUnderWay(clusterId), here.runner.openRun(clusterId)]).toEqual([true, null]);
    await approving;
    expect(here.runner.isUnderWay(clusterId)).toBe(true);
    await here.idle();
    expect([here.last().state, here.runner.isUnderWay(clusterId)]).toEqual(["done", false]);
  });

  it("the third on one target within a day is confirmed by a text that says so", async () => {
    const here = world(two);
    for (let at = 0; at < 2; at += 1) {
      Object.assign(here.service.switches, { a: false, b: false });
      here.runner.acknowledge((await here.run()).runId, "looked");
    }
    Object.assign(here.service.switches, { a: false, b: false });
    const plan = await here.plan();
    expect(plan.confirmation).toEqual({ kind: "type", text: "fake: run 3 on n1" });
    expect(plan.warnings[0]?.code).toBe("recovery/often");
    await expect(here.runner.approve(plan.planId, plan.fingerprint, "fake", "")).rejects.toMatchObject(
      refusal("recovery/not-confirmed"),
    );
  });

  it("a run in doubt that was acknowledged stays in doubt, and no longer stands in the way", async () => {
    const here = world(two);
    here.service.faults.set("turn on a", "lost-without-effect");
    const { runId } = await here.run();
    await expect(here.run()).rejects.toMatchObject(refusal("recovery/another-run"));
    expect(here.runner.acknowledge(runId, "looked").state).toBe("in-doubt");
    here.service.faults.clear();
    expect((await here.run()).state).toBe("done");
  });
});

describe("a stop", () => {
  it("lets the step under way be judged, sends nothing further, and offers the undo", async () => {
    const here = world(two);
    here.service.onSend = () => here.runner.stop(here.last().runId);
    const run = await here.run();
    expect([run.state, run.steps.map(({ state }) => state), run.undoObstacle]).toEqual([
      "stopped",
      ["kept", "skipped"],
      null,
    ]);
    expect(run.acts.map(({ kind, operator }) => [kind, operator])).toEqual([
      ["approved", "operator"],
      ["stop-asked", "operator"],
    ]);
    await here.approve(await here.planUndo(run.runId));
    await here.idle();
    expect([here.last().state, here.service.sends]).toEqual(["undone", ["turn on a", "turn off a"]]);
  });

  it("during an undo leaves it where it stands, and the rest can be undone after", async () => {
    const here = world(two);
    const { runId } = await here.run();
    let isFirst = true;
    here.service.onSend = () => {
      if (isFirst) here.runner.stop(runId);
      isFirst = false;
    };
    await here.approve(await here.planUndo(runId));
    await here.idle();
    expect([here.last().state, here.service.switches]).toEqual(["stopped", { a: true, b: false }]);
    await here.approve(await here.planUndo(runId));
    await here.idle();
    expect([here.last().state, here.service.switches]).toEqual(["undone", { a: false, b: false }]);
  });

  it("has nothing to stop once a run has ended", async () => {
    const here = world(two);
    const { runId } = await here.run();
    expect(() => here.runner.stop(runId)).toThrow("recovery/nothing-to-stop");
  });
});

describe("the record", () => {
  it("has who, where, the fingerprint and both clocks in every act, and no secret in any line", async () => {
    const here = world(two);
    const { runId } = await here.run();
    await here.approve(await here.planUndo(runId));
    await here.idle();
    const run = here.last();
    for (const act of run.acts)
      expect(act).toMatchObject({
        operator: "operator",
        at: expect.any(Number) as number,
        monotonicMs: expect.any(Number) as number,
      });
    expect(run.acts.map(({ fingerprint }) => fingerprint?.length)).toEqual([64, 64]);
    for (const { step } of run.steps) expect([step.reachedAs, step.runsAs]).toEqual(["root@n1:22", "root"]);
    expect(run.steps[0]?.output).toBe("password=[removed] done");
    expect(JSON.stringify(here.journal.lines)).not.toContain("hunter2");
  });
});
