import { utilityProcess, ipcMain, type BrowserWindow, type IpcMainInvokeEvent, type UtilityProcess } from "electron";
import { eventChannel, requestChannel } from "../../contract/channel-names";
import { requests, type EventName, type Failure, type RequestName } from "../../contract/channels";
import { sentence } from "../../contract/sentence";
import type { ShellActs, ShellAnswer, ToCore, ToShell } from "../core-link";
import type { CoreParts } from "../core-port";
import { keyStorageActs } from "./key-storage";

export interface ServeParts {
  readonly corePath: string;
  readonly core: Omit<CoreParts, "shell">;
  /** The only place a request may come from. */
  readonly origin: string;
  readonly window: () => BrowserWindow | null;
  readonly chooseSavePath: (suggestedName: string) => Promise<string | null>;
  readonly chooseOpenPath: () => Promise<string | null>;
}

/** After a crash the core is started again, later each time, so that a core that cannot start does not spin. */
const firstRestartMs = 500;
const longestRestartMs = 30_000;
/** A person who quits waits this long at most. */
const closeWithinMs = 5_000;

/** Passes requests of the view to the core and events back; the shell itself decides nothing but who may ask. */
export function serve(parts: ServeParts): {
  readonly power: (state: "suspended" | "resumed") => void;
  /** Resolves when the core has ended: by itself, with all it holds written and its lock released, or by force when it takes too long. */
  readonly stop: () => Promise<void>;
} {
  const waiting = new Map<number, (reply: unknown) => void>();
  let core: UtilityProcess | null = null;
  let nextId = 0;
  let restartMs = firstRestartMs;
  let stopped = false;
  /** Why the core could not start; null once it could. */
  let notStarted: string | null = null;

  const send = (name: EventName, payload: unknown): void =>
    parts.window()?.webContents.send(eventChannel, name, payload);
  const toCore = (message: ToCore): void => core?.postMessage(message);
  const unavailable = (): Failure =>
    notStarted === null
      ? failure("unavailable", "request/core-stopped", {})
      : failure("unavailable", "request/core-not-started", { problem: notStarted });

  function start(): void {
    const child = utilityProcess.fork(parts.corePath, [], { serviceName: "Evenkeel core" });
    core = child;
    child.on("message", (message: ToShell) => void hear(message));
    child.once("exit", () => {
      if (core === child) core = null;
      for (const [id, settle] of waiting) {
        waiting.delete(id);
        settle(unavailable());
      }
      if (stopped) return;
      send("core:state", { state: "stopped" });
      setTimeout(() => !stopped && start(), restartMs);
      restartMs = Math.min(longestRestartMs, restartMs * 2);
    });
    child.postMessage({ kind: "start", parts: parts.core } satisfies ToCore);
  }

  async function hear(message: ToShell): Promise<void> {
    switch (message.kind) {
      case "started":
        restartMs = firstRestartMs;
        notStarted = null;
        send("core:state", { state: "running" });
        return;
      case "failed":
        console.error(message.problem);
        notStarted = message.problem;
        core?.kill();
        return;
      case "reply":
        waiting.get(message.id)?.(message.reply);
        waiting.delete(message.id);
        return;
      case "event":
        send(message.name, message.payload);
        return;
      case "ask-shell":
        toCore({ kind: "shell-answer", id: message.id, answer: await actFor(message) });
        return;
    }
  }

  const acts: ShellActs = {
    ...keyStorageActs,
    "choose-save-path": parts.chooseSavePath,
    "choose-open-path": parts.chooseOpenPath,
  };
  async function actFor({ ask, taken }: Extract<ToShell, { kind: "ask-shell" }>): Promise<ShellAnswer> {
    try {
      const act: (given: never) => Promise<unknown> = acts[ask];
      return { ok: true, value: await act(taken as never) };
    } catch (error) {
      return { ok: false, problem: (error as Error).message };
    }
  }

  ipcMain.handle(requestChannel, (event, name: unknown, argument: unknown) => {
    const refused = refuse(parts, event, name, argument);
    if (refused !== null) return refused;
    if (core === null) return unavailable();
    return new Promise((resolve) => {
      nextId += 1;
      waiting.set(nextId, resolve);
      toCore({ kind: "request", id: nextId, name: name as RequestName, argument });
    });
  });
  start();
  return {
    power: (state) => toCore({ kind: "power", state }),
    stop: async () => {
      stopped = true;
      const child = core;
      if (child === null) return;
      const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      const tooLong = setTimeout(() => child.kill(), closeWithinMs);
      toCore({ kind: "close" });
      await ended;
      clearTimeout(tooLong);
    },
  };
}

/** Only the main frame of the window, at the app's own origin, with a known request and a fitting argument. */
function refuse(parts: ServeParts, event: IpcMainInvokeEvent, name: unknown, argument: unknown): Failure | null {
  const frame = event.senderFrame;
  const isOurs =
    frame !== null &&
    frame === parts.window()?.webContents.mainFrame &&
    new URL(frame.url).origin === new URL(parts.origin).origin;
  if (!isOurs)
    return failure("argument-refused", "request/argument-refused", {
      request: "",
      problem: "the sender is not the window",
    });
  if (typeof name !== "string" || !Object.hasOwn(requests, name)) {
    return failure("argument-refused", "request/argument-refused", {
      request: String(name).slice(0, 80),
      problem: "no such request",
    });
  }
  const checked = requests[name as RequestName].takes.safeParse(argument);
  if (checked.success) return null;
  const problem = checked.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
  return failure("argument-refused", "request/argument-refused", { request: name, problem });
}

function failure(kind: Failure["kind"], code: string, facts: Record<string, string>): Failure {
  return { ok: false, kind, sentence: sentence(code, facts) };
}
