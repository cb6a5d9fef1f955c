import { describe, expect, it } from "vitest";
import type { SettingFields } from "../../main/engine/engine";
import { gather, type Gathered } from "../../main/monitor/gather";
import type { Probe } from "../../main/probe/probe";
import { createTakeReadings } from "../../main/probe/run-probes";
import type { Access } from "../../main/ssh/access";
import { fakeClock } from "../fake/fake-clock";

const count: Probe<string> = { ask: { kind: "read", script: "count" }, everyMs: 30_000, parse: (text) => text };
const probes = { count, pulse: { ...count, everyMs: 0 } };
type Counts = Gathered<SettingFields, typeof probes>;

describe("what a reading is compared with", () => {
  it("is the last before it that was an answer, also in the cycles that keep it", async () => {
    const clock = fakeClock();
    let asked = 0;
    let fails = false;
    const read = (): Promise<unknown> =>
      fails
        ? Promise.reject(new Error("no answer"))
        : Promise.resolve({ stdout: String((asked += 1)), stderr: "", tookMs: 1 });
    const node = { node: "n1", read, state: () => ({ state: "idle" }) };
    const access = { node: () => node } as unknown as Access;
    const take = createTakeReadings({ clock, wire: {} as never });
    const engine = { settings: {}, probes: () => probes };
    const seen: (readonly unknown[])[] = [];
    let before: Counts | null = null;
    for (const passMs of [0, 31_000, 10_000, 31_000, 31_000, 31_000]) {
      clock.pass(passMs);
      fails = seen.length === 4;
      const now: Counts = await gather({ access, take }, engine, [{ member: "m", node: "n1", settings: {} }], before);
      const [member] = now.members;
      seen.push([valueOf(member?.readings.count), valueOf(member?.previous?.count)]);
      before = now;
    }
    // The pulse is asked every time, and takes every other number.
    expect(seen).toEqual([
      ["1", null],
      ["3", "1"],
      ["3", "1"],
      ["6", "3"],
      [null, "6"],
      ["8", "6"],
    ]);
  });

  it("is what the same node answered, also where members of several nodes have one name", async () => {
    const clock = fakeClock();
    let round = 0;
    const node = (name: string): unknown => ({
      node: name,
      read: () => Promise.resolve({ stdout: `${name} ${round}`, stderr: "", tookMs: 1 }),
      state: () => ({ state: "idle" }),
    });
    const access = { node } as unknown as Access;
    const take = createTakeReadings({ clock, wire: {} as never });
    const engine = { settings: {}, probes: () => probes };
    const members = ["n1", "n2", "n3"].map((name) => ({ member: "host", node: name, settings: {} }));
    const first: Counts = await gather({ access, take }, engine, members, null);
    round += 1;
    const second: Counts = await gather({ access, take }, engine, members, first);
    expect(second.members.map(({ previous }) => valueOf(previous?.pulse))).toEqual(["n1 0", "n2 0", "n3 0"]);
  });

  it("is asked anew when the desktop's clock was set back behind it", async () => {
    const clock = fakeClock();
    let asked = 0;
    const node = {
      node: "n1",
      read: () => Promise.resolve({ stdout: String((asked += 1)), stderr: "", tookMs: 1 }),
      state: () => ({ state: "idle" }),
    };
    const access = { node: () => node } as unknown as Access;
    const take = createTakeReadings({ clock, wire: {} as never });
    const engine = { settings: {}, probes: () => ({ count }) };
    const members = [{ member: "m", node: "n1", settings: {} }];
    const before = await gather({ access, take }, engine, members, null);
    clock.set(-7_200_000);
    clock.pass(2_000);
    const after = await gather({ access, take }, engine, members, before);
    expect([before, after].map((one) => valueOf(one.members[0]?.readings.count))).toEqual(["1", "2"]);
  });
});

function valueOf(reading: { readonly kind: string; readonly value?: unknown } | undefined): unknown {
  return reading?.kind === "value" ? reading.value : null;
}
