import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "@playwright/test";
import { requestNames } from "../../contract/channel-names";
import { electronProgram } from "../setup/electron-runtime.mjs";
import { launchApp, type Launched } from "./launch";

test.describe.configure({ mode: "serial" });

/** As a host might call itself: markup, terminal control, a right-to-left override, an invisible letter. */
const hostile = `<img src=x onerror="document.title='ran'">\u001b[31m\u202Egnp\u200B]8;;x`;

/** What of it must reach no eye and no file as it is. */
const raw = ["\u001b", "\u202e", "\u200b"];

let launched: Launched;
let directory: string;

test.beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-locked-"));
  const settings = { host: hostile, dataDirectory: "/data", binDirectory: "/bin" };
  const cluster = {
    clusterId: "one",
    name: `cluster ${hostile.slice(0, 30)}\u202E`,
    engine: "postgresql",
    nodes: [{ node: hostile, login: { host: "127.0.0.1", port: 1 } }],
    members: [{ member: hostile, node: hostile, settings }],
    addedAt: 0,
  };
  writeFileSync(join(directory, "inventory.json"), JSON.stringify([cluster]));
  writeFileSync(join(directory, "ssh_config"), "");
  launched = await launchApp(directory, join(directory, "ssh_config"));
  await expect(launched.page.getByRole("heading", { name: "Fleet" })).toBeVisible();
});

test.afterAll(async () => {
  await launched.app.close();
  rmSync(directory, { recursive: true, force: true });
});

test("every page has exactly the preferences that lock it", async () => {
  const found = await launched.app.evaluate(({ webContents }) =>
    webContents.getAllWebContents().map((one) => {
      const all = (one as unknown as { getLastWebPreferences(): Record<string, unknown> }).getLastWebPreferences();
      const names = ["sandbox", "contextIsolation", "nodeIntegration", "nodeIntegrationInSubFrames", "webSecurity"];
      const unset = ["webviewTag", "allowRunningInsecureContent", "experimentalFeatures", "enableBlinkFeatures"];
      return Object.fromEntries([...names, ...unset].map((name) => [name, Boolean(all[name])]));
    }),
  );
  expect(found).toEqual([
    {
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      enableBlinkFeatures: false,
    },
  ]);
});

test("injected content does nothing: scripts, eval, remote pictures, forms, frames, requests", async () => {
  const { page } = launched;
  const found = await page.evaluate(async () => {
    const refused = new Set<string>();
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => refused.add(effectiveDirective));
    const put = (markup: string): void => {
      const holder = document.createElement("div");
      holder.innerHTML = markup;
      document.body.append(holder);
    };
    const script = document.createElement("script");
    script.textContent = "document.title = 'ran'";
    document.body.append(script);
    put(`<img src="x:y" onerror="document.title='ran'"><img src="https://example.org/x.png">`);
    put(`<iframe src="https://example.org"></iframe><object data="https://example.org"></object>`);
    put(`<form action="https://example.org"><button></button></form><base href="https://example.org/">`);
    document.querySelector("form button")?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    // The debugger lifts the ban on eval for what it runs itself, but not for what runs later.
    const evaluated = await new Promise<string>((resolve) =>
      setTimeout(() => {
        try {
          resolve(String((0, eval)("1 + 1")));
        } catch (error) {
          resolve((error as Error).name);
        }
      }, 0),
    );
    const fetched = await fetch("https://example.org").then(
      () => "fetched",
      () => "refused",
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    const bridgeInFrame = [...document.querySelectorAll("iframe")].map((frame) => {
      try {
        return typeof (frame.contentWindow as unknown as { evenkeel?: unknown }).evenkeel;
      } catch {
        return "undefined";
      }
    });
    for (const added of document.querySelectorAll("body > div:not(:first-child), body > script")) added.remove();
    return { refused: [...refused].sort(), evaluated, fetched, title: document.title, bridgeInFrame };
  });
  expect(found).toMatchObject({ evaluated: "EvalError", fetched: "refused", bridgeInFrame: ["undefined"] });
  expect(found.title).not.toBe("ran");
  for (const directive of ["script-src-elem", "script-src-attr", "img-src", "connect-src", "base-uri", "form-action"])
    expect(found.refused).toContain(directive);
});

test("nothing leads away from the app or out of it", async () => {
  const { app, page } = launched;
  await app.evaluate(({ shell }) => {
    const counted = globalThis as unknown as { openedOutside: number };
    counted.openedOutside = 0;
    shell.openExternal = () => {
      counted.openedOutside += 1;
      return Promise.resolve();
    };
  });
  const addresses = [
    "https://example.org/",
    "http://127.0.0.1:1/",
    "ws://127.0.0.1:1/",
    "ftp://example.org/",
    "app://evil/index.html",
    "app://evenkeel/other.html",
    "app://evenkeel.evil/index.html",
    "file:///etc/passwd",
    "file://host/share",
    "data:text/html,<script>1</script>",
    "javascript:document.title='ran'",
    "blob:app://evenkeel/1",
    "view-source:app://evenkeel/index.html",
    "chrome://gpu",
    "devtools://devtools/bundled/inspector.html",
    "vscode://file/x",
    "ms-msdt:/id",
    "smb://host/share",
    "ssh://host",
    "mailto:a@example.org",
    "tel:1",
    "evenkeel://run?command=x",
    "search-ms:query=x",
  ];
  for (const address of addresses) {
    await page.evaluate((to) => {
      for (const target of ["_self", "_blank", "_top"]) {
        const anchor = Object.assign(document.createElement("a"), { href: to, target });
        document.body.append(anchor);
        anchor.click();
        anchor.remove();
        window.open(to, target);
      }
    }, address);
  }
  await page.waitForTimeout(300);
  expect(page.url()).toBe("app://evenkeel/index.html");
  // The one address that the engine opens without asking is left again.
  await page.evaluate(() => setTimeout(() => window.open("about:blank", "_self"), 0));
  await page.waitForURL("about:blank");
  await page.waitForURL("app://evenkeel/index.html");
  await expect(page.getByRole("heading", { name: "Fleet" })).toBeVisible();
  expect(await page.title()).not.toBe("ran");
  const after = await app.evaluate(({ BrowserWindow }) => ({
    windows: BrowserWindow.getAllWindows().length,
    opened: (globalThis as unknown as { openedOutside: number }).openedOutside,
  }));
  expect(after).toEqual({ windows: 1, opened: 0 });
});

test("every permission is denied", async () => {
  const { page } = launched;
  const states = await page.evaluate(async () => {
    const names = [
      "geolocation",
      "notifications",
      "camera",
      "microphone",
      "clipboard-read",
      "midi",
      "persistent-storage",
    ];
    const asked = names.map(async (name) => (await navigator.permissions.query({ name: name as "geolocation" })).state);
    const tried = [
      () => navigator.mediaDevices.getUserMedia({ audio: true }),
      () => navigator.mediaDevices.getDisplayMedia(),
      () => navigator.clipboard.readText(),
      () => new Promise((resolve, reject) => navigator.geolocation.getCurrentPosition(resolve, reject)),
      () => (navigator as unknown as { requestMIDIAccess(): Promise<unknown> }).requestMIDIAccess(),
    ].map((attempt) =>
      attempt().then(
        () => "granted",
        () => "refused",
      ),
    );
    return { asked: await Promise.all(asked), tried: await Promise.all(tried) };
  });
  expect(new Set(states.asked)).toEqual(new Set(["denied"]));
  expect(new Set(states.tried)).toEqual(new Set(["refused"]));
});

test("the app's own addresses lead to its own files only", async () => {
  const paths = [
    "../main/index.cjs",
    "..%2fmain%2findex.cjs",
    "%2e%2e/main/index.cjs",
    "..%5cmain%5cindex.cjs",
    "assets/..%2f..%2fmain/index.cjs",
    "....//main/index.cjs",
    "%252e%252e/main/index.cjs",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "index.html%00.js",
    "%",
    "%zz",
    "assets/",
    "\\\\host\\share\\x.js",
    "index.htm",
  ].map((path) => `app://evenkeel/${path}`);
  paths.push("app://evil/index.html", "app://user@evil/index.html", "app://evenkeel:80@evil/index.html");
  const answers = await launched.app.evaluate(
    ({ net }, asked) =>
      Promise.all(
        asked.map((path) =>
          net.fetch(path).then(
            ({ status }) => status,
            () => 404,
          ),
        ),
      ),
    paths,
  );
  expect(answers.map((status, at) => [paths[at], status])).toEqual(paths.map((path) => [path, 404]));
  expect(await launched.app.evaluate(async ({ net }) => (await net.fetch("app://evenkeel/index.html")).status)).toBe(
    200,
  );
});

test("another window with the same bridge is refused", async () => {
  const answer = await launched.app.evaluate(async ({ BrowserWindow }, preload) => {
    const other = new BrowserWindow({ show: false, webPreferences: { preload, sandbox: true } });
    await other.loadURL("app://evenkeel/index.html");
    const told = (await other.webContents.executeJavaScript(`window.evenkeel.request["fleet:read"]()`)) as {
      ok: boolean;
      kind: string;
    };
    other.destroy();
    return told;
  }, resolve("out/preload/index.cjs"));
  expect(answer).toMatchObject({ ok: false, kind: "argument-refused" });
});

test("ten thousand malformed requests change nothing", async () => {
  const { page } = launched;
  const before = await standing();
  const answers = await page.evaluate(async (names) => {
    // A fixed sequence, so that a failure comes again.
    let seed = 20_261_124;
    const next = (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed % below;
    };
    const made = (depth: number): unknown => {
      const kinds: readonly (() => unknown)[] = [
        () => null,
        () => "x".repeat(next(5_000)),
        () => Number.NaN,
        () => next(2 ** 31) - 2 ** 30,
        () => 10n ** 30n,
        () => new Date(0),
        () => new Map([["__proto__", 1]]),
        () => "\u0000\u001b[31m\u202e../../etc/passwd",
        () => (depth > 3 ? 0 : Array.from({ length: next(5) }, () => made(depth + 1))),
        () =>
          depth > 3
            ? 0
            : Object.fromEntries(
                ["clusterId", "__proto__", "constructor", "login", "planId", "answer", "then", "name"]
                  .slice(next(8))
                  .map((key) => [key, made(depth + 1)]),
              ),
      ];
      return kinds[next(kinds.length)]?.();
    };
    const counts: Record<string, number> = {};
    const ask = window.evenkeel.request as unknown as Record<string, (argument: unknown) => Promise<{ ok: boolean }>>;
    for (let round = 0; round < 20; round += 1) {
      const replies = await Promise.all(
        Array.from({ length: 500 }, () => {
          const name = names[next(names.length)] ?? "";
          return ask[name]!(made(0)).then(
            ({ ok }) => (ok ? `accepted ${name}` : "refused"),
            // What cannot be cloned does not even leave the page.
            () => "refused",
          );
        }),
      );
      for (const reply of replies) counts[reply] = (counts[reply] ?? 0) + 1;
    }
    return counts;
  }, requestNames);
  expect(answers).toEqual({ refused: 10_000 });
  expect(await standing()).toEqual(before);
});

/** All that a request could have changed. */
async function standing(): Promise<unknown> {
  const seen = await launched.page.evaluate(async () => ({
    fleet: await window.evenkeel.request["fleet:read"](undefined).then((reply) => reply.ok && reply.value.length),
    preferences: await window.evenkeel.request["preferences:read"](undefined),
    questions: await window.evenkeel.request["question:list"](undefined),
  }));
  return { ...seen, core: await corePid(), inventory: readFileSync(join(directory, "inventory.json"), "utf8") };
}

async function corePid(): Promise<number> {
  return launched.app.evaluate(
    ({ app }) => app.getAppMetrics().find(({ name }) => name === "Evenkeel core")?.pid ?? -1,
  );
}

test("a host's hostile words are shown as words, in the window and in the report", async () => {
  const { app, page } = launched;
  await page
    .getByRole("row", { name: /cluster/ })
    .getByRole("button")
    .click();
  await expect(page.getByRole("heading", { level: 1, name: /cluster <img src=x/ })).toBeVisible();
  await page.getByRole("button", { name: "Read now" }).click();
  for (const tab of ["Health", "Balance", "Consistency", "Recovery", "Report"]) {
    await page.getByRole("tab", { name: tab }).click();
    const seen = await page.evaluate(() => ({
      pictures: document.querySelectorAll("img, [onerror]").length,
      text: document.body.innerText,
      title: document.title,
    }));
    expect(seen.pictures).toBe(0);
    expect(seen.title).not.toBe("ran");
    expect(raw.filter((one) => seen.text.includes(one))).toEqual([]);
  }
  const path = join(directory, "report.html");
  await app.evaluate(({ dialog }, chosen) => {
    dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath: chosen });
  }, path);
  await page.getByRole("button", { name: "Export HTML" }).click();
  await expect.poll(() => existsSync(path)).toBe(true);
  const report = readFileSync(path, "utf8");
  expect(report).toContain("&#60;img src=x onerror=");
  expect(report).not.toMatch(/<img|<script/);
  expect(raw.filter((one) => report.includes(one))).toEqual([]);
});

test("a second start brings the first to the front, runs nothing of what it was given, and ends", async () => {
  const before = await corePid();
  const marker = join(directory, "ran");
  const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const hostileWords = [
    "-e",
    `require("fs").writeFileSync("${marker}","")`,
    "evenkeel://run",
    "--",
    "; touch x",
    "file:///x",
  ];
  const second = spawn(electronProgram(), [".", ...root, ...hostileWords], {
    env: { ...process.env, EVENKEEL_USER_DATA: directory },
    stdio: "ignore",
  });
  expect(await new Promise((resolve) => second.once("exit", resolve))).toBe(0);
  expect(existsSync(marker)).toBe(false);
  expect(await corePid()).toBe(before);
  expect(await launched.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
});

test("a killed view is drawn anew while the core goes on", async () => {
  const { app } = launched;
  const before = await corePid();
  const view = await app.evaluate(({ BrowserWindow }) =>
    BrowserWindow.getAllWindows()[0]!.webContents.getOSProcessId(),
  );
  process.kill(view, "SIGKILL");
  await expect
    .poll(
      () =>
        app.evaluate(async ({ BrowserWindow }, gone) => {
          const { webContents } = BrowserWindow.getAllWindows()[0]!;
          if (webContents.isLoading() || webContents.isCrashed() || webContents.getOSProcessId() === gone) return "";
          return webContents.executeJavaScript("document.querySelector('h1')?.textContent ?? ''") as Promise<string>;
        }, view),
      { timeout: 20_000 },
    )
    .toBe("Fleet");
  expect(await corePid()).toBe(before);
});
