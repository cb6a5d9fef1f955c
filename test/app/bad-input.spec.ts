import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, type Locator, type Page } from "@playwright/test";
import { makeTrouble, victim, type Trouble } from "../core/trouble";
import { startEmbeddedCluster, type EmbeddedCluster } from "../lab/embedded/embedded-cluster";
import { accessibilityProblems } from "./accessibility";
import { launchApp, picture } from "./launch";
import { prefer } from "./look";
import { addDemo, openDemo } from "./world";

// One thing is wrong with one node of a real cluster; the window says what, the rest stays readable, and nothing missing is green or zero.
let lab: EmbeddedCluster;
let directory: string;
let trouble: Trouble;

test.beforeAll(async () => {
  lab = await startEmbeddedCluster();
  directory = mkdtempSync(join(tmpdir(), "evenkeel-bad-app-"));
  trouble = makeTrouble(lab, directory);
  await opened(addDemo);
});
test.afterEach(() => trouble.takeBack());
test.afterAll(async () => {
  await lab.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** The app, started anew: whatever is wrong with the way to a node was so before it was first asked. */
async function opened(use: (page: Page) => Promise<void>): Promise<void> {
  const { app, page } = await launchApp(join(directory, "data"), trouble.config);
  try {
    await use(page);
  } finally {
    await app.close();
  }
}

interface Told {
  readonly name: string;
  readonly en: RegExp;
  readonly zh: RegExp;
  /** Of the victim: what its badge says in the table of the members. */
  readonly level: "Unknown" | "Degraded";
  readonly isHostRead: boolean;
}

async function expectTold(page: Page, told: Told): Promise<void> {
  await openDemo(page);
  await expect(page.getByText(told.en)).toBeVisible();
  await picture(page, `14-${told.name}-en`);
  await page.getByRole("heading", { name: "History" }).scrollIntoViewIfNeeded();
  await picture(page, `14-${told.name}-members`);
  await expectOnHealth(page, told);
  await prefer(page, { language: "zh-CN", colours: "light" });
  await expect(page.getByText(told.zh)).toBeVisible();
  await page.getByRole("heading", { name: "发现" }).scrollIntoViewIfNeeded();
  await picture(page, `14-${told.name}-zh`);
  await prefer(page, { language: "en", colours: "light" });
}

async function expectOnHealth(page: Page, { level, isHostRead }: Told): Promise<void> {
  const members = page.getByRole("table").nth(0);
  const hosts = page.getByRole("table").nth(1);
  for (const node of ["keel-1", "keel-2"]) {
    await expectRead(rowOf(members, node), 8);
    await expectRead(rowOf(hosts, node), 5);
  }
  await expectNothingMadeUp(rowOf(members, victim), level);
  if (isHostRead) await expectRead(rowOf(hosts, victim), 5);
  else await expectNothingMadeUp(rowOf(hosts, victim), "Unknown");
  await expect(rowOf(hosts, victim)).toContainText(isHostRead ? "answers" : "not reachable from here");
}

const rowOf = (table: Locator, node: string): Locator =>
  table.getByRole("row").filter({ has: table.page().getByRole("rowheader", { name: node }) });

/** A primary is behind of nobody, and a rate needs two readings; the rest is there at once. */
async function expectRead(row: Locator, least: number): Promise<void> {
  await expect(row.getByRole("button", { name: /\d|primary|standby/ }).nth(least - 1)).toBeVisible();
}

async function expectNothingMadeUp(row: Locator, level: string): Promise<void> {
  await expect(row.getByText(level, { exact: true })).toBeVisible();
  await expect(row.getByText("not known")).not.toHaveCount(0);
  const cells = (await row.getByRole("cell").allInnerTexts()).map((text) => text.trim());
  expect(cells.filter((text) => /^0(?:\D|$)/.test(text))).toEqual([]);
  const [own, green] = await row.locator(".mantine-Badge-root").evaluate((badge) => {
    const colour = getComputedStyle(badge).backgroundColor;
    (badge as HTMLElement).style.background = "var(--mantine-color-teal-light)";
    const ofHealthy = getComputedStyle(badge).backgroundColor;
    (badge as HTMLElement).style.background = "";
    return [colour, ofHealthy];
  });
  expect(own).not.toBe(green);
}

test("a host where nothing listens", async () => {
  trouble.configure("Port 1");
  await opened(async (page) => {
    await expectTold(page, {
      name: "unreachable",
      en: /127\.0\.0\.\d+ answers, but refuses connections on port 1\. Check that sshd runs on keel-3/,
      zh: /拒绝端口 1 上的连接。请检查 keel-3 上的 sshd/,
      level: "Unknown",
      isHostRead: false,
    });
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole("button", { name: "Fleet" }).click();
    await expect(
      page.getByRole("row", { name: /demo.*keel-3 cannot be reached from this desktop.*2 \/ 3/ }),
    ).toBeVisible();
    await picture(page, "14-unreachable-fleet");
  });
});

test("a key that the host does not take", async () => {
  trouble.useKey(trouble.strangerKey());
  await opened((page) =>
    expectTold(page, {
      name: "key-refused",
      en: /keel-3 refused every login of \S+ that was tried; it takes: publickey.*Check the user, the keys/,
      zh: /keel-3 拒绝了 \S+ 的所有登录尝试；它接受：publickey.*请检查/,
      level: "Unknown",
      isHostRead: false,
    }),
  );
});

test("a host whose key has changed: no button leads past it", async () => {
  trouble.changeHostKey();
  await opened(async (page) => {
    await expectTold(page, {
      name: "host-key-changed",
      en: /The host key of keel-3 has changed\..*No connection is made\. Find out why on the host itself/,
      zh: /keel-3 的主机密钥已改变。.*不会建立连接。请在主机本身查明原因/,
      level: "Unknown",
      isHostRead: false,
    });
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(page.locator("button", { hasText: /accept|trust|replace|anyway/i })).toHaveCount(0);
  });
});

test("a key whose passphrase is given wrongly", async () => {
  trouble.useKey(trouble.lockedKey());
  await opened(async (page) => {
    const question = page.getByRole("dialog", { name: /^Passphrase of / });
    const answer = question.getByLabel(/^Passphrase of /);
    for (const attempt of [1, 2]) {
      await expect(answer).toHaveValue("");
      await expect(question.getByText("The last answer was wrong.")).toHaveCount(attempt - 1);
      if (attempt === 2) {
        await picture(page, "14-passphrase-asked-again");
        expect(await accessibilityProblems(page)).toEqual([]);
      }
      await answer.fill("wrong");
      await question.getByRole("button", { name: "Answer" }).click();
    }
    await expect(question).toHaveCount(0);
    await expectTold(page, {
      name: "passphrase-wrong",
      en: /passphrase.*locked/,
      zh: /口令/,
      level: "Unknown",
      isHostRead: false,
    });
  });
});

test("a login shell that prints before it answers: all is read as ever", async () => {
  test.skip(process.getuid?.() !== 0, "the login shell of one's own account is left alone");
  trouble.useShell("/bin/bash");
  trouble.write(".bashrc", "echo noise of a start file\n");
  await opened(async (page) => {
    await openDemo(page);
    await expect(page.getByRole("button", { name: "standby", exact: true })).toHaveCount(2);
    await expect(page.getByText(/could not be read|cannot be reached/)).toHaveCount(0);
  });
});

test("a login shell that its start file ends", async () => {
  test.skip(process.getuid?.() !== 0, "the login shell of one's own account is left alone");
  trouble.useShell("/bin/bash");
  trouble.write(".bashrc", `[ "$(hostname)" = ${victim} ] && exit 0\n`);
  await opened((page) =>
    expectTold(page, {
      name: "shell-ended",
      en: /The login shell of keel-3 ended before \/bin\/sh could start: it said nothing\. .*look for exit or exec in/,
      zh: /keel-3 的登录 shell 在 \/bin\/sh 启动之前就结束了：它什么也没有说。.*请检查/,
      level: "Unknown",
      isHostRead: false,
    }),
  );
});

test("a PostgreSQL that refuses the login", async () => {
  trouble.useHostRules("local all all reject\nhost all all all reject\n");
  await opened((page) =>
    expectTold(page, {
      name: "login-refused",
      en: /PostgreSQL on keel-3 refuses the login of \S+: pg_hba\.conf rejects .*\. Check the user, its password and whom/,
      zh: /keel-3 上的 PostgreSQL 拒绝 \S+ 登录：pg_hba\.conf rejects .*请检查该用户/,
      level: "Unknown",
      isHostRead: true,
    }),
  );
});

test("a server that is stopped in mid-air (SIGSTOP)", async () => {
  await opened(async (page) => {
    await openDemo(page);
    await expect(page.getByRole("button", { name: "standby", exact: true })).toHaveCount(2);
    trouble.hang();
    await page.getByRole("button", { name: "Fleet" }).click();
    await expectTold(page, {
      name: "hung",
      en: /The server on keel-3 has a process \(\d+\) and answers nobody/,
      zh: /keel-3 上的服务器有进程（\d+），但对谁都不应答/,
      level: "Degraded",
      isHostRead: true,
    });
  });
});
