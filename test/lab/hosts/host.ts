import { execFile, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { childrenOf } from "../sshd";
import { droppedCapabilities, runInside } from "./keeper";
import type { HostRecord, LabRecord } from "./labs";
import { identityOf, isSameProcess, type ProcessIdentity } from "./process-identity";

const here = dirname(fileURLToPath(import.meta.url));
const runFile = promisify(execFile);
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Lays down what a host finds at its first boot: its name, keys, disks, and the script that prepares it. */
export async function seedHost(
  lab: { readonly directory: string; readonly hosts: readonly HostRecord[] },
  host: HostRecord,
  publicKey: string,
  prepare: string,
): Promise<void> {
  const seed = join(lab.directory, "hosts", host.name);
  const files = join(seed, "files");
  for (const place of ["etc/ssh", "root/.ssh", "home/admin/.ssh"]) mkdirSync(join(files, place), { recursive: true });
  const neighbours = lab.hosts.map(({ address, name }) => `${address} ${name}\n`).join("");
  const contents: Readonly<Record<string, string>> = {
    "etc/hostname": `${host.name}\n`,
    "etc/hosts": `127.0.0.1 localhost\n${neighbours}`,
    "etc/machine-id": `${machineId(host.address)}\n`,
    "root/.ssh/authorized_keys": `${publicKey}\n`,
    "home/admin/.ssh/authorized_keys": `${publicKey}\n`,
  };
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(files, name), text);
  const key = join(files, "etc/ssh/ssh_host_ed25519_key");
  await runFile("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", key]);
  writeFileSync(join(seed, "disks"), host.disks.map((disk) => `${disk}\n`).join(""));
  writeFileSync(join(seed, "prepare.sh"), `export PATH=${path}\n${prepare}`);
}

/** Thirty-two hexadecimal digits that differ from host to host and lab to lab. */
function machineId(address: string): string {
  return address
    .split(".")
    .map((part) => Number(part).toString(16).padStart(8, "0"))
    .join("");
}

/** The host's public key line, `<type> <base64>`. */
export function hostKeyOf(lab: { readonly directory: string }, host: HostRecord): string {
  const file = join(lab.directory, "hosts", host.name, "files/etc/ssh/ssh_host_ed25519_key.pub");
  return readFileSync(file, "utf8").split(" ").slice(0, 2).join(" ");
}

/** Switches a host on and returns when its systemd runs. */
export async function switchOn(lab: LabRecord, host: HostRecord): Promise<void> {
  const seed = join(lab.directory, "hosts", host.name);
  const log = openSync(join(seed, "console.log"), "a");
  const enter = ["--target", String(lab.inside.pid), "--mount", "--net", "--pid", "--"];
  const start = ["bash", join(here, "host-start.sh"), lab.directory, host.name, `${host.address}/24`];
  const child = spawn("nsenter", [...enter, ...start], { stdio: ["ignore", log, log], detached: true });
  closeSync(log);
  child.unref();
  for (let attempt = 0; attempt < 3000; attempt += 1) {
    if (child.exitCode !== null)
      throw new Error(`${host.name} ended at once:\n${readFileSync(join(seed, "console.log"), "utf8")}`);
    // nsenter, then unshare, then the host's first process, which has become systemd.
    const first = identityOf(childrenOf(child.pid ?? -1)[1] ?? -1);
    if (first !== null && existsSync(`/proc/${first.pid}/root/run/systemd/private`)) {
      writeFileSync(join(seed, "first-process.json"), JSON.stringify(first));
      return;
    }
    await pause(20);
  }
  throw new Error(
    `systemd on ${host.name} did not run within 60 s:\n${readFileSync(join(seed, "console.log"), "utf8")}`,
  );
}

/** Cuts the host's power: every process of it ends at once, and its cable is dead. */
export async function switchOff(lab: LabRecord, host: HostRecord): Promise<void> {
  const first = firstProcess(lab, host);
  if (first === null) return;
  await runInside(lab.inside, "ip", ["link", "set", `v-${host.name}`, "down"]);
  process.kill(first.pid, "SIGKILL");
  while (isSameProcess(first)) await pause(10);
  rmSync(firstProcessFile(lab, host), { force: true });
}

/** The host's systemd, or null when the host is off. */
export function firstProcess(lab: LabRecord, host: HostRecord): ProcessIdentity | null {
  const file = firstProcessFile(lab, host);
  if (!existsSync(file)) return null;
  const first = JSON.parse(readFileSync(file, "utf8")) as ProcessIdentity;
  return isSameProcess(first) ? first : null;
}

function firstProcessFile(lab: LabRecord, host: HostRecord): string {
  return join(lab.directory, "hosts", host.name, "first-process.json");
}

/** Runs a shell script as root on the host without SSH, so also when its network or sshd is broken. */
export async function runOnHost(lab: LabRecord, host: HostRecord, script: string): Promise<Ended> {
  const first = firstProcess(lab, host);
  if (first === null) throw new Error(`${host.name} is off`);
  const bounded = ["setpriv", `--bounding-set=${droppedCapabilities}`, "/bin/sh", "-c", script];
  const options = { env: { PATH: path, HOME: "/root", LANG: "C.UTF-8" }, maxBuffer: 64 << 20 };
  try {
    const ended = await runFile("nsenter", ["--target", String(first.pid), "--all", "--", ...bounded], options);
    return { code: 0, ...ended };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== "number") throw error;
    return { code, stdout: stdout ?? "", stderr: stderr ?? "" };
  }
}

/** Waits until something accepts connections there. */
export async function untilAccepts(address: string, port: number, deadlineMs: number): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await accepts(address, port))) {
    if (Date.now() > end) throw new Error(`nothing answered on ${address}:${port} within ${deadlineMs / 1000} s`);
    await pause(20);
  }
}

function accepts(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: 1000 }, () => done(true));
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("error", () => done(false));
    socket.once("timeout", () => done(false));
  });
}
