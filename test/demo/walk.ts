import { join } from "node:path";
import { expect, type Page } from "@playwright/test";
import { launchApp } from "../app/launch";
import type { EmbeddedCluster } from "../lab/embedded/embedded-cluster";

const patient = { timeout: 90_000 };

/** Opens the app, kills the primary, fails over, lets the old one rejoin and exports the report, through the window alone. */
export async function walkMainJob(
  lab: EmbeddedCluster,
  directory: string,
  artifacts: string,
  report: string,
): Promise<void> {
  const { app, page } = await launchApp(directory, lab.sshConfigPath);
  const picture = (name: string): Promise<unknown> => page.screenshot({ path: join(artifacts, `${name}.png`) });
  try {
    await page.getByRole("row", { name: /demo/ }).getByRole("button").click();
    // Not by an empty list of findings: a busy machine is itself worth one.
    await expect(page.getByRole("button", { name: "standby", exact: true })).toHaveCount(2, patient);
    await picture("1-healthy");
    console.log("The cluster is healthy. Killing its primary, keel-1.");
    await lab.killPrimary();
    await expect(page.getByText("No server accepts writes. Gone: keel-1.")).toBeVisible(patient);
    await picture("2-critical");
    console.log("Critical: no server accepts writes. Failing over to keel-2.");
    await recover(page, "Fail over keel-2", () => picture("3-plan"));
    await page.getByLabel("What was seen").fill("keel-2 took over");
    await page.getByRole("button", { name: "I have looked at it" }).click();
    console.log("Verified on fresh readings. Letting keel-1 rejoin.");
    await recover(page, "Rejoin as standby keel-1", () => picture("4-rejoin"));
    await page.getByRole("tab", { name: "Health" }).click();
    await expect(page.getByRole("button", { name: "standby", exact: true })).toHaveCount(2, patient);
    await picture("5-after");
    await app.evaluate(({ dialog }, path) => {
      dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath: path });
    }, report);
    await page.getByRole("tab", { name: "Report" }).click();
    await page.getByRole("button", { name: "Export HTML" }).click();
    await expect(page.getByText(`Written: ${report}`)).toBeVisible(patient);
  } finally {
    await app.close();
  }
}

/** Plans, confirms as a person must, runs, and waits until fresh readings have proven it. */
export async function recover(page: Page, action: string, planned: () => Promise<unknown>): Promise<void> {
  const before = await page.getByText("done and verified").count();
  await page.getByRole("tab", { name: "Recovery" }).click();
  await page.getByRole("button", { name: action }).click();
  await expect(page.getByRole("button", { name: "Run it" })).toBeDisabled();
  await page.getByLabel("Confirmation").pressSequentially("demo");
  await planned();
  await page.getByRole("button", { name: "Run it" }).click();
  await expect(page.getByText("done and verified")).toHaveCount(before + 1, patient);
}
