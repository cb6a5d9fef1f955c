import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { childrenOf } from "../sshd";
import { idsOf } from "./room";

/** The process ids of a running server as this process sees them. */
export interface ServerProcesses {
  readonly postmaster: number;
  readonly children: readonly number[];
}

/**
 * The server of a data directory, or null when none runs. The id in postmaster.pid may be stale, of another process
 * by now, and counts in the node's own namespace: it is believed only for a process that works in this very directory.
 */
export function serverOf(dataDirectory: string): ServerProcesses | null {
  const pidFile = join(dataDirectory, "postmaster.pid");
  if (!existsSync(pidFile)) return null;
  const written = Number(readFileSync(pidFile, "utf8").split("\n")[0]);
  const postmaster = process.platform === "linux" ? byProc(dataDirectory, written) : byPs(dataDirectory, written);
  return postmaster === null ? null : { postmaster, children: childrenOf(postmaster) };
}

function byProc(dataDirectory: string, written: number): number | null {
  const wanted = realpathSync(dataDirectory);
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      if (readlinkSync(`/proc/${pid}/cwd`) === wanted && idsOf(pid).at(-1) === written) return pid;
    } catch (error) {
      // Gone since the listing, or another account's process, which cannot be one of the cluster's.
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== "ENOENT" && code !== "ESRCH" && code !== "EACCES" && code !== "EPERM") throw error;
    }
  }
  return null;
}

function byPs(dataDirectory: string, written: number): number | null {
  try {
    const line = execFileSync("ps", ["-p", String(written), "-o", "args="], { encoding: "utf8" });
    return line.includes(`-D ${dataDirectory}`) ? written : null;
  } catch (error) {
    // ps ends with 1 when there is no such process.
    if ((error as { status?: number }).status === 1) return null;
    throw error;
  }
}

/** Sends a signal to the postmaster and all its children; those that ended meanwhile do not matter. */
export function signalServer(server: ServerProcesses, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
  for (const pid of [server.postmaster, ...server.children]) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}
