import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { recover } from "../demo/walk";
import { accessibilityProblems } from "./accessibility";
import { picture } from "./launch";
import { oneWorld } from "./world";

const world = oneWorld();

test("the window is locked: no node, no other origin, no new window, no permission", async () => {
  const { app, page } = world();
  expect(page.url()).toBe("app://evenkeel/index.html");
  const found = await page.evaluate(async () => ({
    node: typeof (globalThis as { require?: unknown }).require,
    bridge: Object.keys(window.evenkeel).sort(),
    opened: window.open("https://example.org") === null,
    notifications: await Notification.requestPermission(),
  }));
  expect(found).toEqual({ node: "undefined", bridge: ["on", "request"], opened: true, notifications: "denied" });
  const asked = await page.evaluate(() => window.evenkeel.request["cluster:read"]({ clusterId: 7 as never }));
  expect(asked).toMatchObject({ ok: false, kind: "argument-refused" });
  expect(await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
});

test("a cluster is added from one host", async () => {
  const { page } = world();
  await picture(page, "1-empty-fleet");
  await page.getByRole("button", { name: "Add a cluster" }).click();
  await page.getByLabel("One host of the cluster").fill("keel-1");
  await page.getByRole("button", { name: "Find the cluster" }).click();
  await expect(page.getByText("keel-1, keel-2, keel-3")).toBeVisible();
  await page.getByLabel("Name", { exact: true }).fill("demo");
  await picture(page, "2-found");
  await page.getByRole("button", { name: "Keep", exact: true }).click();
  await page.getByRole("row", { name: /demo/ }).getByRole("button").click();
  // Not by an empty list of findings: a busy test machine is itself worth one.
  await expect(page.getByRole("button", { name: "primary", exact: true })).toBeVisible();
  await expect(page.getByRole("button", { name: "standby", exact: true })).toHaveCount(2);
  await picture(page, "3-healthy");
});

test("balance and consistency show every member's word", async () => {
  const { page } = world();
  await page.getByRole("tab", { name: "Balance" }).click();
  await expect(page.getByRole("heading", { name: "Connections" })).toBeVisible();
  await picture(page, "4-balance");
  await page.getByRole("tab", { name: "Consistency" }).click();
  await expect(page.getByText("All agree")).toHaveCount(3);
  await picture(page, "5-consistency");
  expect(await accessibilityProblems(page)).toEqual([]);
});

test("the logs are read, merged, explained and filtered", async () => {
  const { page } = world();
  await page.getByRole("tab", { name: "Logs" }).click();
  await expect(page.getByText("The server accepts connections.").first()).toBeVisible();
  await picture(page, "5-logs");
  await page.getByLabel("Lines that contain").fill("no line says this");
  await expect(page.getByText("No line matches.")).toBeVisible();
});

test("a killed primary is critical, fails over, and rejoins", async () => {
  const { page, lab } = world();
  await page.getByRole("tab", { name: "Health" }).click();
  await lab.killPrimary();
  await expect(page.getByText("No server accepts writes. Gone: keel-1.")).toBeVisible();
  await picture(page, "6-critical");
  expect(await accessibilityProblems(page)).toEqual([]);
  await recover(page, "Fail over keel-2", () => picture(page, "7-plan"));
  await expect.poll(async () => (await lab.primary())?.name).toBe("keel-2");
  await page.getByLabel("What was seen").fill("keel-2 took over");
  await page.getByRole("button", { name: "I have looked at it" }).click();
  await recover(page, "Rejoin as standby keel-1", () => picture(page, "8-rejoin-plan"));
  await picture(page, "9-runs");
  await page.getByRole("tab", { name: "Health" }).click();
  await expect(page.getByRole("button", { name: "standby", exact: true })).toHaveCount(2);
  await expect(page.getByRole("img", { name: /^CPU busy, keel-1: lowest / })).toBeVisible();
  await expect(page.getByRole("img", { name: /^Connections, keel-3: lowest / })).toBeVisible();
  await expect(page.getByRole("img", { name: /^Health: .*Critical/ })).toBeVisible();
  await picture(page, "10-after");
});

test("the report tells the story", async () => {
  const { app, page, directory } = world();
  const path = join(directory, "demo.html");
  await app.evaluate(({ dialog }, chosen) => {
    dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath: chosen });
  }, path);
  await page.getByRole("tab", { name: "Report" }).click();
  await page.getByRole("button", { name: "Export HTML" }).click();
  await expect(page.getByText(`Written: ${path}`)).toBeVisible();
  const html = readFileSync(path, "utf8");
  for (const told of ["Fail over", "Rejoin as standby", "pg_ctl promote"]) expect(html).toContain(told);
});

test("settings change the language and the colours at once", async () => {
  const { page } = world();
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByText("Dark", { exact: true }).click();
  await page.getByText("简体中文").click();
  await expect(page.getByRole("heading", { name: "设置" })).toBeVisible();
  await page.getByRole("button", { name: /demo/ }).click();
  await expect(page.getByRole("heading", { name: "发现" })).toBeVisible();
  await picture(page, "11-dark-chinese");
  expect(await accessibilityProblems(page)).toEqual([]);
});

test("a core that is killed takes nothing of the window with it and comes back", async () => {
  const { app, page } = world();
  const pid = await app.evaluate(
    ({ app: shell }) => shell.getAppMetrics().find(({ name }) => name === "Evenkeel core")?.pid ?? -1,
  );
  expect(pid).toBeGreaterThan(0);
  process.kill(pid, "SIGKILL");
  await expect(page.getByText("核心已停止")).toBeVisible();
  await expect(page.getByText("核心已停止")).toBeHidden();
  await expect(page.getByRole("heading", { name: "发现" })).toBeVisible();
});
