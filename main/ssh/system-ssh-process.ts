import { spawn } from "node:child_process";
import { once } from "node:events";

/** The system's ssh while it runs, and what it said. */
export interface SshProcess {
  /** Also that of its process group; null when it could not be started. */
  readonly pid: number | null;
  stdout(): string;
  stderr(): string;
  /** Resolves when it is gone; null when it was ended by a signal or could not be started (then `stderr` tells). */
  readonly ended: Promise<number | null>;
  /** Ends it with all it started: jump hosts, ProxyCommand, an open question. What does not go within two seconds is killed. */
  end(): void;
}

const keptBytes = 64 * 1024;
const goMs = 2_000;

/**
 * The one place of the core that starts OpenSSH's `ssh` on the desktop, with an argument list and no shell, and the guard below.
 * It leads a process group of its own, so that it has no terminal to ask on and can be ended whole.
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
    child.once("exit", (code) => {
      // A jump host's ssh or a ProxyCommand may outlive it; while one does, no other group can have this number.
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
      setImmediate(() => resolve(code));
    });
  });
  let isEnding = false;
  return {
    pid: child.pid ?? null,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    end: () => {
      const { pid } = child;
      if (isEnding || pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      isEnding = true;
      signalGroup(pid, "SIGTERM");
      const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), goMs);
      child.once("exit", () => clearTimeout(timer));
    },
  };
}

function signalGroup(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** What it printed when it ended by itself in time; null when it had to be ended. */
export async function askSsh(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv,
  limitMs: number,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string } | null> {
  const asked = startSsh(argv, environment);
  const wait = { isOver: false };
  const timer = setTimeout(() => {
    wait.isOver = true;
    asked.end();
  }, limitMs);
  const code = await asked.ended;
  clearTimeout(timer);
  return wait.isOver ? null : { code, stdout: asked.stdout(), stderr: asked.stderr() };
}

/**
 * Its input closes with the core, however that ended; then it ends the process groups whose numbers are in the directory, and the directory.
 * ```
 * <directory>/<connection>/pid
 * ```
 */
const guardText = `trap '' HUP INT
while IFS= read -r _; do :; done
groups=
for at in "$1"/*/pid; do
  read -r pid <"$at" || continue
  case $pid in *[!0-9]*) continue ;; esac
  kill -s TERM -- "-$pid" && groups="$groups -$pid"
done
rm -rf -- "$1"
[ -z "$groups" ] && exit 0
sleep 2
kill -s KILL -- $groups
`;

export interface Guard {
  /** Resolves when it has ended what was left. */
  release(): Promise<void>;
}

/** One shell that outlives a core that was killed, and leaves no master of it behind. Rejects where no shell can be started. */
export async function startGuard(directory: string): Promise<Guard> {
  const child = spawn("/bin/sh", ["-c", guardText, "sh", directory], {
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  await once(child, "spawn");
  const ended = once(child, "exit");
  // The core may end without a word to it: that is what it waits for.
  child.unref();
  child.stdin.on("error", () => undefined);
  return {
    release: async () => {
      child.ref();
      child.stdin.end();
      await ended;
    },
  };
}
