import { Duplex } from "node:stream";
import type { SshError } from "./ssh-error";

/**
 * A channel as a socket that client libraries take for one of their own. A channel of ssh2 that is destroyed waits for the other
 * side's word and then for its reader, so over a dead link it never closes and what waits on it hangs; this one closes at once.
 */
export class TunnelSocket extends Duplex {
  /** Of the write under way, which a channel that closed meanwhile would never answer. */
  private written: ((error?: Error) => void) | null = null;
  private isGone = false;

  constructor(
    private readonly channel: Duplex & { close(): void },
    stopListening: () => void = () => undefined,
  ) {
    super({ allowHalfOpen: false });
    channel.on("data", (chunk: Buffer) => void (this.push(chunk) || channel.pause()));
    channel.on("end", () => this.push(null));
    channel.on("error", (error: Error) => this.destroy(error));
    channel.on("close", () => {
      this.isGone = true;
      if (!this.readableEnded && this.readable) this.push(null);
      this.written?.(new Error("ssh/connection-closed"));
    });
    this.once("close", stopListening);
  }

  /** The link below is gone: nothing more comes, and what waits is told why. */
  lose(error: SshError): void {
    this.destroy(error);
  }

  override _read(): void {
    this.channel.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.isGone) return done(new Error("ssh/connection-closed"));
    this.written = (error) => {
      this.written = null;
      done(error);
    };
    this.channel.write(chunk, (error) => this.written?.(error ?? undefined));
  }

  override _final(done: (error?: Error | null) => void): void {
    this.channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.channel.close();
    // What still arrives is drained, or the channel's window stays shut and its close never comes.
    this.channel.resume();
    done(error);
  }

  // Delay and keepalive are the connection's own affair.
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  destroySoon(): void {
    if (this.writable) this.end();
    else this.destroy();
  }
}
