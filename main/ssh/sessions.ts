import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../clock";
import type { Limits, Output } from "./access";
import type { Backoff } from "./backoff";
import { framed } from "./launch";
import { converse } from "./one-command";
import { createRoom } from "./room";
import { endingScript, type ShellProcess } from "./shell-process";
import { createShellWorker, NeverSent, type ShellWorker } from "./shell-worker";
import { SshError } from "./ssh-error";
import type { Connection, ShellChannel } from "./transport";
import { within } from "./within";

/** The sessions of one connection: one for the shell worker, the others for commands, no more at once than the server takes. */
export interface Sessions {
  /** A session of its own. Rejects with SshError; nothing was sent then. */
  open(signal: AbortSignal): Promise<ShellChannel>;
  /** Begins the shell worker, with a patience of its own. Rejects with SshError. */
  begin(): Promise<unknown>;
  /** Asks the shell worker, begun anew when it was given up; what was not sent before that is asked of the next, within one deadline. */
  read(script: string, limits: Limits): Promise<Output>;
  /** How many the server is thought to take. */
  readonly places: number;
  readonly taken: number;
  /** What waits for an answer is told `error`. */
  close(error?: SshError): void;
}

const workerPatienceMs = 20_000;
const endingLimits: Limits = { deadlineMs: 20_000, maxBytes: 1_000 };
const refusalsBorne = 10;
const refusalPauseMs = 50;

export function createSessions(
  connection: Connection,
  parts: {
    readonly node: string;
    readonly clock: Clock;
    readonly newNonce: () => string;
    /** Shells that may still be on the node though nobody needs them. */
    readonly abandoned: Set<ShellProcess>;
    /** When those are tried to be ended; of the node, like them, and no matter of one connection. */
    readonly endings: Backoff;
    /** The server gives no session though none is open: it counts shells that it does not end, and would count them as long as this connection lives. */
    readonly onExhausted: (error: SshError) => void;
  },
  places?: number,
): Sessions {
  const room = createRoom(places);
  let worker: ShellWorker | null = null;
  let beginning: Promise<ShellWorker> | null = null;

  /** Where one session is all the server takes, a worker that has nothing to do makes room; it is begun anew when next needed. */
  function makeRoom(): void {
    if (worker?.isIdle !== true || room.places > 1) return;
    worker.close();
    worker = null;
  }

  let isEnding = false;
  /** Given up on this connection and not ended yet: each takes a session that is of no use to anybody. */
  const stuck = new Set<ShellProcess>();
  /** Open, and of use to somebody. */
  const used = new Set<ShellChannel>();

  /** True where nothing but shells that were given up is left in the room that the server gives. */
  function isExhausted(): boolean {
    return stuck.size > 0 && used.size === 0 && room.places <= stuck.size;
  }

  function refuseAll(error: SshError): never {
    parts.onExhausted(error);
    throw error;
  }

  /** A session closed here still counts on the server until its shell is gone. Nothing was sent yet, so asking again is safe. */
  async function open(signal: AbortSignal): Promise<ShellChannel> {
    for (let refusals = 1; ; refusals += 1) {
      makeRoom();
      if (isExhausted()) refuseAll(new SshError("channel-refused", parts.node, { problem: "ssh/shells-hang" }));
      const leave = await room.enter(signal);
      try {
        const channel = await connection.openShell();
        used.add(channel);
        channel.once("close", () => {
          used.delete(channel);
          leave();
        });
        if (!signal.aborted) return channel;
        channel.close();
        throw signal.reason;
      } catch (error) {
        leave();
        if (!isRefusal(error) || signal.aborted) throw error;
        room.shrink();
        if (isExhausted() || (refusals === refusalsBorne && room.taken === 0)) refuseAll(error);
        if (refusals === refusalsBorne) throw error;
        makeRoom();
        await pause(refusalPauseMs * refusals);
      }
    }
  }

  /** Shared by all who wait for it, so no deadline of one of them ends it. */
  async function begin(): Promise<ShellWorker> {
    const channel = await open(AbortSignal.timeout(workerPatienceMs)).catch((error: unknown) => {
      throw error instanceof SshError
        ? error
        : new SshError("silent", parts.node, { stage: "ssh/stage.channel" }, error);
    });
    const begun = createShellWorker(channel, {
      ...parts,
      onIdle: () => {
        if (room.waiting > 0) makeRoom();
        if (!isEnding && parts.abandoned.size > 0 && parts.endings.isDue()) void endAbandoned();
      },
      onAbandoned: (shell) => {
        parts.abandoned.add(shell);
        used.delete(channel);
        stuck.add(shell);
      },
    });
    worker = begun;
    return begun;
  }

  function usableWorker(): Promise<ShellWorker> {
    if (worker?.isUsable === true) return Promise.resolve(worker);
    beginning ??= begin().finally(() => (beginning = null));
    return beginning;
  }

  async function readByNext(script: string, limits: Limits, signal: AbortSignal): Promise<Output> {
    for (;;) {
      const asked = await usableWorker();
      signal.throwIfAborted();
      try {
        return await asked.read(script, limits);
      } catch (error) {
        if (!(error instanceof NeverSent)) throw error;
      }
    }
  }

  /** Shells that were given up in the middle of a read, on this connection or an earlier one. Never rejects. */
  async function endAbandoned(): Promise<void> {
    isEnding = true;
    const link = { isLost: false };
    const stopListening = connection.onLost(() => (link.isLost = true));
    try {
      for (const shell of parts.abandoned) {
        const startedAtMs = parts.clock.monotonicMs();
        const channel = await open(AbortSignal.timeout(workerPatienceMs));
        const nonce = parts.newNonce();
        const { clock } = parts;
        const script = framed(endingScript(shell), nonce);
        const heard = { clock, nonce, startedAtMs, onLost: connection.onLost };
        const { ending } = await converse(channel, script, endingLimits, heard);
        // One that does not end stays on the list, for the next time, and keeps none of the others there.
        if (ending.kind !== "exited" || ending.code !== 0) {
          parts.endings.failed();
          continue;
        }
        parts.endings.succeeded();
        parts.abandoned.delete(shell);
        stuck.delete(shell);
      }
    } catch {
      // No session was to be had. Their reads were told long ago, and nobody waits for their end. A new connection tries at once.
      if (!link.isLost) parts.endings.failed();
    } finally {
      stopListening();
      isEnding = false;
    }
  }

  return {
    open,
    begin: usableWorker,
    read: async (script, limits) => {
      const askedAtMs = parts.clock.monotonicMs();
      try {
        // A worker keeps the deadline by itself, so that the usual read costs one timer and no signal.
        if (worker?.isUsable === true) return await worker.read(script, limits);
      } catch (error) {
        if (!(error instanceof NeverSent)) throw error;
      }
      const leftMs = limits.deadlineMs - (parts.clock.monotonicMs() - askedAtMs);
      return within(parts.node, limits.deadlineMs, (signal) => readByNext(script, limits, signal), undefined, leftMs);
    },
    get places() {
      return room.places;
    },
    get taken() {
      return room.taken;
    },
    close: (error) => {
      worker?.close(error);
      worker = null;
    },
  };
}

function isRefusal(error: unknown): error is SshError {
  return error instanceof SshError && error.kind === "channel-refused";
}
