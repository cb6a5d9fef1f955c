import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isSameProcess, thisProcess, type ProcessIdentity } from "./process-identity";

const here = dirname(fileURLToPath(import.meta.url));
const cache = resolve(here, "../../../.cache");
const recipe = join(here, "root-recipe.sh");
const buildDeadlineMs = 900_000;

/** Every Debian package that any host of any cluster needs; all hosts share one root file system. */
const packages = [
  ["systemd", "systemd-sysv", "dbus", "openssh-server", "sudo"],
  [
    "iproute2",
    "iputils-ping",
    "procps",
    "psmisc",
    "curl",
    "netcat-openbsd",
    "less",
    "e2fsprogs",
    "python3",
    "faketime",
  ],
  ["redis-server", "redis-sentinel", "redis-tools", "supervisor", "runit"],
  ["postgresql", "patroni", "python3-etcd", "etcd-server", "etcd-client"],
  ["zookeeper", "openjdk-17-jre-headless", "libservlet-api-java"],
].flat();

const options = [
  "--variant=minbase",
  "--skip=check/empty",
  ...["man", "doc", "locale", "info"].map((part) => `--dpkgopt=path-exclude=/usr/share/${part}/*`),
  '--aptopt=APT::Install-Recommends "false"',
  // The Java packages link into these when they are configured.
  '--essential-hook=mkdir -p "$1/usr/share/man/man1" "$1/usr/share/man/man7"',
];

/** The directory of the root file system that hosts share, read-only; built once (about a minute) and cached. */
export async function rootFileSystem(say: (line: string) => void): Promise<string> {
  const text = JSON.stringify([packages, options]) + readFileSync(recipe, "utf8");
  const path = join(cache, `lab-root-${createHash("sha256").update(text).digest("hex").slice(0, 12)}`);
  for (let waitedMs = 0; waitedMs < buildDeadlineMs; waitedMs += 500) {
    if (existsSync(path)) return path;
    if (claimBuild(`${path}.builder`)) {
      if (!existsSync(path)) await build(path, say);
      rmSync(`${path}.builder`);
      return path;
    }
    await pause(500);
  }
  throw new Error(`another process has been building ${path} for ${buildDeadlineMs / 60_000} minutes`);
}

/** Whether this process is now the one that builds; a builder that has died is no builder. */
function claimBuild(claim: string): boolean {
  mkdirSync(cache, { recursive: true });
  try {
    writeFileSync(claim, JSON.stringify(thisProcess()), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  if (builderLives(claim)) return false;
  rmSync(claim, { force: true });
  return false;
}

function builderLives(claim: string): boolean {
  try {
    return isSameProcess(JSON.parse(readFileSync(claim, "utf8")) as ProcessIdentity);
  } catch {
    // Just removed by its owner, or not yet written whole: looked at again in a moment.
    return true;
  }
}

async function build(path: string, say: (line: string) => void): Promise<void> {
  say("Building the root file system of the lab's hosts from Debian packages; this is done once and takes a minute.");
  const work = `${path}.part`;
  rmSync(work, { recursive: true, force: true });
  const args = [
    ...options,
    `--customize-hook=sh '${recipe}' "$1"`,
    `--include=${packages.join(",")}`,
    "bookworm",
    work,
  ];
  try {
    await promisify(execFile)("mmdebstrap", args, { maxBuffer: 64 << 20, timeout: buildDeadlineMs });
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    rmSync(`${path}.builder`, { force: true });
    const words = String((error as { stderr?: unknown }).stderr ?? error);
    throw new Error(`mmdebstrap could not build the root file system of the hosts:\n${words.slice(-4000)}`, {
      cause: error,
    });
  }
  renameSync(work, path);
}
