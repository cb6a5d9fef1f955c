import { readFile } from "node:fs/promises";
import { extname, join, normalize, sep } from "node:path";
import { BrowserWindow, protocol, screen, session } from "electron";
import { fittingPlace, smallestWindow } from "./window-place";
import type { WindowStore } from "./window-store";

export const appScheme = "app";
export const appOrigin = "app://evenkeel";

/** Must be called before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme: appScheme, privileges: { standard: true, secure: true } }]);
}

/** The view's libraries set style attributes, which only `unsafe-inline` allows; scripts come from the app's own files and nowhere else. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

/** Serves the view's files and nothing else, and denies every permission a page could ask for. */
export function lockSession(rendererDirectory: string): void {
  protocol.handle(appScheme, async (asked) => {
    const path = pathOf(rendererDirectory, asked.url);
    const type = path === null ? undefined : types[extname(path)];
    if (path === null || type === undefined) return new Response(null, { status: 404 });
    try {
      const bytes = await readFile(path);
      return new Response(new Uint8Array(bytes), {
        headers: {
          "content-type": type,
          "content-security-policy": contentSecurityPolicy,
          "x-content-type-options": "nosniff",
        },
      });
    } catch {
      // Whatever the reason, there is nothing to show under this address.
      return new Response(null, { status: 404 });
    }
  });
  session.defaultSession.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.defaultSession.setPermissionCheckHandler(() => false);
}

/** The file of an address, or null when it leads out of the directory. */
export function pathOf(directory: string, address: string): string | null {
  const url = new URL(address);
  if (`${url.protocol}//${url.host}` !== appOrigin) return null;
  let name: string;
  try {
    name = decodeURIComponent(url.pathname === "/" ? "/index.html" : url.pathname);
  } catch {
    // A percent sign that starts nothing names no file.
    return null;
  }
  const path = normalize(join(directory, name));
  return path.startsWith(directory + sep) && !path.includes("\0") ? path : null;
}

const locked = {
  sandbox: true,
  contextIsolation: true,
  nodeIntegration: false,
  webviewTag: false,
  webSecurity: true,
} as const;

/** A view that ends at once again and again must not spin. */
const redrawAfterMs = 500;

/** The only place where a window is made. */
export function createWindow(preloadPath: string, store: WindowStore): BrowserWindow {
  const areas = screen.getAllDisplays().map(({ workArea }) => workArea);
  const { isMaximized, ...place } = fittingPlace(store.read(), areas);
  const window = new BrowserWindow({
    ...place,
    minWidth: smallestWindow.width,
    minHeight: smallestWindow.height,
    show: false,
    title: "Evenkeel",
    webPreferences: { ...locked, preload: preloadPath, spellcheck: false },
  });
  const { webContents } = window;
  webContents.setWindowOpenHandler(() => ({ action: "deny" }));
  webContents.on("will-navigate", (event) => event.preventDefault());
  webContents.on("will-redirect", (event) => event.preventDefault());
  webContents.on("will-frame-navigate", (event) => event.preventDefault());
  webContents.on("will-attach-webview", (event) => event.preventDefault());
  if (isMaximized) window.maximize();
  window.on("close", () => store.write({ ...window.getNormalBounds(), isMaximized: window.isMaximized() }));
  window.once("ready-to-show", () => window.show());
  const load = (): void => void window.loadURL(`${appOrigin}/index.html`);
  // Whatever ended the view's process, the core goes on; the view is drawn anew from what the core knows.
  webContents.on("render-process-gone", () => setTimeout(() => !window.isDestroyed() && load(), redrawAfterMs));
  // An empty page is the one address that the engine opens without asking; it can ask for nothing, and is left at once.
  webContents.on("did-navigate", (_event, url) => !url.startsWith(`${appOrigin}/`) && load());
  load();
  return window;
}
