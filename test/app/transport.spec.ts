import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { expect, test, type Page } from "@playwright/test";
import type { Cluster } from "../../contract/inventory";
import { startEmbeddedCluster, type EmbeddedCluster } from "../lab/embedded/embedded-cluster";
import { launchApp, picture, type Launched } from "./launch";

test.describe.configure({ mode: "serial" });

let lab: EmbeddedCluster;
let launched: Launched;
let directory: string;

test.beforeAll(async () => {
  lab = await startEmbeddedCluster();
  directory = mkdtempSync(join(tmpdir(), "evenkeel-transport-app-"));
  launched = await launchApp(directory, lab.sshConfigPath);
});

test.afterAll(async () => {
  await launched.app.close();
  await lab.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** A picture in both colours and both languages. */
async function looked(page: Page, name: string): Promise<void> {
  const standard = await page.evaluate(() => window.evenkeel.request["preferences:read"](undefined));
  if (!standard.ok) throw new Error(standard.sentence.code);
  for (const language of ["zh-CN", "en"] as const) {
    for (const colours of ["dark", "light"] as const) {
      const wanted = { ...standard.value, language, colours };
      await page.evaluate((one) => window.evenkeel.request["preferences:write"](one), wanted);
      await expect(page.locator("html")).toHaveAttribute("lang", language);
      await expect(page.locator("html")).toHaveAttribute("data-mantine-color-scheme", colours);
      await page.evaluate(async () => {
        const moving = document.getAnimations().filter(({ effect }) => effect?.getTiming().iterations !== Infinity);
        await Promise.allSettled(moving.map(({ finished }) => finished));
      });
      await picture(page, `${name}-${language === "en" ? "en" : "zh"}-${colours}`);
      const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
      expect(violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html ?? ""}`)).toEqual([]);
    }
  }
}

test("a cluster is added over the transport chosen by hand, which is kept with each of its hosts", async () => {
  const { page } = launched;
  await page.getByRole("button", { name: "Add a cluster" }).click();
  await expect(page.getByLabel("Reached by")).toHaveValue("auto");
  await page.getByLabel("One host of the cluster").fill("keel-1");
  await looked(page, "13-transport-automatic");
  await page.getByLabel("Reached by").selectOption({ label: "The system's ssh" });
  await expect(page.getByText("The OpenSSH client of this desktop")).toBeVisible();
  await page.getByRole("button", { name: "Find the cluster" }).click();
  await expect(page.getByText("keel-1, keel-2, keel-3")).toBeVisible();
  await picture(page, "13-transport-chosen");
  await page.getByRole("button", { name: "Keep", exact: true }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  const [cluster] = JSON.parse(readFileSync(join(directory, "inventory.json"), "utf8")) as Cluster[];
  expect(cluster?.nodes.map(({ login }) => login.transport)).toEqual(["system", "system", "system"]);
});

test("the hosts of a cluster say which client reaches them and why", async () => {
  const { page } = launched;
  await page.getByRole("navigation").getByRole("button").nth(1).click();
  await expect(page.getByText("Reached by the system's ssh, chosen by hand")).toHaveCount(3);
  await page.getByText("Reached by the system's ssh, chosen by hand").last().scrollIntoViewIfNeeded();
  await looked(page, "13-transport-hosts");
});
