import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";
import { launchApp, picture, type Launched } from "./launch";

test.describe.configure({ mode: "serial" });

let launched: Launched;
let directory: string;

test.beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-import-app-"));
  writeFileSync(join(directory, "config"), "Host bastion\n");
  launched = await launchApp(directory, join(directory, "config"));
});

test.afterAll(async () => {
  await launched.app.close();
  rmSync(directory, { recursive: true, force: true });
});

/** The desktop's own dialog stands outside the window; what it would give is put in its place. */
async function chosen(path: string | null): Promise<void> {
  await launched.app.evaluate(({ dialog }, file) => {
    dialog.showOpenDialog = () => Promise.resolve({ canceled: file === null, filePaths: file === null ? [] : [file] });
  }, path);
}

function kept(): string {
  return readFileSync(join(directory, "hosts.json"), "utf8");
}

test("an import is shown first and changes nothing until it is accepted, by keyboard alone", async () => {
  const { page } = launched;
  const path = join(directory, "hosts");
  writeFileSync(path, "[db]\ndb[01:03] ansible_user=ops\nold ansible_port=22\n");
  await chosen(path);
  await page.getByRole("button", { name: "Import hosts" }).press("Enter");
  await expect(page.getByRole("button", { name: "Choose a file…" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("region", { name: "New", exact: true })).toContainText("ops@db03");
  expect(() => kept()).toThrow("ENOENT");
  await page.getByRole("button", { name: "Apply to 4 hosts" }).press("Enter");
  await expect(page.getByText("Applied: 4 new, 0 changed, 0 removed.")).toBeVisible();
  expect(kept()).toContain("db02");
});

test("a second look shows what is new, changed, gone, not read and not taken over, with file and line", async () => {
  const { page } = launched;
  const path = join(directory, "hosts");
  writeFileSync(
    path,
    `[db]
db[01:02] ansible_user=root ansible_ssh_common_args='-J bastion -o StrictHostKeyChecking=no'
db04 ansible_host=10.0.0.4
sealed ansible_user="{{ vaulted }}"
local ansible_connection=local
`,
  );
  await page.getByRole("button", { name: "Choose a file…" }).press("Enter");
  await expect(page.getByRole("region", { name: "Changed" })).toContainText("user: ops → root");
  await expect(page.getByRole("region", { name: "No longer in the file" })).toContainText("will be removed");
  await expect(page.getByRole("region", { name: "Not read" })).toContainText(`${path}:4`);
  await expect(page.getByRole("region", { name: "Not taken over" })).toContainText("StrictHostKeyChecking");
  await picture(page, "12-import");
  // The dialog fades in; contrast is measured when it has.
  await page.waitForTimeout(300);
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  expect(violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html ?? ""}`)).toEqual([]);
});

test("a closed dialog leaves what was shown, and a file without hosts says what is in the way", async () => {
  const { page } = launched;
  await chosen(null);
  await page.getByRole("button", { name: "Choose a file…" }).press("Enter");
  await expect(page.getByRole("region", { name: "Changed" })).toBeVisible();
  const table = join(directory, "broken.csv");
  writeFileSync(table, "rack,owner\nr1,me\n");
  await chosen(table);
  await page.getByRole("button", { name: "Choose a file…" }).press("Enter");
  await expect(page.getByText("No host could be read from this file.")).toBeVisible();
  await picture(page, "13-import-unread");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("imported hosts can be picked for a cluster, and all is said in Chinese too", async () => {
  const { page } = launched;
  await page.getByRole("button", { name: "Add a cluster" }).click();
  await expect(page.getByLabel("Or pick one from ssh_config").getByRole("option", { name: "db01" })).toHaveCount(1);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByText("简体中文").click();
  await page.getByRole("navigation").getByRole("button").first().click();
  await chosen(join(directory, "hosts"));
  await page.getByRole("button", { name: "导入主机" }).click();
  await page.getByRole("button", { name: "选择文件…" }).click();
  await expect(page.getByRole("region", { name: "未能读取" })).toContainText("ansible_user 是模板");
  await picture(page, "14-import-zh");
});
