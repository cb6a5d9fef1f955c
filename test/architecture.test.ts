import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, posix, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

/** Who may import whom. The longest matching prefix decides; `self` is the file's own folder of that prefix. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "contract/": ["contract/", "zod"],
  "preload/": ["contract/channel-names", "electron"],
  "renderer/": [
    "contract/",
    "renderer/",
    "react",
    "react-dom/client",
    "@mantine/core",
    "@tabler/icons-react",
    "recharts",
    "@tanstack/react-virtual",
    "zustand",
  ],
  "main/ssh/": [
    "contract/",
    "main/clock",
    "main/ssh/",
    "ssh2",
    "bcrypt-pbkdf",
    "hash-wasm/dist/argon2.umd.min.js?raw",
    "node:",
  ],
  "main/probe/": [
    "contract/",
    "main/clock",
    "main/probe/",
    "main/ssh/access",
    "main/ssh/quote",
    "main/ssh/ssh-error",
    "main/engine/engine",
    "main/recovery/ports",
    "pg",
    "redis-parser",
    "zod",
    "node:",
  ],
  "main/engine/": [
    "contract/",
    "main/probe/probe",
    "main/probe/parse/",
    "main/ssh/access",
    "main/ssh/quote",
    "main/engine/engine",
    "main/engine/figure-of",
    "main/engine/loopback",
    "main/engine/member-rule",
    "main/engine/postgresql-server/",
    "main/engine/process-liveness",
    "main/engine/quorum",
    "main/engine/redis-server/",
    "main/engine/service",
    "main/engine/shares",
    "main/engine/witnesses",
  ],
  "main/engine/registry": ["main/engine/"],
  "main/assess/": ["contract/", "main/engine/engine", "main/probe/probe"],
  "main/discover/": ["contract/", "main/engine/engine", "main/engine/service", "main/ssh/access"],
  "main/import/": ["contract/", "main/import/", "csv-parse/sync", "yaml", "node:"],
  "main/logs/": ["contract/", "main/engine/engine", "main/logs/", "main/ssh/access"],
  "main/recovery/": ["contract/", "main/clock", "main/engine/engine", "main/probe/probe", "main/recovery/", "node:"],
  "main/store/": ["contract/", "main/store/", "@photostructure/sqlite", "zod", "node:"],
  "main/report/": ["contract/", "main/report/", "node:crypto"],
  "main/monitor/": [
    "contract/",
    "main/assess/",
    "main/clock",
    "main/engine/engine",
    "main/monitor/",
    "main/probe/",
    "main/recovery/ports",
    "main/ssh/access",
    "main/ssh/ssh-error",
  ],
  "main/ipc/serve": ["contract/", "main/core-link", "main/core-port", "main/ipc/key-storage", "electron"],
  "main/ipc/key-storage": ["contract/", "main/core-link", "electron"],
  "main/ipc/": ["contract/", "main/", "node:"],
  "main/cli": ["contract/", "main/", "package.json", "node:"],
  "main/catalogue": ["contract/", "main/"],
  "main/core": ["contract/", "main/", "zod", "node:"],
  "main/clock": [],
  "main/index": ["main/ipc/serve", "main/window", "main/window-store", "package.json", "electron", "node:"],
  "main/window": ["main/window-place", "main/window-store", "electron", "node:"],
  "main/window-place": [],
  "main/window-store": ["main/window-place", "electron-store", "node:"],
};

const root = resolve(import.meta.dirname, "..");

function sources(directory: string): readonly string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) return sources(path);
    return /\.tsx?$/.test(name) ? [relative(root, path)] : [];
  });
}

/** Every import of a source that the table does not allow. */
function breaches(file: string, text: string): readonly string[] {
  const prefix = Object.keys(mayImport)
    .filter((one) => file.startsWith(one))
    .sort((one, other) => other.length - one.length)[0];
  if (prefix === undefined) return [`${file}: no rule covers it`];
  const own = prefix === "main/engine/" ? `main/engine/${file.split("/")[2] ?? ""}/` : null;
  return [...text.matchAll(/(?:from|import)\s+"([^"]+)"/g)]
    .map((found) => found[1] ?? "")
    .map((to) => (to.startsWith(".") ? posix.normalize(posix.join(dirname(file), to)) : to))
    .filter(
      (to) =>
        !(mayImport[prefix] ?? []).some(
          (allowed) => to === allowed || (/[/:]$/.test(allowed) && to.startsWith(allowed)),
        ),
    )
    .filter((to) => !(own !== null && to.startsWith(own)) && !to.endsWith(".json") && !to.endsWith(".css"))
    .map((to) => `${file} must not import ${to}`);
}

describe("imports run one way", () => {
  it("in every file", () => {
    const found = ["contract", "main", "preload", "renderer"]
      .flatMap((top) => sources(join(root, top)))
      .flatMap((file) => breaches(file, readFileSync(join(root, file), "utf8")));
    expect(found).toEqual([]);
  });

  it("and the table notices what breaks it", () => {
    expect(breaches("main/engine/linux/health.ts", 'import { x } from "../postgresql/health";')).toHaveLength(1);
    expect(breaches("main/engine/linux/health.ts", 'import { readFile } from "node:fs";')).toHaveLength(1);
    expect(breaches("renderer/app.tsx", 'import { x } from "../main/core";')).toHaveLength(1);
    expect(breaches("main/recovery/runner.ts", 'import { Client } from "ssh2";')).toHaveLength(1);
  });
});
