import { execFileSync, spawn, type StdioOptions } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "@playwright/test";
import { listPackage } from "@electron/asar";
import { attachTo, type Attached } from "./launch";
import { declaredConfiguration, fusesOf, packageForTest } from "../setup/package-for-test";

test.describe.configure({ mode: "serial" });

/** An account that owns nothing; the installed app must run as it, with Chromium's sandbox. */
const nobody = { uid: 65_534, gid: 65_534 };
const opt = "/opt/Evenkeel";
const apt = ["-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"];
const options = {
  stdio: ["ignore", "ignore", "inherit"] satisfies StdioOptions,
  env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
};

let directory: string;
let installedHere = false;

test.beforeAll(() => {
  test.skip(whyNot() !== null, whyNot() ?? "");
  directory = mkdtempSync(join(tmpdir(), "evenkeel-packaged-"));
  chmodSync(directory, 0o755);
});

test.afterAll(() => {
  if (installedHere) execFileSync("apt-get", ["purge", ...apt, "evenkeel"], options);
  rmSync(directory, { recursive: true, force: true });
});

/** Installing a package takes root and Debian, and must not replace one that a person installed. */
function whyNot(): string | null {
  if (process.getuid?.() !== 0) return "only root may install a package";
  if (!existsSync("/usr/bin/apt-get")) return "this is no Debian";
  return existsSync(opt) ? "Evenkeel is installed on this machine" : null;
}

test("the .deb is built and installed", async () => {
  test.setTimeout(300_000);
  const deb = await packageForTest(directory);
  installedHere = true;
  execFileSync("apt-get", ["install", ...apt, deb], options);
  expect(execFileSync("dpkg-query", ["-W", "-f", "${Status} ${Version}", "evenkeel"], { encoding: "utf8" })).toBe(
    "install ok installed 0.1.0",
  );
});

test("what is installed is what the project says: files, launcher, menu entry, fuses", async () => {
  const files = listPackage(`${opt}/resources/app.asar`, { isPack: false });
  const top = new Set(
    files.map((name) =>
      name
        .split("/")
        .slice(0, name.startsWith("/node_modules/@") ? 4 : 3)
        .join("/"),
    ),
  );
  expect([...top].filter((name) => name.startsWith("/node_modules/")).sort()).toEqual([
    "/node_modules/@photostructure",
    "/node_modules/@photostructure/sqlite",
    "/node_modules/node-gyp-build",
  ]);
  expect([...top].filter((name) => !name.startsWith("/node_modules")).sort()).toEqual([
    "/out",
    "/out/main",
    "/out/preload",
    "/out/renderer",
    "/package.json",
  ]);
  expect(files).toContain("/out/main/core-process.cjs");
  expect(existsSync(`${opt}/resources/default_app.asar`)).toBe(false);
  // No feed to update from, so nothing can be made to come from one.
  expect(existsSync(`${opt}/resources/app-update.yml`)).toBe(false);

  expect(execFileSync("readlink", ["-f", "/usr/bin/evenkeel"], { encoding: "utf8" }).trim()).toBe(`${opt}/evenkeel`);
  const entry = readFileSync("/usr/share/applications/evenkeel.desktop", "utf8");
  expect(entry).toMatch(/^Name=Evenkeel$/m);
  expect(entry).toMatch(/^Exec=.*evenkeel/m);
  expect(entry).not.toContain("--no-sandbox");
  // Neither a file type nor a URL scheme starts the app.
  expect(entry).not.toMatch(/^MimeType=/m);
  expect(existsSync("/usr/share/icons/hicolor/256x256/apps/evenkeel.png")).toBe(true);
  for (const path of [opt, `${opt}/evenkeel`, `${opt}/resources/app.asar`]) {
    expect(lstatSync(path).uid).toBe(0);
    expect(lstatSync(path).mode & 0o022).toBe(0);
  }

  const declared = declaredConfiguration().electronFuses;
  const found = await fusesOf(`${opt}/evenkeel`);
  for (const [name, state] of Object.entries(found)) expect([name, state]).toEqual([name, declared[name]]);
  expect(Object.keys(found).length).toBeGreaterThanOrEqual(7);
});

test("the installed app opens on its fleet page, sandboxed and as an ordinary account", async () => {
  const installed = await startInstalled([]);
  try {
    const { page } = installed;
    await expect(page.getByRole("button", { name: "Add a cluster" })).toBeVisible();
    const about = await page.evaluate(() => window.evenkeel.request["about:read"](undefined));
    expect(about).toMatchObject({ ok: true, value: { version: "0.1.0" } });
    expect(isWindowSandboxed()).toBe(true);
    await page.screenshot({ path: "artifacts/screens/installed.png" });
  } finally {
    await installed.stop();
  }
});

test("its native module loads from beside the archive and keeps the history", async () => {
  const installed = await startInstalled([], {}, (home) => {
    const inventory = join(home, ".config/Evenkeel/inventory.json");
    mkdirSync(dirname(inventory), { recursive: true });
    const login = { host: "127.0.0.1", port: 1 };
    const cluster = {
      clusterId: "one",
      name: "silent",
      engine: "postgresql",
      nodes: [{ node: "silent", login }],
      members: [
        {
          member: "silent",
          node: "silent",
          settings: { host: "silent", dataDirectory: "/data", binDirectory: "/bin" },
        },
      ],
      addedAt: 0,
    };
    writeFileSync(inventory, JSON.stringify([cluster]));
    execFileSync("chown", ["-R", `${nobody.uid}:${nobody.gid}`, join(home, ".config")]);
  });
  try {
    await expect(installed.page.getByRole("row", { name: /silent/ })).toContainText("Unknown");
    await expect
      .poll(() =>
        installed.page.evaluate(async () => {
          const asked = { clusterId: "one", series: ["level"], fromMs: Date.now() - 600_000 };
          const reply = await window.evenkeel.request["history:read"](asked);
          return reply.ok ? { points: reply.value.series[0]?.points.length, problem: reply.value.problem } : reply;
        }),
      )
      .toEqual({ points: 1, problem: null });
    const mapped = appProcesses().map((pid) => textOf(pid, "maps"));
    const native = `${opt}/resources/app.asar.unpacked/node_modules/@photostructure/sqlite/prebuilds/`;
    expect(mapped.filter((text) => text.includes(native))).toHaveLength(1);
  } finally {
    await installed.stop();
  }
});

test("hostile arguments and environment start nothing but the app", async () => {
  const marker = join(directory, "ran");
  const script = `require("fs").writeFileSync(${JSON.stringify(marker)}, "")`;
  const installed = await startInstalled(["--inspect=127.0.0.1:0", "-e", script, "evenkeel://run?command=x"], {
    ELECTRON_RUN_AS_NODE: "1",
    NODE_OPTIONS: `--require ${join(directory, "absent.js")}`,
    EVENKEEL_USER_DATA: directory,
  });
  try {
    await expect(installed.page.getByRole("button", { name: "Add a cluster" })).toBeVisible();
    expect(existsSync(marker)).toBe(false);
    expect(installed.said()).not.toContain("Debugger listening");
    // The tests' own directory is not for an installed app.
    expect(existsSync(join(directory, "preferences.json"))).toBe(false);
    expect(existsSync(join(directory, "journal.log"))).toBe(false);
  } finally {
    await installed.stop();
  }
});

test("it is removed without a trace", () => {
  execFileSync("apt-get", ["purge", ...apt, "evenkeel"], options);
  installedHere = false;
  for (const path of [opt, "/usr/bin/evenkeel", "/usr/share/applications/evenkeel.desktop"])
    expect(existsSync(path)).toBe(false);
});

/** Starts /usr/bin/evenkeel as nobody on a home of its own and connects to its window from outside, as the fuses leave no other way. */
function startInstalled(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  prepare: (home: string) => void = () => undefined,
): Promise<Attached> {
  const home = mkdtempSync(join(directory, "home-"));
  chownSync(home, nobody.uid, nobody.gid);
  prepare(home);
  const child = spawn("/usr/bin/evenkeel", ["--remote-debugging-port=0", ...args], {
    ...nobody,
    cwd: home,
    env: {
      PATH: "/usr/bin:/bin",
      HOME: home,
      XDG_CONFIG_HOME: join(home, ".config"),
      DISPLAY: process.env["DISPLAY"],
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return attachTo(child);
}

/** Whether every window's process runs under a seccomp filter, by the kernel's word. */
function isWindowSandboxed(): boolean {
  const windows = appProcesses().filter((pid) => textOf(pid, "cmdline").includes("--type=renderer"));
  return windows.length > 0 && windows.every((pid) => /^Seccomp:\t2$/m.test(textOf(pid, "status")));
}

/** Every process of the installed program, whichever thread of it started them. */
function appProcesses(): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/exe`) === `${opt}/evenkeel`;
    } catch {
      // A process that ended meanwhile, or one of the kernel's own.
      return false;
    }
  });
}

function textOf(pid: string, file: "cmdline" | "status" | "maps"): string {
  return readFileSync(`/proc/${pid}/${file}`, "utf8");
}
