import type { Cluster } from "../../contract/inventory";
import { sentence } from "../../contract/sentence";
import {
  defineEngine,
  judgeBy,
  type AnyEngine,
  type Claim,
  type Effect,
  type SettingFields,
  type Step,
} from "../../main/engine/engine";
import type { Probes } from "../../main/probe/probe";
import type { Observer, Performed, Performer } from "../../main/recovery/ports";
import type { FakeClock } from "./fake-clock";

/** What a fake cluster is: named switches. */
export type Switches = Record<string, boolean>;

export interface FakeStep {
  readonly name: string;
  /** `by`: turned off again; the other two as an engine says them. */
  readonly undo: "by" | "needless" | "none";
  /** Switches that must be as named just before the step is sent. */
  readonly needs?: Readonly<Record<string, boolean>>;
  /** Turns nothing on: only its node tells whether it was done. */
  readonly waits?: true;
}

export const fakeCluster: Cluster = {
  clusterId: "fake",
  name: "fake",
  engine: "fake",
  nodes: [{ node: "n1", login: { host: "n1" } }],
  members: [],
  addedAt: 0,
};

export function isSet(name: string, value: boolean): Claim {
  return sentence("fake/is-set", { name, value });
}

const judge = judgeBy<Switches>({
  "fake/is-set": (now, { name, value }) =>
    now[String(name)] === value ? null : sentence("fake/other", { name: String(name), value: !value }),
});

/** An engine whose one recovery turns switches on, one a step. */
export function fakeEngine(steps: readonly FakeStep[], restsOn: Readonly<Record<string, boolean>> = {}): AnyEngine {
  const planned = steps.map(({ name, undo, needs = {}, waits }): Step => ({
    title: sentence("fake/turn-on", { name }),
    node: "n1",
    effect: turn(name, true),
    changes: waits === undefined,
    deadlineMs: 1_000,
    stillSafe: Object.entries(needs).map(([one, value]) => isSet(one, value)),
    achieved: waits === undefined ? [isSet(name, true)] : [],
    undo:
      undo === "by"
        ? {
            kind: "by",
            title: sentence("fake/turn-off", { name }),
            node: "n1",
            effect: turn(name, false),
            deadlineMs: 1_000,
            stillSafe: [],
            achieved: [isSet(name, false)],
          }
        : { kind: undo, reason: sentence(`fake/undo-${undo}`) },
  }));
  return defineEngine<SettingFields, Probes, Switches>({
    id: "fake",
    settings: {},
    messages: { en: {}, "zh-CN": {} },
    discovery: null,
    probes: () => ({}),
    snapshot: () => ({}),
    members: () => [],
    health: [],
    balance: () => [],
    consistency: () => ({ witnesses: [], tables: [], maps: [] }),
    tolerance: () => [],
    logs: null,
    judge,
    recoveries: [
      {
        action: "fake/turn-all-on",
        risk: "R2",
        answers: [],
        verifyWithinMs: 1_500,
        objections: () => [],
        targets: () => [{ target: "n1", objections: [] }],
        plan: (now) => ({
          steps: planned,
          warnings: [],
          restsOn: [
            ...Object.entries(restsOn).map(([name, value]) => isSet(name, value)),
            ...steps.map(({ name }) => isSet(name, now[name] === true)),
          ],
          goal: steps.map(({ name }) => isSet(name, true)),
        }),
      },
    ],
  });
}

function turn(name: string, on: boolean): Effect {
  return { kind: "run", command: { argv: ["turn", on ? "on" : "off", name] } };
}

/** What befalls one send. `effect` says whether the node carried it out all the same. */
export type Fault =
  | "none"
  | "not-sent"
  | "lost-with-effect"
  | "lost-without-effect"
  | "problem-with-effect"
  | "problem-without-effect"
  | "zero-without-effect"
  | "throws-with-effect";
export const faults: readonly Fault[] = [
  "none",
  "not-sent",
  "lost-with-effect",
  "lost-without-effect",
  "problem-with-effect",
  "problem-without-effect",
  "zero-without-effect",
  "throws-with-effect",
];

/** A cluster of switches behind a performer and an observer that fail as they are told. */
export interface FakeService {
  readonly switches: Switches;
  /** Every command that left, whatever became of it. */
  readonly sends: string[];
  /** By command. */
  readonly faults: Map<string, Fault>;
  /** What the node tells later, by the id of the step. */
  readonly memories: Map<string, Performed>;
  /** Called before a send takes effect. */
  onSend: (line: string) => void;
  /** Called before each look; may change the cluster or throw. */
  onLook: (look: number) => void;
  readonly observer: Observer;
  readonly performer: Performer;
}

export function fakeService(clock: FakeClock, switches: Switches): FakeService {
  let looks = 0;
  const service: FakeService = {
    switches,
    sends: [],
    faults: new Map(),
    memories: new Map(),
    onSend: () => undefined,
    onLook: () => undefined,
    observer: {
      observe: async () => {
        looks += 1;
        const takenAt = clock.nowMs();
        service.onLook(looks);
        await Promise.resolve();
        return { snapshot: { ...switches } as never, takenAt };
      },
    },
    performer: {
      show: (_node, effect) => lineOf(effect),
      account: () => "root",
      recall: (id) =>
        Promise.resolve(service.memories.get(id) ?? { kind: "unknown", reason: sentence("fake/link-lost") }),
      perform: (_id, { shown }, effect) => {
        const line = lineOf(effect);
        if (line !== shown) return Promise.resolve({ kind: "not-sent", reason: sentence("fake/not-as-shown") });
        const fault = service.faults.get(line) ?? "none";
        if (fault === "not-sent") return Promise.resolve({ kind: "not-sent", reason: sentence("fake/not-sent") });
        service.sends.push(line);
        service.onSend(line);
        if (fault === "none" || fault.endsWith("-with-effect")) carryOut(switches, line);
        return fault === "throws-with-effect" ? Promise.reject(new Error("fault")) : Promise.resolve(answerOf(fault));
      },
    },
  };
  return service;
}

function carryOut(switches: Switches, line: string): void {
  const [, on, name] = line.split(" ");
  if (name !== undefined) switches[name] = on === "on";
}

function answerOf(fault: Fault): Performed {
  if (fault.startsWith("lost")) return { kind: "unknown", reason: sentence("fake/link-lost") };
  const problem = fault.startsWith("problem") ? sentence("fake/exit-1") : null;
  return { kind: "answered", output: "password=hunter2 done", problem };
}

function lineOf(effect: Effect): string {
  return effect.kind === "run" ? effect.command.argv.join(" ") : effect.kind;
}
