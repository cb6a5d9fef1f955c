import { describe, expect, it } from "vitest";
import type { SettingFields } from "../../main/engine/engine";
import { gather, type Gathered } from "../../main/monitor/gather";
import { sentence } from "../../contract/sentence";
import { NotThere, ParseError, type Probe } from "../../main/probe/probe";
import { createTakeReadings } from "../../main/probe/run-probes";
import type { Access } from "../../main/ssh/access";
import { SshError } from "../../main/ssh/ssh-error";
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

describe("a reading that gave no value", () => {
  type Counted = Gathered<SettingFields, { readonly count: Probe<string> }>;

  /** One that is asked anew takes the next number. */
  async function asked(
    answer: (text: string) => string,
    passes: readonly number[],
    everyMs = 30_000,
  ): Promise<readonly unknown[]> {
    const clock = fakeClock();
    let count = 0;
    const node = {
      node: "n1",
      read: () => {
        const stdout = String((count += 1));
        return Promise.resolve({ stdout: answer(stdout), stderr: "", tookMs: 1 });
      },
      state: () => ({ state: "idle" }),
    };
    const access = { node: () => node } as unknown as Access;
    const take = createTakeReadings({ clock, wire: {} as never });
    const parse = (text: string): string => {
      if (text.startsWith("none")) throw new NotThere(sentence("probe/not-told"));
      if (text.startsWith("odd")) throw new ParseError("the count", text);
      if (text.startsWith("fault")) throw new Error("a fault of the parser");
      return text;
    };
    const engine = { settings: {}, probes: () => ({ count: { ...probes.count, everyMs, parse } }) };
    const seen: unknown[] = [];
    let before: Counted | null = null;
    for (const passMs of passes) {
      clock.pass(passMs);
      const now: Counted = await gather({ access, take }, engine, [{ member: "m", node: "n1", settings: {} }], before);
      const reading = now.members[0]?.readings.count;
      seen.push([count, reading?.kind === "value" ? reading.value : reading?.reason.code]);
      before = now;
    }
    return seen;
  }

  it.each([
    ["none", "probe/not-told"],
    ["odd", "probe/unreadable"],
  ])("is kept as long as a value is, where it is what the node answered (%s)", async (word, code) => {
    const answer = (number: string): string => (number === "1" ? `${word} ${number}` : number);
    expect(await asked(answer, [0, 10_000, 10_000, 10_000, 10_000])).toEqual([
      [1, code],
      [1, code],
      [1, code],
      [2, "2"],
      [2, "2"],
    ]);
  });

  it("is not kept for longer than a minute, however long a value is", async () => {
    const answer = (number: string): string => (number === "1" ? "none" : number);
    expect(await asked(answer, [0, 59_000, 1_000, 61_000], 1_800_000)).toEqual([
      [1, "probe/not-told"],
      [1, "probe/not-told"],
      [2, "2"],
      [2, "2"],
    ]);
  });

  it("is asked again at once where no answer came or the fault is not the answer's", async () => {
    const silent = (number: string): string => {
      if (number !== "3") throw new SshError("link-lost", "n1", { problem: "it went away" });
      return number;
    };
    expect(await asked(silent, [0, 2_000, 2_000, 2_000])).toEqual([
      [1, "ssh/link-lost"],
      [2, "ssh/link-lost"],
      [3, "3"],
      [3, "3"],
    ]);
    expect(await asked(() => "fault", [0, 2_000])).toEqual([
      [1, "probe/fault"],
      [2, "probe/fault"],
    ]);
  });
});

function valueOf(reading: { readonly kind: string; readonly value?: unknown } | undefined): unknown {
  return reading?.kind === "value" ? reading.value : null;
}
