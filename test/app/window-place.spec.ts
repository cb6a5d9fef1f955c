import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { launchApp } from "./launch";

interface Bounds {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

let directory: string;
let kept: string;
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-place-"));
  kept = join(directory, "window.json");
  writeFileSync(join(directory, "ssh_config"), "");
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Starts the app, moves its window when told where, and gives where it stood before. */
async function placeOf(moveTo?: Bounds): Promise<Bounds> {
  const { app, page } = await launchApp(directory, join(directory, "ssh_config"));
  await expect(page.getByRole("heading", { name: "Fleet" })).toBeVisible();
  const bounds = (): Promise<Bounds> =>
    app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getNormalBounds() as Bounds);
  const before = await bounds();
  if (moveTo !== undefined) {
    await app.evaluate(({ BrowserWindow }, to) => BrowserWindow.getAllWindows()[0]?.setBounds(to), moveTo);
    await expect.poll(bounds).toEqual(moveTo);
  }
  await app.close();
  return before;
}

test("the window opens where it was closed", async () => {
  const moved = { x: 120, y: 80, width: 1000, height: 700 };
  const standard = await placeOf(moved);
  expect(standard).not.toEqual(moved);
  expect(await placeOf()).toEqual(moved);
});

for (const [what, damage] of [
  ["damaged", () => writeFileSync(kept, '{"place": {"wid')],
  ["of another shape", () => writeFileSync(kept, '{"place": [true]}')],
  ["beyond every screen", () => writeFileSync(kept, '{"place": {"x":90000,"y":0,"width":1440,"height":900}}')],
  ["a directory", () => mkdirSync(kept)],
] as const)
  test(`a kept place that is ${what} stops nothing`, async () => {
    const standard = await placeOf();
    rmSync(kept);
    damage();
    expect(await placeOf()).toEqual(standard);
    expect(JSON.parse(readFileSync(kept, "utf8"))).toMatchObject({ place: standard });
  });
