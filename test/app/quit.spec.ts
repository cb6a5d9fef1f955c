import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { accessibilityProblems } from "./accessibility";
import { launchApp } from "./launch";

let directory: string;
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-quit-"));
  writeFileSync(join(directory, "ssh_config"), "");
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("an app that is quit leaves no lock behind, and the next one has the journal", async () => {
  const lock = join(directory, "journal.lock");
  for (let start = 0; start < 2; start += 1) {
    const { app, page } = await launchApp(directory, join(directory, "ssh_config"));
    await expect(page.getByRole("heading", { name: "Fleet" })).toBeVisible();
    await expect.poll(() => existsSync(lock)).toBe(true);
    await app.close();
    expect(existsSync(lock)).toBe(false);
  }
});

test("settings that were damaged are told of until a person has seen it, and are read only until they say otherwise", async () => {
  writeFileSync(join(directory, "preferences.json"), "{");
  const first = await launchApp(directory, join(directory, "ssh_config"));
  await expect(first.page.getByText("Evenkeel only reads until you say otherwise")).toBeVisible();
  expect(await accessibilityProblems(first.page)).toEqual([]);
  await first.app.close();

  const second = await launchApp(directory, join(directory, "ssh_config"));
  await expect(second.page.getByText("Evenkeel only reads until you say otherwise")).toBeVisible();
  await second.page.getByRole("button", { name: "I have seen it" }).click();
  await expect(second.page.getByText("Evenkeel only reads until you say otherwise")).toBeHidden();
  await second.page.getByRole("button", { name: "Settings" }).click();
  await expect(second.page.getByRole("switch", { name: /read only/i })).toBeChecked();
  await second.app.close();
});

test("a core that cannot start says why, and starts once it can", async () => {
  // A folder where a file should be.
  const inTheWay = join(directory, "inventory.json", "x");
  mkdirSync(inTheWay, { recursive: true });
  const { app, page } = await launchApp(directory, join(directory, "ssh_config"));
  await expect(page.getByText("core cannot start")).toBeVisible();
  rmSync(join(directory, "inventory.json"), { recursive: true });
  await expect(page.getByText("The core has stopped")).toBeHidden({ timeout: 40_000 });
  await expect(page.getByRole("heading", { name: "Fleet" })).toBeVisible();
  await app.close();
});
