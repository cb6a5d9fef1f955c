import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { startLab, whyNoLab, type Lab } from "../lab/start-lab";
import { accessibilityProblems } from "./accessibility";
import { launchApp, picture, type Launched } from "./launch";

const why = whyNoLab();
const named = (title: string): string => (why === null ? title : `${title} (skipped: ${why})`);
const clusters = [
  { title: "Redis Cluster", seed: "r1", members: 6 },
  { title: "Redis Sentinel", seed: "s1", members: 6 },
  { title: "Patroni", seed: "t1", members: 3 },
  { title: "etcd", seed: "e1", members: 3 },
  { title: "ZooKeeper", seed: "z1", members: 3 },
];

test.describe.configure({ mode: "serial" });
test.skip(why !== null, why ?? "");

let lab: Lab;
let launched: Launched;
let directory: string;

test.beforeAll(async () => {
  lab = await startLab(["redis-cluster", "redis-sentinel", "patroni", "etcd", "zookeeper"]);
  directory = mkdtempSync(join(tmpdir(), "evenkeel-app-"));
  launched = await launchApp(directory, lab.sshConfigPath);
  const { page } = launched;
  // Patroni's servers ask for a password, each once and whenever it is first read.
  const question = page.getByLabel(/^Database password of postgres on t\d$/).and(page.getByRole("textbox"));
  const answer = async (): Promise<void> => {
    await question.fill("postgres");
    await page.getByRole("button", { name: "Answer" }).click();
  };
  // The next host's question stands there as soon as one is answered.
  await page.addLocatorHandler(question, answer, { noWaitAfter: true });
});

test.afterAll(async () => {
  if (why !== null) return;
  await launched.app.close();
  await lab.stop();
  rmSync(directory, { recursive: true, force: true });
});

for (const { title, seed, members } of clusters)
  test(named(`${title} is added from one host, and every page of it can be read`), async () => {
    const { page } = launched;
    await page.getByRole("button", { name: "Fleet" }).click();
    await page.getByRole("button", { name: "Add a cluster" }).click();
    await page.getByLabel("One host of the cluster").fill(seed);
    await page.getByRole("button", { name: "Find the cluster" }).click();
    const found = page.getByRole("group", { name: new RegExp(`^Found: ${title} with`) });
    await found.getByLabel("Name", { exact: true }).fill(`every ${title}`);
    await found.getByRole("button", { name: "Keep", exact: true }).click();
    await page
      .getByRole("row", { name: new RegExp(`every ${title}`) })
      .getByRole("button")
      .click();
    // Each member's role is read before the page is looked at; a busy machine is itself worth a finding.
    const rows = page.getByRole("table").filter({ hasText: "Role" }).locator("tbody").getByRole("row");
    await expect(rows).toHaveCount(members);
    await expect(rows.locator("td:nth-of-type(2)").getByText("not known")).toHaveCount(0);
    await picture(page, `engine-${seed}-health`);
    expect(await accessibilityProblems(page)).toEqual([]);
    for (const tab of ["Balance", "Consistency", "Logs", "Recovery"]) {
      await page.getByRole("tab", { name: tab }).click();
      await expect(page.getByRole("tabpanel").getByRole("heading").first().or(page.getByRole("log"))).toBeVisible();
      await picture(page, `engine-${seed}-${tab.toLowerCase()}`);
      expect(await accessibilityProblems(page)).toEqual([]);
    }
  });
