import type { Clock } from "../clock";
import type { Ending, Limits, Output } from "./access";
import { CappedBytes, FrameReader } from "./frame-reader";
import { framedRun } from "./launch";
import type { ShellChannel } from "./transport";

/** After the end mark the shell has nothing left to say; a daemon it started may hold the channel open for ever. */
const graceAfterEndMarkMs = 300;

/**
 * Runs one framed command line on a channel on which the launcher was just executed. Always resolves: without an end mark
 * the ending is `lost`, whatever exit code the server gives, because closing a channel can yield exit 0 for a command cut short.
 */
export function runOneCommand(
  channel: ShellChannel,
  line: string,
  stdin: string | undefined,
  limits: Limits,
  parts: { readonly clock: Clock; readonly nonce: string; readonly startedAtMs: number },
): Promise<Output> {
  const stdout = new FrameReader(parts.nonce, limits.maxBytes);
  const stderr = new FrameReader(parts.nonce, limits.maxBytes);
  const stderrNoise = new CappedBytes(2_000);

  return new Promise((resolve) => {
    let settled = false;
    const settle = (ending: Ending): void => {
      if (settled) return;
      settled = true;
      clearTimeout(deadline);
      stdout.cutOff();
      stderr.cutOff();
      resolve({
        stdout: stdout.bytes.text(),
        stderr: stderr.hasStarted ? stderr.bytes.text() : stderrNoise.text(),
        ending,
        droppedBytes: stdout.bytes.droppedBytes + stderr.bytes.droppedBytes,
        takenAt: parts.clock.nowMs(),
        tookMs: parts.clock.monotonicMs() - parts.startedAtMs,
      });
      channel.close();
    };
    const leftMs = limits.deadlineMs - (parts.clock.monotonicMs() - parts.startedAtMs);
    const deadline = setTimeout(() => settle({ kind: "lost" }), Math.max(0, leftMs));
    const ended = (): void => settle({ kind: "exited", code: Number(stdout.status) });

    channel.on("data", (chunk: Buffer) => {
      if (stdout.status === null && stdout.push(chunk)) setTimeout(ended, graceAfterEndMarkMs);
      if (stdout.status !== null && stderr.status !== null) ended();
    });
    channel.stderr.on("data", (chunk: Buffer) => {
      if (!stderr.hasStarted) stderrNoise.push(chunk);
      stderr.push(chunk);
      if (stdout.status !== null && stderr.status !== null) ended();
    });
    channel.on("error", () => settle({ kind: "lost" }));
    channel.on("close", () => (stdout.status === null ? settle({ kind: "lost" }) : ended()));
    channel.end(framedRun(line, stdin, parts.nonce));
  });
}
