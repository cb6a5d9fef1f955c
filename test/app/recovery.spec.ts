import { expect, test } from "@playwright/test";
import { accessibilityProblems } from "./accessibility";
import { picture } from "./launch";
import { addDemo, oneWorld } from "./world";

const patient = { timeout: 90_000 };
const world = oneWorld();

test("a plan says what is sent where, and neither Enter nor paste confirms it", async () => {
  const { page } = world();
  await addDemo(page);
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
  const { page } = world();
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
  await expect.poll(async () => (await world().lab.primary())?.name).toBe("keel-1");
});

test("the runs can be read in the dark", async () => {
  const { page } = world();
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByText("Dark", { exact: true }).click();
  await page.getByRole("button", { name: /demo/ }).click();
  await page.getByRole("tab", { name: "Recovery" }).click();
  await picture(page, "23-runs-dark");
  expect(await accessibilityProblems(page)).toEqual([]);
});
