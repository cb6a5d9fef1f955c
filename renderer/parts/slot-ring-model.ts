import type { SlotMap } from "../../contract/consistency";

export interface Arc {
  readonly key: string;
  /** An SVG path on a ring whose centre is 0,0. */
  readonly path: string;
}
export interface OwnerArcs {
  readonly owner: string;
  readonly slotCount: number;
  /** Which of the eight ways of drawing an owner has. */
  readonly look: number;
  readonly arcs: readonly Arc[];
}
export interface Ring {
  readonly owners: readonly OwnerArcs[];
  readonly marks: readonly (Arc & { readonly state: SlotMap["marks"][number]["state"] })[];
}

const inner = 62;
const outer = 86;
const markOuter = 96;
export const looks = 8;

/** Pure. Slots as arcs, slot 0 at twelve o'clock, clockwise. An arc thinner than the eye can see is widened, so that none is lost. */
export function ringOf(map: SlotMap): Ring {
  const arc = (from: number, to: number, low: number, high: number): string => {
    const least = map.slotCount / 720;
    const until = Math.max(to + 1, from + least);
    return ringPath(from / map.slotCount, until / map.slotCount, low, high);
  };
  return {
    owners: map.owners.map(({ owner, ranges }, index) => ({
      owner,
      slotCount: ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0),
      look: index % looks,
      arcs: ranges.map(({ from, to }) => ({ key: `${owner} ${from}`, path: arc(from, to, inner, outer) })),
    })),
    marks: map.marks.map(({ from, to, state }) => ({
      key: `${state} ${from}`,
      state,
      path: arc(from, to, state === "unowned" ? inner : outer, markOuter),
    })),
  };
}

/** From and to are parts of the whole turn. */
function ringPath(from: number, to: number, low: number, high: number): string {
  // A whole turn has the same start and end, which SVG draws as nothing.
  const end = Math.min(to, from + 0.9999);
  const point = (turn: number, radius: number): string => {
    const angle = 2 * Math.PI * turn - Math.PI / 2;
    return `${(radius * Math.cos(angle)).toFixed(2)} ${(radius * Math.sin(angle)).toFixed(2)}`;
  };
  const large = end - from > 0.5 ? 1 : 0;
  return `M ${point(from, high)} A ${high} ${high} 0 ${large} 1 ${point(end, high)} L ${point(end, low)} A ${low} ${low} 0 ${large} 0 ${point(from, low)} Z`;
}
