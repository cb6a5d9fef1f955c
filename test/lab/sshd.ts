import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export interface SshdOptions {
  /** A directory of this server's own; made when missing. Keys, config and log go there. */
  readonly directory: string;
  readonly address: string;
  readonly port: number;
  /** Public key lines that may log in. */
  readonly authorizedKeys: readonly string[];
  /** Lines put before the standard ones, so that they win. */
  readonly config?: readonly string[];
  /** Start the server as this account instead of the own one; then it logs in nobody else. */
  readonly account?: { readonly uid: number; readonly gid: number };
  /** Words put before the program, which then change to the account themselves (a node's own namespaces). */
  readonly prefix?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly hostKeyTypes?: readonly ("ed25519" | "ecdsa" | "rsa")[];
  /** Another path to the same program: PAM looks up its rules by the program's name. */
  readonly program?: string;
}

export interface Sshd {
  readonly pid: number;
  readonly address: string;
  readonly port: number;
  readonly directory: string;
  /** Public host key lines, `<type> <base64>`, without comment. */
  readonly hostKeys: readonly string[];
  /** The last 64 KiB of what it logged. */
  log(): string;
  /** Ends the server and every session of it. */
  stop(): Promise<void>;
}

const sshdPath = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"].find(existsSync) ?? null;

/** Where the system's OpenSSH server is, or null when this machine has none. */
export function systemSshd(): string | null {
  return sshdPath;
}

/** Starts a real OpenSSH server on loopback and waits until it answers. */
export async function startSshd(options: SshdOptions): Promise<Sshd> {
  if (sshdPath === null) throw new Error("this machine has no OpenSSH sshd");
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  // The privilege separation directory is made by the service's unit on a machine that runs one; root's sshd refuses without it.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const hostKeys = (options.hostKeyTypes ?? ["ed25519"]).map((type) => makeHostKey(options.directory, type));
  const configPath = writeConfig(
    options,
    hostKeys.map((key) => key.path),
  );
  if (options.account !== undefined)
    giveTo(options.account, [options.directory, ...hostKeys.map((key) => key.path), configPath]);

  const prefix = options.prefix ?? [];
  const [program, ...args] = [...prefix, options.program ?? sshdPath, "-D", "-e", "-f", configPath];
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    // Out of the terminal's process group, so that Ctrl-C reaches the starter alone.
    detached: prefix.length > 0,
    ...(options.environment && { env: options.environment }),
    ...(options.account && prefix.length === 0 && { uid: options.account.uid, gid: options.account.gid }),
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-65_536)));
  await answering(child, options.address, options.port, () => log);
  return {
    pid: child.pid ?? -1,
    address: options.address,
    port: options.port,
    directory: options.directory,
    hostKeys: hostKeys.map((key) => key.line),
    log: () => log,
    stop: () => stop(child),
  };
}

function makeHostKey(directory: string, type: "ed25519" | "ecdsa" | "rsa"): { path: string; line: string } {
  const path = join(directory, `host_${type}`);
  if (!existsSync(path)) execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "", "-f", path]);
  const line = execFileSync("ssh-keygen", ["-y", "-f", path], { encoding: "utf8" })
    .trim()
    .split(" ")
    .slice(0, 2)
    .join(" ");
  return { path, line };
}

function writeConfig(options: SshdOptions, hostKeyPaths: readonly string[]): string {
  const keysPath = join(options.directory, "authorized_keys");
  writeFileSync(keysPath, options.authorizedKeys.map((line) => `${line}\n`).join(""));
  chmodSync(keysPath, 0o644);
  const lines = [
    ...(options.config ?? []),
    `ListenAddress ${options.address}`,
    `Port ${options.port}`,
    ...hostKeyPaths.map((path) => `HostKey ${path}`),
    `AuthorizedKeysFile ${keysPath}`,
    "PidFile none",
    "UsePAM no",
    "StrictModes no",
    "PermitRootLogin prohibit-password",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "AllowTcpForwarding yes",
    "AllowStreamLocalForwarding yes",
    "LogLevel VERBOSE",
  ];
  const path = join(options.directory, "sshd_config");
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

function giveTo(account: { uid: number; gid: number }, paths: readonly string[]): void {
  for (const path of paths) chownSync(path, account.uid, account.gid);
}

async function answering(child: ChildProcess, address: string, port: number, log: () => string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`sshd ended with ${child.exitCode}:\n${log()}`);
    if (await accepts(address, port)) return;
    await pause(25);
  }
  child.kill("SIGKILL");
  throw new Error(`sshd did not answer on ${address}:${port}:\n${log()}`);
}

function accepts(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  // Sessions are children of the listener; they would outlive it.
  const sessions = childrenOf(child.pid ?? -1);
  child.kill("SIGTERM");
  await ended;
  for (const pid of sessions) endQuietly(pid);
}

/** All descendants of a process, read from /proc; none where the system has no /proc. */
export function childrenOf(pid: number): number[] {
  const children = childrenText(pid).split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...childrenOf(child)]);
}

function childrenText(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  } catch (error) {
    // The process may end at any moment, also between opening and reading.
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ESRCH") return "";
    throw error;
  }
}

function endQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
