import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import type { Cluster } from "../../contract/inventory";
import { systemClock } from "../../main/clock";
import { openJournal } from "../../main/recovery/journal";
import { world } from "../recovery/world";
import { launchApp, type Launched } from "./launch";
import { looked } from "./look";

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
  const choose = page.getByRole("button", { name: "Choose a file…" });
  await expect(choose).toBeFocused();
  await looked(page, "12-import-empty");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("region", { name: "New", exact: true })).toContainText("ops@db03");
  expect(() => kept()).toThrow("ENOENT");
  await expect(choose).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Apply these changes" })).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Close" })).toBeFocused();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Applied: 4 new, 0 changed, 0 removed.")).toBeVisible();
  expect(kept()).toContain("db02");
  await expect(choose).toBeFocused();
  await looked(page, "12-import-done");
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
  await expect(page.getByText("1 new, 2 changed, 2 to be removed, 0 as before")).toBeVisible();
  await looked(page, "12-import-changes");
});

test("a closed dialog leaves what was shown, and a file that waits says so", async () => {
  const { page } = launched;
  await chosen(null);
  await page.getByRole("button", { name: "Choose a file…" }).press("Enter");
  await expect(page.getByRole("region", { name: "Changed" })).toBeVisible();
  await launched.app.evaluate(({ dialog }) => {
    dialog.showOpenDialog = () => new Promise(() => undefined);
  });
  await page.getByRole("button", { name: "Choose a file…" }).press("Enter");
  await expect(page.getByText("Waiting for a file, and reading it…")).toBeVisible();
  await expect(page.getByRole("button", { name: "Apply these changes" })).toBeDisabled();
  await looked(page, "12-import-reading");
  // Whoever gives up waiting finds the dialog empty again, and the cursor where it was.
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Import hosts" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Choose a file…" })).toBeFocused();
  await expect(page.getByRole("region", { name: "Changed" })).toHaveCount(0);
});

test("a file without hosts says what is in the way, and one that changes nothing says that", async () => {
  const { page } = launched;
  const table = join(directory, "broken.csv");
  writeFileSync(table, "rack,owner\nr1,me\n");
  await chosen(table);
  await page.keyboard.press("Enter");
  await expect(page.getByText("No host could be read from this file.")).toBeVisible();
  await looked(page, "12-import-unread");
  const path = join(directory, "same.csv");
  writeFileSync(path, "name,user,groups\nweb1,ops,web\n");
  await chosen(path);
  for (const button of ["Choose a file…", "Apply these changes", "Choose a file…"])
    await page.getByRole("button", { name: button }).press("Enter");
  await expect(page.getByText("Nothing would change. 1 as before.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Apply these changes" })).toHaveCount(0);
  await looked(page, "12-import-same");
  await page.keyboard.press("Escape");
});

test("imported hosts can be picked for a cluster", async () => {
  const { page } = launched;
  await page.getByRole("button", { name: "Add a cluster" }).click();
  await expect(page.getByLabel("Or pick one from ssh_config").getByRole("option", { name: "db01" })).toHaveCount(1);
  await page.keyboard.press("Escape");
});

test("while a recovery is owed an answer nothing is imported, and the dialog says on which cluster", async () => {
  await launched.app.close();
  await leaveRecovery(join(directory, "recovering"));
  launched = await launchApp(join(directory, "recovering"), join(directory, "config"));
  const { page } = launched;
  await expect(page.getByRole("tab", { name: "Recovery" })).toBeVisible();
  await page.getByRole("navigation").getByRole("button", { name: "Fleet" }).click();
  const path = join(directory, "one.csv");
  writeFileSync(path, "name,user\nweb1,ops\n");
  await chosen(path);
  await page.getByRole("button", { name: "Import hosts" }).press("Enter");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Apply these changes" }).press("Enter");
  await expect(page.getByRole("alert")).toContainText("A recovery is under way on orders. Nothing was changed");
  await expect(page.getByRole("region", { name: "New", exact: true })).toContainText("ops@web1");
  expect(() => readFileSync(join(directory, "recovering", "hosts.json"))).toThrow("ENOENT");
  await looked(page, "12-import-refused");
});

/** What a kill during a recovery leaves on disk: the step was sent, and nothing more is known. */
async function leaveRecovery(at: string): Promise<void> {
  const here = world([{ name: "a", undo: "by" }]);
  await here.run();
  const journal = openJournal(join(at, "journal.log"), systemClock);
  const sent = here.journal.lines.filter(({ steps }) => steps.some(({ state }) => state === "sent"));
  for (const run of sent) journal.write(run);
  journal.close();
  const cluster: Cluster = {
    clusterId: here.last().clusterId,
    name: "orders",
    engine: "postgresql",
    nodes: [{ node: "db1", login: { host: "127.0.0.1", port: 1 } }],
    members: [
      {
        member: "db1",
        node: "db1",
        settings: { port: 5432, host: "127.0.0.1", dataDirectory: "/data", binDirectory: "/bin" },
      },
    ],
    addedAt: 0,
  };
  writeFileSync(join(at, "inventory.json"), JSON.stringify([cluster]));
}
