import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

const program = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"].find(existsSync) ?? null;

/** Where this machine's redis-server is, or null. */
export function systemRedis(): string | null {
  return program;
}

export interface RedisProcess {
  readonly pid: number;
  readonly port: number;
  /** What redis-cli prints, in its raw form. */
  cli(...words: readonly string[]): string;
  stop(): Promise<void>;
}

/** Starts a real redis-server on loopback, with these words after the program, and waits until it answers. */
export async function startRedis(
  directory: string,
  port: number,
  words: readonly string[] = [],
): Promise<RedisProcess> {
  if (program === null) throw new Error("this machine has no redis-server");
  mkdirSync(directory, { recursive: true });
  const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""];
  const child = spawn(program, [...place, ...words], { stdio: "ignore" });
  const cli = (...command: readonly string[]): string =>
    execFileSync("redis-cli", ["-p", String(port), ...command], {
      encoding: "utf8",
      timeout: 5_000,
      stdio: "pipe",
    }).trim();
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
    try {
      if (/PONG|NOAUTH|NOPERM/.test(cli("PING"))) return { pid: child.pid ?? -1, port, cli, stop: () => end(child) };
    } catch (error) {
      // redis-cli ends with 1 until the port is open.
      if ((error as { status?: number }).status !== 1) throw error;
    }
    await pause(50);
  }
  await end(child);
  throw new Error(`redis-server did not answer on ${port}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  await ended;
}
