import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { _electron, type ElectronApplication, type Page } from "@playwright/test";
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

/** Keeps a picture of the window beside the test's other artifacts. */
export async function picture(page: Page, name: string): Promise<void> {
  const directory = resolve("artifacts/screens");
  mkdirSync(directory, { recursive: true });
  // The pointer stands in the middle otherwise and opens whatever it is over.
  await page.mouse.move(2, 2);
  await page.screenshot({ path: `${directory}/${name}.png` });
}
