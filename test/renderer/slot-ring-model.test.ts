import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SlotMap } from "../../contract/consistency";
import { ringOf } from "../../renderer/parts/slot-ring-model";

const map = (owners: SlotMap["owners"], marks: SlotMap["marks"] = []): SlotMap => ({
  name: "slots",
  slotCount: 16384,
  owners,
  marks,
  whatIf: [],
  complete: true,
  evidence: [],
});

describe("the ring of slots", () => {
  it("draws every owner and every range, and counts slots by their ends", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(16383), fc.nat(16383)), { minLength: 1, maxLength: 40 }), (pairs) => {
        const ranges = pairs.map(([one, other]) => ({ from: Math.min(one, other), to: Math.max(one, other) }));
        const { owners } = ringOf(map([{ owner: "one", ranges }]));
        expect(owners[0]?.arcs).toHaveLength(ranges.length);
        expect(owners[0]?.slotCount).toBe(ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0));
        for (const { path } of owners[0]?.arcs ?? []) expect(path).not.toMatch(/NaN|Infinity/);
      }),
    );
  });

  it("shows an owner of all slots as a ring and a single slot as an arc that can be seen", () => {
    const whole = ringOf(map([{ owner: "one", ranges: [{ from: 0, to: 16383 }] }])).owners[0]?.arcs[0]?.path ?? "";
    const [, fromX, fromY] = /^M (\S+) (\S+)/.exec(whole) ?? [];
    const [, toX, toY] = /A 86 86 0 1 1 (\S+) (\S+) L/.exec(whole) ?? [];
    // An arc whose ends meet is drawn as nothing.
    expect([fromX, fromY]).not.toEqual([toX, toY]);
    const one = ringOf(map([{ owner: "one", ranges: [{ from: 5, to: 5 }] }])).owners[0]?.arcs[0]?.path ?? "";
    const wide = ringOf(map([{ owner: "one", ranges: [{ from: 5, to: 26 }] }])).owners[0]?.arcs[0]?.path ?? "";
    expect(one.split("L")[0]).toEqual(wide.split("L")[0]);
  });

  it("marks a gap where nobody owns a slot", () => {
    const says = { code: "x", facts: {} };
    const { marks } = ringOf(map([], [{ from: 100, to: 200, state: "unowned", says }]));
    expect(marks).toHaveLength(1);
  });
});
