import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** A desktop session's bus with GNOME's keyring on it, unlocked, in a directory of its own. */
export interface Keyring {
  /** What a program must be started with to find it. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const programs = ["/usr/bin/dbus-daemon", "/usr/bin/dbus-send", "/usr/bin/gnome-keyring-daemon"];

/** Why there can be no keyring here, or null when there can. */
export function whyNoKeyring(): string | null {
  const missing = programs.filter((path) => !existsSync(path));
  return missing.length === 0 ? null : `this machine has no ${missing.join(", ")}`;
}

/** Starts both and waits until the keyring answers. Keyrings already in the directory are opened by the same password. */
export async function startKeyring(directory: string): Promise<Keyring> {
  const runtime = join(directory, "run");
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  const own = { HOME: directory, XDG_DATA_HOME: join(directory, "data"), XDG_RUNTIME_DIR: runtime };
  const bus = spawn("/usr/bin/dbus-daemon", ["--session", "--nofork", "--print-address=1"], {
    env: { ...process.env, ...own },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const address = await new Promise<string>((resolve, reject) => {
    bus.stdout.once("data", (bytes: Buffer) => resolve(bytes.toString().trim()));
    bus.once("exit", (code) => reject(new Error(`dbus-daemon ended with ${String(code)}`)));
    bus.once("error", reject);
  });
  const environment = { ...own, DBUS_SESSION_BUS_ADDRESS: address, XDG_CURRENT_DESKTOP: "GNOME" };
  const env = { ...process.env, ...environment };
  const keyring = spawn("/usr/bin/gnome-keyring-daemon", ["--foreground", "--unlock", "--components=secrets"], {
    env,
    stdio: ["pipe", "ignore", "ignore"],
  });
  keyring.stdin.end("password of the keyring");
  while (!isOwned(env)) {
    if (keyring.exitCode !== null) throw new Error(`gnome-keyring-daemon ended with ${keyring.exitCode}`);
    await pause(100);
  }
  return {
    environment,
    stop: async () => {
      await end(keyring);
      await end(bus);
    },
  };
}

function isOwned(env: NodeJS.ProcessEnv): boolean {
  const ask = ["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"];
  const answer = execFileSync(
    "/usr/bin/dbus-send",
    [...ask, "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"],
    { env, encoding: "utf8" },
  );
  return answer.includes("boolean true");
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill();
  return ended;
}
