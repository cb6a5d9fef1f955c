import type { Clock } from "../clock";
import type { Ending, Limits, Output } from "./access";
import { CappedBytes, FrameReader } from "./frame-reader";
import { createPatience } from "./patience";
import { signalOf } from "./signals";
import { promptOf, sudoAttempts } from "./sudo";
import type { Connection, ShellChannel } from "./transport";

/** After the end mark the shell has nothing left to say; a daemon it started may hold the channel open for ever. */
const graceAfterEndMarkMs = 300;
/** A command that has said this much beyond the cap is stopped: it only reads, and its answer is unusable already. */
const floodBytes = 64 << 20;
/** A channel ends a moment before its link is known to be gone. */
const lossIsKnownMs = 50;

export interface ConversationParts {
  readonly clock: Clock;
  readonly nonce: string;
  readonly startedAtMs: number;
  readonly onLost: Connection["onLost"];
  /** Answers sudo's prompt; null says that there is no password. Left out where nothing may ask. */
  readonly password?: (attempt: number) => Promise<string | null>;
}

/**
 * Runs one framed script on a channel on which the launcher was just executed. Always resolves: without an end mark the ending is
 * never `exited`, whatever exit code the server gives, because closing a channel can yield exit 0 for a command cut short.
 */
export function converse(
  channel: ShellChannel,
  script: string,
  limits: Limits,
  parts: ConversationParts,
): Promise<Output> {
  const stdout = new FrameReader(parts.nonce, limits.maxBytes);
  const stderr = new FrameReader(parts.nonce, limits.maxBytes);
  const stderrNoise = new CappedBytes(2_000);

  return new Promise((resolve) => {
    let settled = false;
    let isLost = false;
    let stopListening = (): void => undefined;
    const settle = (ending: Ending): void => {
      if (settled) return;
      settled = true;
      patience.stop();
      stopListening();
      stdout.cutOff();
      stderr.cutOff();
      const said = stderr.hasStarted ? stderr.bytes.text() : stderrNoise.text();
      resolve({
        stdout: stdout.bytes.text(),
        stderr: said.replaceAll(promptOf(parts.nonce), ""),
        ending,
        droppedBytes: stdout.bytes.droppedBytes + stderr.bytes.droppedBytes,
        takenAt: parts.clock.nowMs(),
        tookMs: parts.clock.monotonicMs() - parts.startedAtMs,
      });
      channel.close();
    };
    const leftMs = limits.deadlineMs - (parts.clock.monotonicMs() - parts.startedAtMs);
    const patience = createPatience(Math.max(0, leftMs), () => settle({ kind: "timed-out" }));
    stopListening = parts.onLost(() => {
      isLost = true;
      settle({ kind: "lost" });
    });
    const ended = (): void => settle(endingOf(Number(stdout.status)));
    const onPrompt = promptWatch(parts, channel, patience);
    const taken = (): void => {
      if (stdout.status !== null && stderr.status !== null) ended();
      else if (stdout.bytes.droppedBytes + stderr.bytes.droppedBytes > floodBytes) settle({ kind: "truncated" });
    };

    channel.on("data", (chunk: Buffer) => {
      if (stdout.status === null && stdout.push(chunk)) setTimeout(ended, graceAfterEndMarkMs);
      taken();
    });
    channel.stderr.on("data", (chunk: Buffer) => {
      if (!stderr.hasStarted) stderrNoise.push(chunk);
      stderr.push(chunk);
      onPrompt(chunk);
      taken();
    });
    channel.on("error", () => settle({ kind: "lost" }));
    channel.on("close", () => {
      if (stdout.status !== null) return ended();
      setTimeout(() => settle({ kind: isLost ? "lost" : "no-frame" }), lossIsKnownMs);
    });
    // Where a password may still be asked for, the input stays open until the channel is closed.
    if (parts.password === undefined) channel.end(script);
    else channel.write(script);
  });
}

/** The shell tells a signal as 128 and its number, and a program it could not start as 126 or 127. */
export function endingOf(code: number): Ending {
  if (code === 126 || code === 127) return { kind: "start-failed", code };
  const signal = signalOf(code - 128);
  return signal === null ? { kind: "exited", code } : { kind: "killed", signal };
}

/** Sees the prompt in the bytes of stderr, however they are cut, and answers it; the deadline stands still while a person thinks. */
function promptWatch(
  parts: ConversationParts,
  channel: ShellChannel,
  patience: { pause(): void; resume(): void },
): (chunk: Buffer) => void {
  const { password } = parts;
  if (password === undefined) return () => undefined;
  const prompt = Buffer.from(promptOf(parts.nonce));
  let pending: Buffer = Buffer.alloc(0);
  let attempt = 0;

  async function reply(): Promise<void> {
    attempt += 1;
    patience.pause();
    const secret = attempt > sudoAttempts ? null : await password?.(attempt);
    patience.resume();
    if (typeof secret === "string") channel.write(`${secret}\n`);
    else channel.end();
  }

  return (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    const at = pending.indexOf(prompt);
    if (at >= 0) {
      pending = pending.subarray(at + prompt.length);
      reply().catch(() => channel.end());
    } else pending = pending.subarray(Math.max(0, pending.length - prompt.length));
  };
}
