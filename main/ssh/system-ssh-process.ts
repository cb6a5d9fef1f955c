import { spawn } from "node:child_process";

/** The system's ssh while it runs, and what it said. */
export interface SshProcess {
  stdout(): string;
  stderr(): string;
  /** Resolves when it is gone; null when it was ended by a signal or could not be started (then `stderr` tells). */
  readonly ended: Promise<number | null>;
  /** Ends it with all it started: jump hosts, ProxyCommand, an open question. */
  end(): void;
}

const keptBytes = 64 * 1024;

/**
 * The one place of the core that starts a program on the desktop: OpenSSH's `ssh`, with an argument list and no shell. It leads a
 * process group of its own, so that it has no terminal to ask on and can be ended whole.
 */
export function startSsh(argv: readonly string[], environment: NodeJS.ProcessEnv): SshProcess {
  const child = spawn("ssh", argv, {
    env: { ...environment, LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    shell: false,
    windowsHide: true,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout = (stdout + text).slice(-keptBytes)));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-keptBytes)));
  const ended = new Promise<number | null>((resolve) => {
    child.once("error", (error) => {
      stderr += error.message;
      resolve(null);
    });
    // Not `close`: a background process of the person's own config may keep the pipes for ever.
    child.once("exit", (code) => setImmediate(() => resolve(code)));
  });
  return {
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    end: () => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      endGroup(child.pid);
    },
  };
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGTERM");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
