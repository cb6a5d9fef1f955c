import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { startEmbeddedCluster, type EmbeddedCluster } from "../lab/embedded/embedded-cluster";
import { accessibilityProblems } from "./accessibility";
import { launchApp, picture, type Launched } from "./launch";

test.describe.configure({ mode: "serial" });

const patient = { timeout: 90_000 };
let lab: EmbeddedCluster;
let launched: Launched;
let directory: string;

test.beforeAll(async () => {
  lab = await startEmbeddedCluster();
  directory = mkdtempSync(join(tmpdir(), "evenkeel-recovery-"));
  launched = await launchApp(directory, lab.sshConfigPath);
});

test.afterAll(async () => {
  await launched.app.close();
  await lab.stop();
  rmSync(directory, { recursive: true, force: true });
});

test("a plan says what is sent where, and neither Enter nor paste confirms it", async () => {
  const { page } = launched;
  await page.getByRole("button", { name: "Add a cluster" }).click();
  await page.getByLabel("One host of the cluster").fill("keel-1");
  await page.getByRole("button", { name: "Find the cluster" }).click();
  await page.getByLabel("Name", { exact: true }).fill("demo");
  await page.getByRole("button", { name: "Keep", exact: true }).click();
  await page.getByRole("row", { name: /demo/ }).getByRole("button").click();
  await page.getByRole("tab", { name: "Recovery" }).click();
  await page.getByRole("button", { name: "Switch over keel-2" }).click(patient);
  await expect(page.getByText("The plan rests on this")).toBeVisible(patient);
  const run = page.getByRole("button", { name: "Run it" });
  const confirmation = page.getByLabel("Confirmation");
  await confirmation.focus();
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData("text/plain", "demo");
    document.activeElement?.dispatchEvent(
      new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }),
    );
  });
  await expect(confirmation).toHaveValue("");
  for (const wrong of ["Demo", "dem", "dеmo"]) {
    await confirmation.fill("");
    await confirmation.pressSequentially(wrong);
    await expect(run).toBeDisabled();
  }
  await confirmation.fill("");
  await confirmation.pressSequentially("demo");
  await expect(run).toBeEnabled();
  await confirmation.press("Enter");
  await run.focus();
  await page.keyboard.press("Enter");
  await expect(run).toBeVisible();
  await picture(page, "20-switchover-plan");
  expect(await accessibilityProblems(page)).toEqual([]);
});

test("a run is stopped after the step under way, says where it stands, and is undone", async () => {
  const { page } = launched;
  // The first step takes a third of a second; a person is not that quick, and the test must be.
  await page.evaluate(() => {
    const watcher = new MutationObserver(() => {
      const button = [...document.querySelectorAll("button")].find((one) => one.textContent === "Stop after this step");
      if (button === undefined) return;
      watcher.disconnect();
      button.click();
    });
    watcher.observe(document.body, { childList: true, subtree: true });
  });
  await page.getByRole("button", { name: "Run it" }).click();
  await expect(page.getByText("stopped between steps")).toBeVisible(patient);
  await expect(page.getByText(/You are here/)).toBeVisible();
  await picture(page, "21-stopped");
  expect(await accessibilityProblems(page)).toEqual([]);
  await page.getByRole("button", { name: "Plan the undo…" }).click(patient);
  await page.getByLabel("Confirmation").pressSequentially("demo");
  await picture(page, "22-undo-plan");
  await page.getByRole("button", { name: "Undo it" }).click();
  await expect(page.getByText("undone", { exact: true })).toBeVisible(patient);
  await expect.poll(async () => (await lab.primary())?.name).toBe("keel-1");
});

test("the runs can be read in the dark", async () => {
  const { page } = launched;
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByText("Dark", { exact: true }).click();
  await page.getByRole("button", { name: /demo/ }).click();
  await page.getByRole("tab", { name: "Recovery" }).click();
  await picture(page, "23-runs-dark");
  expect(await accessibilityProblems(page)).toEqual([]);
});
