import { execFile, spawn, type ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { childrenOf } from "../sshd";
import { secludingArguments, type Account, type Seclusion } from "./account";

const here = dirname(fileURLToPath(import.meta.url));
const runFile = promisify(execFile);

/** Where the processes of one node run: in namespaces of its own, or plainly on the machine. */
export interface Room {
  /** Words to put before a program so that it runs in this room as the node's account. */
  readonly prefix: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** For spawn: changes to the account where `prefix` does not do so. */
  readonly identity: { readonly uid?: number; readonly gid?: number };
  /** Runs a program to its end; rejects with its words when it fails. */
  run(program: string, args: readonly string[]): Promise<string>;
}

/** Prepares the room of one node. Whatever is started in it ends when this process does. */
export async function openRoom(
  seclusion: Seclusion,
  account: Account,
  clusterDirectory: string,
  node: string,
): Promise<Room> {
  const prefix = seclusion === "none" ? [] : await secludedPrefix(seclusion, account, clusterDirectory, node);
  const changesAccount = seclusion === "none" && process.getuid?.() !== account.uid;
  const identity = changesAccount ? { uid: account.uid, gid: account.gid } : {};
  const environment = {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    HOME: join(clusterDirectory, "home"),
    USER: account.name,
    LC_ALL: "C",
  };
  return {
    prefix,
    environment,
    identity,
    run: async (program, args) => {
      const [first, ...rest] = [...prefix, program, ...args];
      const options = { ...identity, env: environment, cwd: clusterDirectory, maxBuffer: 8 << 20 };
      return (await runFile(first ?? program, rest, options)).stdout;
    },
  };
}

async function secludedPrefix(
  seclusion: Exclude<Seclusion, "none">,
  account: Account,
  clusterDirectory: string,
  node: string,
): Promise<readonly string[]> {
  const script = join(here, "node-init.sh");
  const overlay = account.overlay === null ? ["-", "-"] : [account.overlay.passwd, account.overlay.group];
  // The trailing slash lets the supervisor tell this directory from another that begins like it.
  const args = [...secludingArguments(seclusion), "sh", script, `${clusterDirectory}/`, node, ...overlay];
  const init = spawn("unshare", args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
  await saysReady(init, node);
  writeFileSync(join(clusterDirectory, "own-ipc"), "");
  const inner = childrenOf(init.pid ?? -1)[0];
  if (inner === undefined) throw new Error(`the first process of ${node} ended at once`);
  const enter = ["nsenter", "--target", String(inner), "--mount", "--uts", "--ipc", "--pid"];
  return seclusion === "namespaces"
    ? [...enter, "--setuid", String(account.uid), "--setgid", String(account.gid), "--"]
    : [...enter, "--user", "--preserve-credentials", "--"];
}

function saysReady(init: ChildProcess, node: string): Promise<void> {
  let complaint = "";
  init.stderr?.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  return new Promise((resolve, reject) => {
    init.stdout?.once("data", () => resolve());
    init.once("error", reject);
    init.once("exit", (code) =>
      reject(new Error(`the namespaces of ${node} were not made (exit ${code}): ${complaint}`)),
    );
  });
}

/** Starts the process that ends everything and removes the directory when its stdin closes. */
export function startSupervisor(clusterDirectory: string): ChildProcess {
  return spawn("sh", [join(here, "supervisor.sh"), clusterDirectory], {
    stdio: ["pipe", "ignore", "inherit"],
    detached: true,
    cwd: "/",
  });
}

/** Process ids as the namespaces of a process see it, outermost first. */
export function idsOf(pid: number): readonly number[] {
  const line = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return line === undefined ? [pid] : line.trim().split(/\s+/).map(Number);
}
