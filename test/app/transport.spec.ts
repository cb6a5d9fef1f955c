import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import type { Cluster } from "../../contract/inventory";
import { picture } from "./launch";
import { looked } from "./look";
import { oneWorld } from "./world";

const world = oneWorld();

const kept = (): Cluster | undefined =>
  (JSON.parse(readFileSync(join(world().directory, "inventory.json"), "utf8")) as Cluster[])[0];
const transportsKept = (): readonly unknown[] | undefined => kept()?.nodes.map(({ login }) => login.transport);

test("a cluster is added over the transport chosen by hand, which is kept with each of its hosts", async () => {
  const { page } = world();
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
  expect(transportsKept()).toEqual(["system", "system", "system"]);
});

test("the hosts of a cluster say which client reaches them and why", async () => {
  const { page } = world();
  await page.getByRole("navigation").getByRole("button").nth(1).click();
  await expect(page.getByText("Reached by the system's ssh, chosen by hand")).toHaveCount(3);
  await page.getByText("Reached by the system's ssh, chosen by hand").last().scrollIntoViewIfNeeded();
  await looked(page, "13-transport-hosts");
});

test("how a kept host is reached is changed beside it, by the keyboard alone", async () => {
  const { page } = world();
  await page.getByRole("button", { name: "Change login of keel-2" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Change login of keel-2" })).toBeVisible();
  const client = page.getByLabel("Reached by");
  await expect(client).toHaveValue("system");
  await expect(page.getByRole("button", { name: "Save and reconnect" })).toBeDisabled();
  await looked(page, "13-transport-change");
  await expect(client).toBeFocused();
  await page.keyboard.press("ArrowUp");
  await expect(client).toHaveValue("built-in");
  await expect(page.getByText("Never the system's ssh")).toBeVisible();
  for (let tabs = 0; tabs < 4; tabs += 1) await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Save and reconnect" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByText("Reached by the built-in client, chosen by hand")).toHaveCount(1);
  await expect(page.getByText("Reached by the system's ssh, chosen by hand")).toHaveCount(2);
  // Where it was opened from, so that the next host is one step away.
  await expect(page.getByRole("button", { name: "Change login of keel-2" })).toBeFocused();
  expect(transportsKept()).toEqual(["system", "built-in", "system"]);
});

test("what is changed for every host of a cluster leaves the rest of each as it is", async () => {
  const { page } = world();
  await page.getByRole("button", { name: "Change login of keel-1" }).click();
  await page.getByLabel("User (optional)").fill("nobody-here");
  await page.getByRole("button", { name: "Save and reconnect" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.getByRole("button", { name: "Change login of keel-1" }).click();
  await expect(page.getByLabel("User (optional)")).toHaveValue("nobody-here");
  await page.getByLabel("Reached by").selectOption({ label: "Automatic" });
  await page.getByLabel("For every host of this cluster").check();
  await page.getByRole("button", { name: "Save and reconnect" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByText("Reached by the built-in client", { exact: true })).toHaveCount(2);
  // Nobody of that name may log in, so how it is reached is what is configured, and said to be.
  const asConfigured = "No connection is open; as configured, when last tried: Reached by the built-in client";
  await expect(page.getByText(asConfigured, { exact: true })).toHaveCount(1);
  expect(transportsKept()).toEqual([undefined, undefined, undefined]);
  expect(kept()?.nodes.map(({ login }) => login.user)).toEqual(["nobody-here", undefined, undefined]);
});
