import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, type Page } from "@playwright/test";
import { startEmbeddedCluster, type EmbeddedCluster } from "../lab/embedded/embedded-cluster";
import { launchApp, type Launched } from "./launch";

/** A real cluster, and the app that is started on it with an empty directory of its own. */
export interface World extends Launched {
  readonly lab: EmbeddedCluster;
  /** The app's. */
  readonly directory: string;
}

/** One world for all tests of a file, which tell one story in their order; read it inside a test. */
export function oneWorld(): () => World {
  test.describe.configure({ mode: "serial" });
  let world: World | null = null;
  test.beforeAll(async () => {
    const lab = await startEmbeddedCluster();
    const directory = mkdtempSync(join(tmpdir(), "evenkeel-app-"));
    world = { lab, directory, ...(await launchApp(directory, lab.sshConfigPath)) };
  });
  test.afterAll(async () => {
    if (world === null) return;
    await world.app.close();
    await world.lab.stop();
    rmSync(world.directory, { recursive: true, force: true });
  });
  return () => {
    if (world === null) throw new Error("the world is there inside a test only");
    return world;
  };
}

/** From an empty fleet to the page of the cluster behind keel-1, kept as "demo". */
export async function addDemo(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Add a cluster" }).click();
  await page.getByLabel("One host of the cluster").fill("keel-1");
  await page.getByRole("button", { name: "Find the cluster" }).click();
  await page.getByLabel("Name", { exact: true }).fill("demo");
  await page.getByRole("button", { name: "Keep", exact: true }).click();
  await openDemo(page);
}

export async function openDemo(page: Page): Promise<void> {
  await page.getByRole("row", { name: /demo/ }).getByRole("button").click();
  await expect(page.getByRole("heading", { name: "demo" })).toBeVisible();
}
