import { execFile, spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { childrenOf } from "../sshd";
import type { LabCgroups } from "./cgroups";
import { identityOf, isSameProcess, type ProcessIdentity } from "./process-identity";

const here = dirname(fileURLToPath(import.meta.url));
const runFile = promisify(execFile);
/** What would reach the machine itself: its clock, modules, devices, kernel log, security policy. */
export const droppedCapabilities =
  "-sys_time,-sys_module,-sys_rawio,-mknod,-syslog,-wake_alarm,-block_suspend,-mac_admin,-mac_override,-bpf,-perfmon";

export interface Keeper {
  readonly keeper: ProcessIdentity;
  readonly inside: ProcessIdentity;
  /** Lets the lab live on when this process ends. */
  letStay(): void;
}

/** Makes the namespaces of a lab. They and all in them end with this process, unless told to stay. */
export async function startKeeper(directory: string, cgroups: LabCgroups, diskSize: string): Promise<Keeper> {
  writeFileSync(join(directory, "disk-size"), diskSize);
  writeFileSync(join(directory, "dropped-capabilities"), droppedCapabilities);
  writeFileSync(
    join(directory, "cgroups"),
    Object.entries(cgroups)
      .map(([controller, path]) => `${controller} ${path}\n`)
      .join(""),
  );
  const log = openSync(join(directory, "keeper.log"), "a");
  // Out of the terminal's process group, so that Ctrl-C reaches the starter alone.
  const child = spawn("bash", [join(here, "keeper.sh"), directory], { stdio: ["pipe", log, log], detached: true });
  closeSync(log);
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  const inside = await insideOf(child, directory);
  const keeper = identityOf(child.pid ?? -1);
  if (keeper === null)
    throw new Error(`the lab's keeper ended at once:\n${readFileSync(join(directory, "keeper.log"), "utf8")}`);
  return { keeper, inside, letStay: () => child.stdin?.end("stay\n") };
}

async function insideOf(child: ChildProcess, directory: string): Promise<ProcessIdentity> {
  const log = (): string =>
    existsSync(directory) ? readFileSync(join(directory, "keeper.log"), "utf8") : "its directory is gone";
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`the lab's keeper ended with ${child.exitCode}:\n${log()}`);
    // keeper.sh, then unshare, then the first process inside.
    if (existsSync(join(directory, "ready"))) {
      const inside = identityOf(childrenOf(child.pid ?? -1)[1] ?? -1);
      if (inside !== null) return inside;
    }
    await pause(10);
  }
  throw new Error(`the lab's namespaces were not ready within 10 s:\n${log()}`);
}

/** Runs a program in the lab's namespaces, beside its hosts. */
export async function runInside(inside: ProcessIdentity, program: string, args: readonly string[]): Promise<string> {
  const enter = ["--target", String(inside.pid), "--mount", "--net", "--pid", "--", program, ...args];
  return (await runFile("nsenter", enter, { maxBuffer: 16 << 20 })).stdout;
}

/** Joins the desktop to the lab's switch with an address of its own. The cable goes with the lab's network. */
export async function plugInDesktop(inside: ProcessIdentity, cable: string, address: string): Promise<void> {
  await runFile("ip", ["link", "add", cable, "type", "veth", "peer", "name", "desktop", "netns", String(inside.pid)]);
  await runInside(inside, "ip", ["link", "set", "desktop", "master", "switch", "up"]);
  await runFile("ip", ["addr", "add", `${address}/24`, "dev", cable]);
  await runFile("ip", ["link", "set", cable, "up"]);
}

/** Ends a lab and returns when nothing of it is left. */
export async function endLab(directory: string, inside: ProcessIdentity): Promise<void> {
  if (isSameProcess(inside)) process.kill(inside.pid, "SIGKILL");
  for (let attempt = 0; attempt < 1000 && existsSync(directory); attempt += 1) await pause(20);
  if (existsSync(directory)) throw new Error(`the lab in ${directory} was not gone within 20 s of its end`);
}
