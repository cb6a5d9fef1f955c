import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { createBackoff } from "../../main/ssh/backoff";
import { createSessions } from "../../main/ssh/sessions";
import { SshError } from "../../main/ssh/ssh-error";
import type { ShellProcess } from "../../main/ssh/shell-process";
import type { Connection, ShellChannel } from "../../main/ssh/transport";
import { fakeClock } from "../fake/fake-clock";
import { loginTo } from "./person";

/** A real sh of this machine in the place of a node's; `refusal` is what it is told before anything else. */
function shellHere(refusal: string): ShellChannel {
  const child = spawn("/bin/sh", ["-s"], { stdio: "pipe" });
  child.stdin.write(refusal);
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin }) as Duplex & Partial<ShellChannel>;
  stream.on("error", () => undefined);
  return Object.assign(stream, { stderr: child.stderr, close: () => void (child.kill("SIGKILL"), stream.destroy()) });
}

it("tries a shell that it cannot end ever more seldom, however often it reads, and one that it can end at once", async () => {
  const clock = fakeClock();
  let mayEnd = false;
  let opened = 0;
  const connection: Connection = {
    login: loginTo(1),
    certifiedUntil: null,
    openShell: () => {
      opened += 1;
      // The worker is the first; a function goes before the builtin of its name.
      return Promise.resolve(shellHere(opened === 1 || mayEnd ? "" : "kill() { return 1; }\n"));
    },
    dial: () => Promise.reject(new Error("nothing is dialled")),
    onLost: () => () => undefined,
    close: () => undefined,
  };
  const hung = spawn("/bin/sleep", ["600"], { stdio: "ignore" });
  const ended = new Promise((resolve) => hung.once("exit", (_code, signal) => resolve(signal)));
  const stat = readFileSync(`/proc/${String(hung.pid)}/stat`, "utf8");
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const startTicks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  const abandoned = new Set<ShellProcess>([{ bootId, pid: hung.pid ?? -1, startTicks }]);
  const sessions = createSessions(connection, {
    node: "node",
    clock,
    newNonce: () => randomBytes(16).toString("hex"),
    abandoned,
    endings: createBackoff(clock, { firstMs: 1_000, longestMs: 4_000 }),
    onExhausted: () => undefined,
  });
  /** Reads after so long, and tells whether a session was opened for the shell that hangs. */
  const triedAfter = async (ms: number): Promise<boolean> => {
    clock.pass(ms);
    const before = Math.max(1, opened);
    await sessions.read(":", { deadlineMs: 60_000, maxBytes: 1_000 });
    for (let still = 0; still < 5; still += 1) await turn();
    const isTried = opened > before;
    // Its end is heard before the next read.
    while (sessions.taken > 1) await turn();
    for (let still = 0; still < 5; still += 1) await turn();
    return isTried;
  };
  try {
    const tried: boolean[] = [];
    for (const ms of [0, 0, 999, 1, 1_999, 1, 3_999, 1, 3_999, 1]) tried.push(await triedAfter(ms));
    expect(tried).toEqual([true, false, false, true, false, true, false, true, false, true]);
    mayEnd = true;
    expect(await triedAfter(4_000)).toBe(true);
    expect([abandoned.size, await ended]).toEqual([0, "SIGKILL"]);
    abandoned.add({ bootId, pid: 2 ** 22 + 1, startTicks });
    expect(await triedAfter(0)).toBe(true);
  } finally {
    hung.kill("SIGKILL");
    sessions.close();
  }
});

it("counts a try for which no session was to be had, unless the connection was lost", async () => {
  const clock = fakeClock();
  let opened = 0;
  let listener = null as ((error: SshError) => void) | null;
  let isLosing = false;
  const connection: Connection = {
    login: loginTo(1),
    certifiedUntil: null,
    openShell: () => {
      opened += 1;
      if (opened === 1) return Promise.resolve(shellHere(""));
      const none = new SshError("silent", "node", { stage: "ssh/stage.channel" });
      if (isLosing) listener?.(none);
      return Promise.reject(none);
    },
    dial: () => Promise.reject(new Error("nothing is dialled")),
    onLost: (listening) => ((listener = listening), () => undefined),
    close: () => undefined,
  };
  const endings = createBackoff(clock, { firstMs: 1_000, longestMs: 4_000 });
  const sessions = createSessions(connection, {
    node: "node",
    clock,
    newNonce: () => randomBytes(16).toString("hex"),
    abandoned: new Set<ShellProcess>([{ bootId: "another", pid: 1, startTicks: 1 }]),
    endings,
    onExhausted: () => undefined,
  });
  const triesAfter = async (ms: number): Promise<number> => {
    clock.pass(ms);
    const before = Math.max(1, opened);
    await sessions.read(":", { deadlineMs: 60_000, maxBytes: 1_000 });
    for (let still = 0; still < 5; still += 1) await turn();
    return opened - before;
  };
  try {
    const tries: number[] = [];
    for (const ms of [0, 0, 999, 1, 1_999, 1]) tries.push(await triesAfter(ms));
    expect(tries).toEqual([1, 0, 0, 1, 0, 1]);
    isLosing = true;
    expect([await triesAfter(4_000), endings.isDue()]).toEqual([1, true]);
  } finally {
    sessions.close();
  }
});
