import type { Clock } from "../clock";
import type { Limits, Output } from "./access";
import { FrameReader } from "./frame-reader";
import { framedRead, toldScript, workerPreamble } from "./launch";
import { shellEnded } from "./shell-ended";
import { introducedIn, type ShellProcess } from "./shell-process";
import { SshError } from "./ssh-error";
import type { ShellChannel } from "./transport";

/** No greeting is this long: what prints on and on before the first answer would only hold everybody until the deadline. */
const longestNoiseBytes = 1 << 20;

/** The shell was given up before this was sent to it: whoever asked may ask the next one. */
export class NeverSent extends Error {}

/** Characters of what came before the first answer; a shell introduces itself in fewer. */
const longestNoise = 1_000;

/** The one long-lived sh of a node. Requests are answered one after another; none starts a process. */
export interface ShellWorker {
  /** Keeps the deadline, also for what waits in the line. Rejects with SshError, or with NeverSent. */
  read(script: string, limits: Limits): Promise<Output>;
  readonly isUsable: boolean;
  /** True while nothing is asked of it. */
  readonly isIdle: boolean;
  /** What waits for an answer is told `error`. */
  close(error?: SshError): void;
}

interface Request {
  readonly script: string;
  readonly limits: Limits;
  readonly resolve: (output: Output) => void;
  readonly reject: (error: SshError | NeverSent) => void;
  readonly askedAtMs: number;
  readonly timer: NodeJS.Timeout;
}

/** More scripts than a node's members ask for; beyond that the shell is told anew, under the names it knows. */
const mostTold = 64;

/** Takes over a channel on which the launcher was just executed. */
export function createShellWorker(
  channel: ShellChannel,
  parts: {
    readonly node: string;
    readonly clock: Clock;
    readonly newNonce: () => string;
    /** Called when the last request was answered. */
    readonly onIdle: () => void;
    /** Called when it was given up in the middle of a read: on the node it stays until what it waits for is over, or somebody ends it. */
    readonly onAbandoned: (shell: ShellProcess) => void;
  },
): ShellWorker {
  const queue: Request[] = [];
  /** The name under which the shell was told each script. */
  const told = new Map<string, string>();
  let current: { request: Request; reader: FrameReader } | null = null;
  let ended: SshError | NeverSent | null = null;
  let stderrTail = "";
  /** What came on stdout before the first answer: a shell that is none says why there. */
  let noise = "";
  let noiseBytes = 0;
  let hasAnswered = false;
  let shell: ShellProcess | null = null;

  const mark = parts.newNonce();
  channel.write(workerPreamble(mark));
  channel.on("data", (chunk: Buffer) => {
    if (!hasAnswered) note(chunk.toString("utf8"));
    if (current?.reader.push(chunk) === true) finish();
    else if (current?.reader.hasStarted !== true) hear(chunk);
  });
  // Login scripts may print here; it must be drained or the channel stalls, and it tells why a shell is unusable.
  channel.stderr.on("data", (chunk: Buffer) => {
    stderrTail = (stderrTail + chunk.toString("utf8")).slice(-500);
    hear(chunk);
  });
  channel.on("error", (error: Error) => end(new SshError("link-lost", parts.node, { problem: error.message })));
  channel.on("close", () => end(shellEnded(parts.node, `${noise}\n${stderrTail}`)));

  function hear(chunk: Buffer): void {
    noiseBytes += hasAnswered ? 0 : chunk.length;
    if (noiseBytes > longestNoiseBytes) end(new SshError("shell-floods", parts.node, { bytes: noiseBytes }));
  }

  function note(text: string): void {
    noise += text;
    shell ??= introducedIn(noise, mark);
    // It is no reason why a shell is unusable.
    if (shell !== null) noise = noise.replace(new RegExp(`\\n${mark}=.*\\n`), "");
    noise = noise.slice(-longestNoise);
  }

  function next(): void {
    if (current !== null || ended !== null) return;
    const [request] = queue;
    if (request === undefined) return parts.onIdle();
    if (parts.clock.monotonicMs() - request.askedAtMs >= request.limits.deadlineMs) {
      late(request);
      return next();
    }
    queue.shift();
    const nonce = parts.newNonce();
    current = { request, reader: new FrameReader(nonce, request.limits.maxBytes) };
    channel.write(asked(request.script, nonce));
  }

  function late(request: Request): void {
    const error = new SshError("deadline", parts.node, { deadlineMs: request.limits.deadlineMs });
    if (current?.request === request) {
      end(error, new NeverSent());
      if (shell !== null) parts.onAbandoned(shell);
      return;
    }
    // Its time went by in the line; nothing was sent, so the stream is as good as before.
    clearTimeout(request.timer);
    queue.splice(queue.indexOf(request), 1);
    request.reject(error);
  }

  function asked(script: string, nonce: string): string {
    const known = told.get(script);
    if (known !== undefined) return framedRead(known, nonce);
    if (told.size === mostTold) told.clear();
    const name = `ek${told.size}`;
    told.set(script, name);
    return toldScript(name, script) + framedRead(name, nonce);
  }

  function finish(): void {
    if (current === null) return;
    hasAnswered = true;
    noise = "";
    const { request, reader } = current;
    clearTimeout(request.timer);
    current = null;
    request.resolve({
      stdout: reader.bytes.text(),
      stderr: "",
      ending: { kind: "exited", code: Number(reader.status) },
      droppedBytes: reader.bytes.droppedBytes,
      takenAt: parts.clock.nowMs(),
      tookMs: parts.clock.monotonicMs() - request.askedAtMs,
    });
    next();
  }

  /** After an answer that did not come in time the stream's state is unknown: the worker is given up whole. `waiting` is for what was not sent. */
  function end(error: SshError, waiting: SshError | NeverSent = error): void {
    if (ended !== null) return;
    ended = waiting;
    if (current !== null) {
      clearTimeout(current.request.timer);
      current.request.reject(error);
      current = null;
    }
    for (const request of queue.splice(0)) {
      clearTimeout(request.timer);
      request.reject(waiting);
    }
    channel.close();
  }

  return {
    read: (script, limits) =>
      new Promise<Output>((resolve, reject) => {
        if (ended !== null) return reject(ended);
        const timer = setTimeout(() => late(request), limits.deadlineMs);
        const request: Request = { script, limits, resolve, reject, askedAtMs: parts.clock.monotonicMs(), timer };
        queue.push(request);
        next();
      }),
    get isUsable() {
      return ended === null;
    },
    get isIdle() {
      return current === null && queue.length === 0;
    },
    close: (error) => end(error ?? new SshError("closed", parts.node)),
  };
}
