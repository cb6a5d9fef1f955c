import type { ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { _electron, chromium, type ElectronApplication, type Page } from "@playwright/test";
import { electronProgram } from "../setup/electron-runtime.mjs";

export interface Launched {
  readonly app: ElectronApplication;
  readonly page: Page;
}

/** Starts the built app on a user directory and an ssh_config of the test's own. */
export async function launchApp(userDataDirectory: string, sshConfigPath: string): Promise<Launched> {
  const app = await _electron.launch({
    executablePath: electronProgram(),
    args: ["."],
    env: {
      ...(process.env as Record<string, string>),
      EVENKEEL_USER_DATA: userDataDirectory,
      EVENKEEL_SSH_CONFIG: sshConfigPath,
    },
  });
  const page = await app.firstWindow();
  return { app, page };
}

/** An app that was started as a desktop starts it, held from outside. */
export interface Attached {
  readonly page: Page;
  /** What it printed so far. */
  said(): string;
  stop(): Promise<void>;
}

/** Waits for the window of an app that was started with `--remote-debugging-port=0` and both outputs piped. */
export async function attachTo(child: ChildProcess): Promise<Attached> {
  let text = "";
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const address = await new Promise<string>((resolve, reject) => {
    const hear = (bytes: Buffer): void => {
      text += bytes.toString();
      const found = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    child.once("exit", (code) => reject(new Error(`the app ended with ${String(code)}: ${text}`)));
  });
  const browser = await chromium.connectOverCDP(address, { noDefaults: true });
  const [context] = browser.contexts();
  if (context === undefined) throw new Error("the app has no window");
  return {
    page: context.pages()[0] ?? (await context.waitForEvent("page")),
    said: () => text,
    stop: async () => {
      await browser.close();
      child.kill();
      await ended;
    },
  };
}

/** Keeps a picture of the window beside the test's other artifacts. */
export async function picture(page: Page, name: string): Promise<void> {
  const directory = resolve("artifacts/screens");
  mkdirSync(directory, { recursive: true });
  // The pointer stands in the middle otherwise and opens whatever it is over.
  await page.mouse.move(2, 2);
  await page.screenshot({ path: `${directory}/${name}.png` });
}
