import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { createCore } from "../../main/core";
import { noKeyStorage } from "../../main/store/secrets";
import type { Gives, RequestName, Takes } from "../../contract/channels";
import { provideDisplay } from "../setup/display";
import { electronProgram } from "../setup/electron-runtime.mjs";
import { startEmbeddedCluster, type EmbeddedCluster } from "../lab/embedded/embedded-cluster";
import { walkMainJob } from "./walk";

/** Opens the app on a real cluster that exists as long as the app is open. */
async function demo(): Promise<void> {
  console.log("Starting three PostgreSQL servers, each behind its own SSH server on this machine.");
  const lab = await startEmbeddedCluster();
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-demo-"));
  try {
    await keepCluster(lab, directory);
    if (process.platform === "linux" && process.env.DISPLAY === undefined && process.env.WAYLAND_DISPLAY === undefined)
      await withoutDisplay(lab, directory);
    else await withDisplay(lab, directory);
  } finally {
    await lab.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Finds the cluster over SSH, as a person would let the app do, and keeps it. */
async function keepCluster(lab: EmbeddedCluster, directory: string): Promise<void> {
  const nothing = (): Promise<null> => Promise.resolve(null);
  const core = createCore({
    userDataDirectory: directory,
    version: "demo",
    electron: "none",
    shell: { keyStorage: noKeyStorage, chooseSavePath: nothing, chooseOpenPath: nothing },
    sshConfigPath: lab.sshConfigPath,
    interactive: false,
    watch: false,
    mayRecover: false,
  });
  const ask = async <N extends RequestName>(name: N, argument: Takes<N>): Promise<Gives<N>> => {
    const reply = await core.handle(name, argument);
    if (!reply.ok) throw new Error(`${name}: ${JSON.stringify(reply.sentence)}`);
    return reply.value;
  };
  try {
    const found = await ask("discovery:start", { discoveryId: "demo", login: { host: "keel-1" } });
    const [cluster] = found.clusters;
    if (cluster === undefined) throw new Error(`nothing was found: ${JSON.stringify(found.problems)}`);
    await ask("discovery:keep", { name: "demo", cluster });
  } finally {
    await core.close();
  }
}

async function withDisplay(lab: EmbeddedCluster, directory: string): Promise<void> {
  console.log(
    "Break it by hand: 1, 2 or 3 and Enter kills that server; h1, h2, h3 hangs it; r1, r2, r3 lets it go on. Close the window to end.",
  );
  const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const environment = { ...process.env, EVENKEEL_USER_DATA: directory, EVENKEEL_SSH_CONFIG: lab.sshConfigPath };
  const app = spawn(electronProgram(), [".", ...root], { stdio: ["ignore", "inherit", "inherit"], env: environment });
  const keys = createInterface({ input: process.stdin });
  keys.on("line", (line) => breakByHand(lab, line.trim()));
  const end = (): void => void app.kill();
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  await new Promise((ended) => app.once("exit", ended));
  keys.close();
}

function breakByHand(lab: EmbeddedCluster, line: string): void {
  const found = /^([hr]?)([123])$/.exec(line);
  if (found === null) return;
  const node = `keel-${found[2] ?? ""}`;
  try {
    if (found[1] === "h") lab.hang(node);
    else if (found[1] === "r") lab.resume(node);
    else lab.kill(node);
    console.log(`${node}: done`);
  } catch (error) {
    console.log(`${node}: ${(error as Error).message}`);
  }
}

async function withoutDisplay(lab: EmbeddedCluster, directory: string): Promise<void> {
  console.log("There is no display: a virtual one is used, and the main job is walked once.");
  const endDisplay = await provideDisplay();
  const artifacts = resolve("artifacts/demo");
  mkdirSync(artifacts, { recursive: true });
  try {
    const report = join(directory, "demo.html");
    await walkMainJob(lab, directory, artifacts, report);
    copyFileSync(report, join(artifacts, "report.html"));
    console.log(`The pictures and the report are in ${artifacts}.`);
  } finally {
    endDisplay?.();
  }
}

await demo();
