import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../clock";
import type { Limits, LinkState, NodeAccess } from "./access";
import { commandLine } from "./launch";
import { runOneCommand } from "./one-command";
import { createShellWorker, type ShellWorker } from "./shell-worker";
import { SshError } from "./ssh-error";
import type { Connection, ShellChannel } from "./transport";

export interface NodeLinkParts {
  readonly node: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly newNonce: () => string;
  readonly connect: () => Promise<Connection>;
  readonly changed: (state: LinkState) => void;
}

export interface NodeLink extends NodeAccess {
  close(): void;
}

const firstBackoffMs = 1_000;
const longestBackoffMs = 60_000;
const roomAttempts = 6;
const roomPauseMs = 50;
const identityLimits: Limits = { deadlineMs: 10_000, maxBytes: 4_096 };

/**
 * Who the shell is: /proc/self is the shell itself when a builtin reads it.
 * ```
 * Uid:	1000	1000	1000	1000
 * ```
 */
const identityScript = `while read -r key first rest; do case $key in Uid:) echo "$first";; esac; done </proc/self/status`;

/** The connection of one node: made when first needed, remade after a pause when lost, and shared by all who ask. */
export function createNodeLink(parts: NodeLinkParts): NodeLink {
  let state: LinkState = { state: "idle" };
  let connection: Connection | null = null;
  let worker: ShellWorker | null = null;
  let opening: Promise<Connection> | null = null;
  let failures = 0;
  let retryAtMs = 0;
  let closed = false;

  function move(next: LinkState): void {
    state = next;
    parts.changed(next);
  }

  /** A person who asks again may wait for the pause to pass; a cycle that asks gets the last error at once. */
  function open(): Promise<Connection> {
    if (closed) return Promise.reject(new SshError("closed", parts.node));
    if (connection !== null) return Promise.resolve(connection);
    if (opening !== null) return opening;
    if (state.state === "broken" && parts.clock.monotonicMs() < retryAtMs) return Promise.reject(state.error);
    if (state.state !== "broken") move({ state: "connecting" });
    opening = establish().finally(() => (opening = null));
    return opening;
  }

  async function establish(): Promise<Connection> {
    try {
      const made = await parts.connect();
      connection = made;
      made.onLost((error) => lose(made, error));
      const identity = await identify(made);
      failures = 0;
      move({ state: "ready", since: parts.clock.nowMs(), ...identity });
      return made;
    } catch (error) {
      const problem =
        error instanceof SshError ? error : new SshError("link-lost", parts.node, { problem: String(error) });
      connection?.close();
      broken(problem);
      throw problem;
    }
  }

  async function identify(made: Connection): Promise<{ roundTripMs: number; account: string; isRoot: boolean }> {
    const shell = await workerOf(made);
    await shell.read(":", identityLimits);
    const asked = await shell.read(identityScript, identityLimits);
    return { roundTripMs: asked.tookMs, account: made.login.user, isRoot: asked.stdout.trim() === "0" };
  }

  function lose(which: Connection, error: SshError): void {
    if (connection !== which) return;
    broken(error);
  }

  function broken(error: SshError): void {
    const wasBrokenSince = state.state === "broken" ? state.since : parts.clock.nowMs();
    connection = null;
    worker?.close();
    worker = null;
    const pauseMs = Math.min(longestBackoffMs, firstBackoffMs * 2 ** failures);
    failures += 1;
    retryAtMs = parts.clock.monotonicMs() + pauseMs * (0.75 + 0.5 * parts.random());
    if (!closed) move({ state: "broken", since: wasBrokenSince, error });
  }

  async function workerOf(made: Connection): Promise<ShellWorker> {
    if (worker?.isUsable === true) return worker;
    const channel = await openWhenRoom(made);
    worker = createShellWorker(channel, parts);
    return worker;
  }

  function identityNow(): { account: string; isRoot: boolean } {
    if (state.state !== "ready") throw new SshError("closed", parts.node);
    return state;
  }

  return {
    node: parts.node,
    state: () => state,
    ready: async () => void (await open()),
    read: async (script, limits) =>
      withDeadline(parts.node, limits.deadlineMs, async () => (await workerOf(await open())).read(script, limits)),
    shown: (command) => commandLine(command, identityNow()),
    run: async (command, limits) => {
      const startedAtMs = parts.clock.monotonicMs();
      const made = await withDeadline(parts.node, limits.deadlineMs, open);
      const channel = await runChannel(made);
      return runOneCommand(channel, commandLine(command, identityNow()), command.stdin, limits, {
        clock: parts.clock,
        nonce: parts.newNonce(),
        startedAtMs,
      });
    },
    dial: async (target, limits) =>
      withDeadline(parts.node, limits.deadlineMs, async () => (await open()).dial(target, limits.deadlineMs)),
    close: () => {
      closed = true;
      worker?.close();
      connection?.close();
      connection = null;
    },
  };

  /** Where the server allows one session only, the worker makes room; it is opened anew when next needed. */
  async function runChannel(made: Connection): Promise<ShellChannel> {
    try {
      return await made.openShell();
    } catch (error) {
      if (!isRefusal(error) || worker === null) throw error;
      worker.close();
      worker = null;
      return openWhenRoom(made);
    }
  }
}

/** A session that was closed here still counts on the server until its shell is gone. Nothing was sent yet, so asking again is safe. */
async function openWhenRoom(made: Connection): Promise<ShellChannel> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await made.openShell();
    } catch (error) {
      if (!isRefusal(error) || attempt === roomAttempts) throw error;
      await pause(roomPauseMs * attempt);
    }
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof SshError && error.kind === "channel-refused";
}

function withDeadline<T>(node: string, deadlineMs: number, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new SshError("deadline", node, { deadlineMs })), deadlineMs);
    work()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}
