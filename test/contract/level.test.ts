import { expect, it } from "vitest";
import type { Level } from "../../contract/health";
import { levelNow, levelOf } from "../../contract/level";

it.each<[Level, ...Level[]]>([
  ["ok"],
  ["watch", "watch"],
  ["unknown", "unknown"],
  ["unknown", "watch", "unknown", "watch"],
  ["degraded", "unknown", "degraded", "watch"],
  ["critical", "unknown", "degraded", "critical"],
])("is %s as a whole: a doubt hides what is small, never what is certainly bad", (level, ...found) => {
  expect(levelOf(found.map((one) => ({ level: one })))).toBe(level);
});

it.each<[Level, Level]>([
  ["ok", "unknown"],
  ["watch", "unknown"],
  ["unknown", "unknown"],
  ["degraded", "degraded"],
  ["critical", "critical"],
])("of what was %s when it was last read says %s once that is too long ago", (level, now) => {
  const seen = { level, takenAt: 1_000, staleAfterMs: 500 };
  expect([levelNow(seen, 1_500), levelNow(seen, 1_501)]).toEqual([level, now]);
  // The desktop was away: nothing that was read before it holds.
  expect(levelNow({ ...seen, staleAfterMs: 0 }, 1_000)).toBe(now);
  expect(levelNow({ ...seen, takenAt: null }, 1_000)).toBe(now);
  expect([levelNow(seen, seen.takenAt - 2_000), levelNow(seen, seen.takenAt - 2_001)]).toEqual([level, now]);
});
