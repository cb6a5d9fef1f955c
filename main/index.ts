import { join } from "node:path";
import { app, dialog, Menu, powerMonitor, type BrowserWindow } from "electron";
import { version } from "../package.json";
import { serve } from "./ipc/serve";
import { appOrigin, createWindow, lockSession, registerScheme } from "./window";
import { openWindowStore } from "./window-store";

/** The desktop entry: one window, one core process, nothing decided here. */
const output = join(__dirname, "..");
let window: BrowserWindow | null = null;

// Chromium cannot be sandboxed as root; the start script then says so on the command line, an installed app never does.
if (!app.commandLine.hasSwitch("no-sandbox")) app.enableSandbox();
registerScheme();
// An own directory is for tests and the demo; an installed app always uses the user's.
if (!app.isPackaged && process.env.EVENKEEL_USER_DATA !== undefined)
  app.setPath("userData", process.env.EVENKEEL_USER_DATA);
// What a second start was given is ignored; it only brings the first one's window to the front.
app.on("second-instance", () => {
  if (window?.isMinimized() === true) window.restore();
  window?.focus();
});
app.on("window-all-closed", () => app.quit());
if (app.requestSingleInstanceLock()) void app.whenReady().then(start);
else app.quit();

function start(): void {
  Menu.setApplicationMenu(null);
  lockSession(join(output, "renderer"));
  const served = serve({
    corePath: join(output, "main", "core-process.cjs"),
    origin: appOrigin,
    window: () => window,
    chooseSavePath,
    chooseOpenPath,
    core: {
      userDataDirectory: app.getPath("userData"),
      version,
      electron: process.versions.electron,
      sshConfigPath: process.env.EVENKEEL_SSH_CONFIG ?? null,
      interactive: true,
      watch: true,
      mayRecover: true,
    },
  });
  powerMonitor.on("suspend", () => served.power("suspended"));
  powerMonitor.on("resume", () => served.power("resumed"));
  app.once("will-quit", (event) => {
    event.preventDefault();
    void served.stop().finally(() => app.quit());
  });
  window = createWindow(join(output, "preload", "index.cjs"), openWindowStore(app.getPath("userData")));
  window.once("closed", () => (window = null));
}

async function chooseSavePath(suggestedName: string): Promise<string | null> {
  if (window === null) return null;
  const chosen = await dialog.showSaveDialog(window, { defaultPath: suggestedName });
  return chosen.canceled || chosen.filePath === "" ? null : chosen.filePath;
}

async function chooseOpenPath(): Promise<string | null> {
  if (window === null) return null;
  // Inventories often have no end to their name, and ssh_config stands in a hidden directory.
  const chosen = await dialog.showOpenDialog(window, { properties: ["openFile", "showHiddenFiles"] });
  return chosen.canceled ? null : (chosen.filePaths[0] ?? null);
}
