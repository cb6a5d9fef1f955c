import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../clock";
import type { Limits, Output } from "./access";
import { createRoom } from "./room";
import { createShellWorker, NeverSent, type ShellWorker } from "./shell-worker";
import { SshError } from "./ssh-error";
import type { Connection, ShellChannel } from "./transport";

/** The sessions of one connection: one for the shell worker, the others for commands, no more at once than the server takes. */
export interface Sessions {
  /** A session of its own. Rejects with SshError; nothing was sent then. */
  open(signal: AbortSignal): Promise<ShellChannel>;
  /** Asks the shell worker, begun anew when it was given up; what was not sent before that is asked of the next. */
  read(script: string, limits: Limits, signal?: AbortSignal): Promise<Output>;
  /** How many the server is thought to take. */
  readonly places: number;
  readonly taken: number;
  /** What waits for an answer is told `error`. */
  close(error?: SshError): void;
}

const workerPatienceMs = 20_000;
const refusalsBorne = 10;
const refusalPauseMs = 50;

export function createSessions(
  connection: Connection,
  parts: { readonly node: string; readonly clock: Clock; readonly newNonce: () => string },
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

  /** A session closed here still counts on the server until its shell is gone. Nothing was sent yet, so asking again is safe. */
  async function open(signal: AbortSignal): Promise<ShellChannel> {
    for (let refusals = 1; ; refusals += 1) {
      makeRoom();
      const leave = await room.enter(signal);
      try {
        const channel = await connection.openShell();
        channel.once("close", leave);
        if (!signal.aborted) return channel;
        channel.close();
        throw signal.reason;
      } catch (error) {
        leave();
        if (!isRefusal(error) || refusals === refusalsBorne || signal.aborted) throw error;
        room.shrink();
        makeRoom();
        await pause(refusalPauseMs * refusals);
      }
    }
  }

  /** Shared by all who wait for it, so no deadline of one of them ends it. */
  async function begin(): Promise<ShellWorker> {
    const channel = await open(AbortSignal.timeout(workerPatienceMs));
    const begun = createShellWorker(channel, { ...parts, onIdle: () => room.waiting > 0 && makeRoom() });
    worker = begun;
    return begun;
  }

  function usableWorker(): Promise<ShellWorker> {
    if (worker?.isUsable === true) return Promise.resolve(worker);
    beginning ??= begin().finally(() => (beginning = null));
    return beginning;
  }

  return {
    open,
    read: async (script, limits, signal) => {
      for (;;) {
        const asked = await usableWorker();
        signal?.throwIfAborted();
        try {
          return await asked.read(script, limits);
        } catch (error) {
          if (!(error instanceof NeverSent)) throw error;
        }
      }
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

function isRefusal(error: unknown): boolean {
  return error instanceof SshError && error.kind === "channel-refused";
}
