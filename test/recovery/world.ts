import { setImmediate as turn } from "node:timers/promises";
import type { Cluster } from "../../contract/inventory";
import type { Plan, RunRecord } from "../../contract/recovery";
import type { AnyEngine } from "../../main/engine/engine";
import { createRunner, type Runner } from "../../main/recovery/runner";
import { createTrust, type TrustKeeper } from "../../main/recovery/trust";
import { fakeClock, type FakeClock } from "../fake/fake-clock";
import { fakeJournal, type FakeJournal } from "../fake/fake-journal";
import {
  fakeCluster,
  fakeEngine,
  fakeService,
  type FakeService,
  type FakeStep,
  type Switches,
} from "../fake/fake-service";

/** All that is left of a world between two runs. */
export interface Standing {
  readonly lines: readonly RunRecord[];
  readonly switches: Switches;
  readonly sends: readonly string[];
  readonly monotonicMs: number;
}

/** A runner on fakes: what it is given can be made to fail at any point, and what it does is all in `service.sends` and `journal.lines`. */
export interface World {
  readonly clock: FakeClock;
  readonly journal: FakeJournal;
  readonly service: FakeService;
  readonly engine: AnyEngine;
  readonly told: RunRecord[];
  readonly options: { isReadOnly: boolean; reachedAs: string; cluster: Cluster };
  runner: Runner;
  trust: TrustKeeper;
  /** Plans and gives the plan; throws with the objections. */
  plan(): Promise<Plan>;
  approve(plan: Plan): Promise<RunRecord>;
  planUndo(runId: string): Promise<Plan>;
  /** The process ends and another begins on the same disk and the same cluster; nothing fits on a full disk. */
  restart(disk?: "full"): void;
  /** Goes on from where another world stood with nothing under way. */
  resume(from: Standing): void;
  /** Waits until nothing moves any more. */
  idle(): Promise<void>;
  /** Plans, approves, and waits for the end. */
  run(): Promise<RunRecord>;
  last(): RunRecord;
}

export function world(steps: readonly FakeStep[], switches: Switches = {}, rests: Switches = {}): World {
  const clock = fakeClock();
  const start: Switches = { ...Object.fromEntries(steps.map(({ name }) => [name, false])), ...switches };
  const service = fakeService(clock, start);
  const engine = fakeEngine(steps, rests);
  const told: RunRecord[] = [];
  const options = { isReadOnly: false, reachedAs: "root@n1:22", cluster: fakeCluster };
  let ids = 0;
  let journal = fakeJournal();

  function build(): { runner: Runner; trust: TrustKeeper } {
    const trust = createTrust({ clock, tilted: () => runner.dropPlans() });
    const runner: Runner = createRunner({
      journal,
      observer: service.observer,
      performer: service.performer,
      newId: () => `id-${(ids += 1)}`,
      clock,
      trust,
      pause: clock.pause,
      operator: "operator",
      isReadOnly: () => options.isReadOnly,
      engineOf: () => engine,
      clusterOf: () => options.cluster,
      reachedAs: ({ nodes }) => Promise.resolve({ way: nodes[0]?.login.user ?? options.reachedAs, isOpen: true }),
      announce: (run) => told.push(run),
      lookEveryMs: 500,
      barred: null,
      isAlone: true,
    });
    return { runner, trust };
  }

  const made: World = {
    clock,
    get journal() {
      return journal;
    },
    service,
    engine,
    told,
    options,
    ...build(),
    plan: async () => planOf(await made.runner.plan(fakeCluster, "fake/turn-all-on", "n1")),
    planUndo: async (runId) => planOf(await made.runner.planUndo(runId)),
    approve: ({ planId, fingerprint, confirmation }) =>
      made.runner.approve(planId, fingerprint, confirmation.kind === "type" ? confirmation.text : "", "a reason"),
    restart: (disk) => {
      journal = fakeJournal([...journal.lines]);
      if (disk === "full") journal.fullFrom = 1;
      Object.assign(made, build());
    },
    resume: ({ lines, switches: were, sends, monotonicMs }) => {
      clock.pass(monotonicMs - clock.monotonicMs());
      ids = lines.length * 10;
      Object.assign(service.switches, were);
      service.sends.splice(0, Infinity, ...sends);
      journal = fakeJournal([...lines]);
      Object.assign(made, build());
    },
    idle: async () => {
      for (let still = 0, seen = ""; still < 3;) {
        await turn();
        const now = `${journal.lines.length} ${told.length} ${service.sends.length} ${clock.monotonicMs()}`;
        still = now === seen ? still + 1 : 0;
        seen = now;
      }
    },
    run: async () => {
      await made.approve(await made.plan());
      await made.idle();
      return made.last();
    },
    last: () => {
      const run = made.runner.runs(fakeCluster.clusterId).at(-1);
      if (run === undefined) throw new Error("there is no run");
      return run;
    },
  };
  return made;
}

function planOf(answer: Awaited<ReturnType<Runner["plan"]>>): Plan {
  if (answer.state === "refused") throw new Error(answer.objections.map(({ code }) => code).join(", "));
  return answer.plan;
}
