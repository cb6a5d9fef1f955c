import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { expect, test, type Page } from "@playwright/test";
import { freePort } from "../lab/free-port";
import { startKeyring, whyNoKeyring, type Keyring } from "../lab/keyring";
import { startSshd, type Sshd } from "../lab/sshd";
import { electronProgram } from "../setup/electron-runtime.mjs";
import { accessibilityProblems } from "./accessibility";
import { attachTo, launchApp, picture, type Attached } from "./launch";

test.describe.configure({ mode: "serial" });

const passphrase = "a passphrase nobody would guess";
const patient = { timeout: 60_000 };
let directory: string;
let key: string;
let sshConfig: string;
let sshd: Sshd;

test.beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-kept-"));
  key = join(directory, "id");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-f", key]);
  const port = await freePort(["127.0.0.1"]);
  sshd = await startSshd({
    directory: join(directory, "sshd"),
    address: "127.0.0.1",
    port,
    authorizedKeys: [readFileSync(`${key}.pub`, "utf8").trim()],
  });
  writeFileSync(join(directory, "known_hosts"), sshd.hostKeys.map((line) => `[127.0.0.1]:${port} ${line}\n`).join(""));
  sshConfig = join(directory, "ssh_config");
  writeFileSync(
    sshConfig,
    `Host db-1
  HostName 127.0.0.1
  Port ${port}
  User ${userInfo().username}
  IdentityFile ${key}
  IdentitiesOnly yes
  UserKnownHostsFile ${join(directory, "known_hosts")}
`,
  );
});

test.afterAll(async () => {
  await sshd.stop();
  rmSync(directory, { recursive: true, force: true });
});

const logins = (): number => sshd.log().split("Accepted publickey").length - 1;

async function askFor(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Add a cluster" }).click();
  await page.getByLabel("One host of the cluster").fill("db-1");
  await page.getByRole("button", { name: "Find the cluster" }).click();
}

const question = (page: Page) => page.getByRole("dialog", { name: /^Passphrase of / });

async function reply(page: Page, text: string): Promise<void> {
  await question(page)
    .getByLabel(/^Passphrase of /)
    .fill(text);
  await question(page).getByRole("button", { name: "Answer" }).click();
}

async function openSettings(page: Page): Promise<void> {
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.getByRole("button", { name: "Settings" }).click();
  await expect(page.getByRole("heading", { name: "Kept passwords" })).toBeVisible();
}

// A question above another dialog: each brings a header of its own.
const stacked = ["landmark-no-duplicate-banner", "landmark-unique"];

async function inTheDark(page: Page, name: string): Promise<void> {
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await accessibilityProblems(page, stacked)).toEqual([]);
  await picture(page, name);
  await page.emulateMedia({ colorScheme: null });
}

/** Everything below a directory, and what a program said, in one text. */
function textBelow(path: string): string {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}

function expectNoSecretIn(text: string): void {
  const bytes = Buffer.from(passphrase);
  const forms = [passphrase, bytes.toString("hex"), encodeURIComponent(passphrase), bytes.toString("utf16le")];
  for (const form of [...forms, ...[0, 1, 2].map((skip) => bytes.subarray(skip).toString("base64").slice(0, 16))])
    expect(text.includes(form)).toBe(false);
}

test("where the desktop's key storage protects nothing, nothing is kept and the reason is said", async () => {
  const userData = join(directory, "without");
  // Playwright starts Electron with the storage whose key is public.
  const { app, page } = await launchApp(userData, sshConfig);
  try {
    await askFor(page);
    await expect(question(page).getByText("Nothing can be kept here")).toBeVisible(patient);
    await expect(question(page).getByRole("checkbox")).toHaveCount(0);
    expect(await accessibilityProblems(page, stacked)).toEqual([]);
    await picture(page, "secrets-not-kept");
    const before = logins();
    await expect(question(page).getByLabel(/^Passphrase of /)).toBeFocused();
    await page.keyboard.type(passphrase);
    await page.keyboard.press("Enter");
    await expect.poll(logins, patient).toBeGreaterThan(before);
    await page.keyboard.press("Escape");
    await openSettings(page);
    await expect(page.getByText("Nothing is kept.")).toBeVisible();
    await expect(page.getByText("Nothing can be kept here")).toBeVisible();
    // Whatever a view sends, the core keeps nothing.
    const refused = await page.evaluate(() =>
      (
        window as never as { evenkeel: { request: Record<string, (taken: unknown) => Promise<unknown>> } }
      ).evenkeel.request["secrets:read"]?.(undefined),
    );
    expect(refused).toMatchObject({ ok: true, value: { storage: { kind: "none" }, kept: [] } });
    expect(existsSync(join(userData, "secrets.json"))).toBe(false);
    expectNoSecretIn(textBelow(userData));
  } finally {
    await app.close();
  }
});

/** Starts the app as a desktop would, on a keyring: what Playwright starts itself is told to use none. */
async function startOn(keyring: Keyring, userData: string): Promise<Attached> {
  const asRoot = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const child = spawn(electronProgram(), ["--remote-debugging-port=0", ...asRoot, "."], {
    env: { ...process.env, ...keyring.environment, EVENKEEL_USER_DATA: userData, EVENKEEL_SSH_CONFIG: sshConfig },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const attached = await attachTo(child);
  await expect(attached.page.getByRole("heading", { name: "Fleet" })).toBeVisible(patient);
  return attached;
}

test.describe("on a desktop with a keyring", () => {
  const why = whyNoKeyring();
  test.skip(why !== null && process.env["CI"] !== "true", why ?? "");
  let keyring: Keyring;
  let userData: string;
  let started: Attached | null = null;
  test.beforeAll(async () => {
    keyring = await startKeyring(join(directory, "desktop"));
    userData = join(directory, "with");
  });
  test.afterEach(async () => {
    const said = started?.said() ?? "";
    await started?.stop();
    started = null;
    expectNoSecretIn(textBelow(userData) + said);
  });
  test.afterAll(() => keyring.stop());

  test("a passphrase the person chose to keep is not kept when it is wrong", async () => {
    started = await startOn(keyring, userData);
    const { page } = started;
    await askFor(page);
    for (const again of [false, true]) {
      if (again) await expect(question(page).getByText("The last answer was wrong")).toBeVisible(patient);
      await question(page)
        .getByRole("checkbox", { name: /^Keep it/ })
        .check(patient);
      await reply(page, "wrong");
    }
    await expect(page.getByText(/is wrong\. db-1 was not logged in to/).first()).toBeVisible(patient);
    await page.keyboard.press("Escape");
    await openSettings(page);
    await expect(page.getByText("Nothing is kept.")).toBeVisible();
  });

  test("a passphrase the person chose to keep is kept, sealed, and named under Settings", async () => {
    started = await startOn(keyring, userData);
    const { page } = started;
    await askFor(page);
    await question(page)
      .getByRole("checkbox", { name: /^Keep it in this desktop's key storage/ })
      .check(patient);
    expect(await accessibilityProblems(page, stacked)).toEqual([]);
    await picture(page, "secrets-question");
    await inTheDark(page, "secrets-question-dark");
    const before = logins();
    await reply(page, passphrase);
    await expect.poll(logins, patient).toBeGreaterThan(before);
    await page.keyboard.press("Escape");
    await openSettings(page);
    await expect(page.getByText(`Passphrase of ${key}`)).toBeVisible();
    expect(await accessibilityProblems(page, stacked)).toEqual([]);
    await page.getByRole("heading", { name: "Kept passwords" }).scrollIntoViewIfNeeded();
    await picture(page, "secrets-settings");
    await inTheDark(page, "secrets-settings-dark");
  });

  test("the next start asks nothing", async () => {
    started = await startOn(keyring, userData);
    const before = logins();
    await askFor(started.page);
    await expect.poll(logins, patient).toBeGreaterThan(before);
    await expect(question(started.page)).toHaveCount(0);
  });

  test("on another desktop it is told that it cannot be opened, asked for, and nothing is lost", async () => {
    const other = await startKeyring(join(directory, "other desktop"));
    const file = readFileSync(join(userData, "secrets.json"), "utf8");
    try {
      started = await startOn(other, userData);
      const { page } = started;
      await openSettings(page);
      await expect(page.getByText("was sealed by another key storage")).toBeVisible();
      await page.getByRole("heading", { name: "Kept passwords" }).scrollIntoViewIfNeeded();
      await picture(page, "secrets-foreign");
      await page.getByRole("button", { name: "Fleet" }).first().click();
      await askFor(page);
      await expect(question(page)).toBeVisible(patient);
      await question(page).getByRole("button", { name: "Refuse" }).last().click();
      expect(readFileSync(join(userData, "secrets.json"), "utf8")).toBe(file);
    } finally {
      await started?.stop();
      started = null;
      await other.stop();
    }
  });

  test("one that turns out wrong is asked for and forgotten", async () => {
    execFileSync("ssh-keygen", ["-q", "-p", "-f", key, "-P", passphrase, "-N", `${passphrase} anew`]);
    started = await startOn(keyring, userData);
    const { page } = started;
    await askFor(page);
    await expect(question(page)).toBeVisible(patient);
    const before = logins();
    await reply(page, `${passphrase} anew`);
    await expect.poll(logins, patient).toBeGreaterThan(before);
    await page.keyboard.press("Escape");
    await openSettings(page);
    await expect(page.getByText("Nothing is kept.")).toBeVisible();
  });

  test("what is kept is forgotten under Settings, and asked for at the next start", async () => {
    started = await startOn(keyring, userData);
    const { page } = started;
    await askFor(page);
    await question(page)
      .getByRole("checkbox", { name: /^Keep it/ })
      .check(patient);
    const before = logins();
    await reply(page, `${passphrase} anew`);
    await expect.poll(logins, patient).toBeGreaterThan(before);
    await page.keyboard.press("Escape");
    await openSettings(page);
    await page.getByRole("button", { name: `Forget: Passphrase of ${key}` }).click();
    await expect(page.getByText("Nothing is kept.")).toBeVisible();
    expect(textBelow(userData)).not.toContain(key);
    await started.stop();
    started = await startOn(keyring, userData);
    await askFor(started.page);
    await expect(question(started.page)).toBeVisible(patient);
  });
});
