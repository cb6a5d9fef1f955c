import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fittingPlace } from "../main/window-place";

const screens = [
  { x: 0, y: 0, width: 1920, height: 1040 },
  { x: 1920, y: 200, width: 1280, height: 1024 },
];
const kept = { width: 1000, height: 700, x: 50, y: 60, isMaximized: false };

describe("the window's place", () => {
  it("is where it was, on whichever screen", () => {
    expect(fittingPlace(kept, screens)).toEqual(kept);
    expect(fittingPlace({ ...kept, x: 2000, y: 300 }, screens)).toMatchObject({ x: 2000, y: 300 });
  });

  it.each([
    ["on a screen that is gone", { x: 4000, y: 60 }],
    ["above every screen, where its bar cannot be taken hold of", { x: 50, y: -50 }],
    ["below every screen", { x: 50, y: 1500 }],
    ["left of every screen", { x: -990, y: 60 }],
  ])("keeps its size and is put where the desktop likes when it was %s", (_where, at) => {
    expect(fittingPlace({ ...kept, ...at }, screens)).toEqual({ width: 1000, height: 700, isMaximized: false });
  });

  it("is never smaller than the app can be drawn", () => {
    expect(fittingPlace({ ...kept, width: 10, height: 10 }, screens)).toMatchObject({ width: 900, height: 600 });
  });

  it("is a place whatever was kept", () => {
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        const { width, height } = fittingPlace(anything, screens);
        return width >= 900 && height >= 600;
      }),
    );
  });
});
