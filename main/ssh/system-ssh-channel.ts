import { Duplex, Readable } from "node:stream";
import type { Socket } from "node:net";
import type { ShellChannel } from "./transport";
import { messages, muxHello, muxPacket, muxProxy, muxProxyAgreed, muxVersion } from "./system-ssh-wire";
import { PacketCutter, proxyPacket, readProxyPacket } from "./system-ssh-wire";
import { WireReader, wireString, wireUint32 } from "./wire-form";

/** Why a channel was not opened, in the server's words. */
export class ChannelRefused extends Error {}

/** The master is gone before the channel was open. */
class ProxyGone extends Error {}

/** The channels of one master `ssh`, spoken over its control socket: no process of the desktop's own is started for any of them. */
export interface ProxiedChannels {
  /** Opens a session and starts `command` in it. Rejects with ChannelRefused. */
  session(command: string): Promise<ShellChannel>;
  /** Rejects with ChannelRefused. */
  tcp(host: string, port: number): Promise<ShellChannel>;
  /** Rejects with ChannelRefused. */
  unixSocket(path: string): Promise<ShellChannel>;
  /** Ends all of them, once it is known why the link is gone. */
  abandon(): void;
}

/** What the other side may send before it is told that more may come. */
const windowBytes = 2 * 1024 * 1024;
const packetBytes = 32 * 1024;

/** Agrees with a master that it be a proxy; `ended` is told once when the socket is gone after that. */
export async function openProxy(socket: Socket, ended: (problem: string) => void): Promise<ProxiedChannels> {
  const cutter = new PacketCutter();
  const channels = new Map<number, ProxiedChannel>();
  let lastId = 0;
  let isOver = false;
  let receive: (packet: Buffer) => void = () => undefined;

  const over = (problem: string): void => {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    ended(problem);
  };
  // Each channel that waits for room listens.
  socket.setMaxListeners(0);
  socket.on("data", (chunk: Buffer) => {
    try {
      for (const packet of cutter.push(chunk)) receive(packet);
    } catch {
      // Nothing of it can be believed, whatever was wrong with it.
      over("ssh/system-ssh.not-its-protocol");
    }
  });
  socket.on("error", (error) => over(error.message));
  socket.on("close", () => over("ssh/system-ssh.socket-closed"));

  await new Promise<void>((resolve, reject) => {
    socket.once("close", () => reject(new Error("ssh/system-ssh.socket-closed")));
    receive = (packet) => {
      const type = new WireReader(packet).uint32();
      if (type === muxHello) socket.write(muxPacket(muxProxy, 1));
      else if (type === muxProxyAgreed) resolve();
      else reject(new Error("ssh/system-ssh.no-proxy"));
    };
    socket.write(muxPacket(muxHello, muxVersion));
  });
  receive = (packet) => {
    const { message, body } = readProxyPacket(packet);
    if (message === messages.globalRequest) {
      body.string();
      if (body.byte() !== 0) socket.write(proxyPacket(messages.requestFailure));
      return;
    }
    if (message < messages.openConfirmation || message > messages.failure) return;
    const id = body.uint32();
    const channel = channels.get(id);
    if (channel?.receive(message, body) === "over") channels.delete(id);
  };

  function open(type: string, details: readonly Buffer[]): Promise<ProxiedChannel> {
    return new Promise((resolve, reject) => {
      if (isOver) return reject(new ProxyGone("ssh/system-ssh.gone"));
      const id = lastId;
      lastId = (lastId + 1) % 0x7fffffff;
      const channel = new ProxiedChannel(socket, (error) => {
        if (error === null) resolve(channel);
        else reject(error);
      });
      channels.set(id, channel);
      const head = [wireString(type), wireUint32(id), wireUint32(windowBytes), wireUint32(packetBytes)];
      socket.write(proxyPacket(messages.open, ...head, ...details));
    });
  }

  return {
    session: async (command) => {
      const channel = await open("session", []);
      await channel.execute(command);
      return channel;
    },
    tcp: (host, port) =>
      open("direct-tcpip", [wireString(host), wireUint32(port), wireString("127.0.0.1"), wireUint32(0)]),
    unixSocket: (path) => open("direct-streamlocal@openssh.com", [wireString(path), wireString(""), wireUint32(0)]),
    abandon: () => {
      over("abandoned");
      for (const channel of channels.values()) channel.lost(new ProxyGone("ssh/system-ssh.gone"));
      channels.clear();
    },
  };
}

/** One channel as a stream: what the node sends is read, what is written the node gets, both no faster than either side takes it. */
class ProxiedChannel extends Duplex implements ShellChannel {
  readonly stderr = new Readable({ read: () => this.credit() });
  private remoteId = -1;
  private remoteWindow = 0;
  private remotePacketBytes = packetBytes;
  /** Bytes read since the other side was last told that more may come. */
  private takenBytes = 0;
  private blocked: (() => void) | null = null;
  private isClosing = false;
  private isCloseSent = false;
  private isEofSeen = false;
  private answered: ((error: Error | null) => void) | null;

  constructor(
    private readonly socket: Socket,
    opened: (error: Error | null) => void,
  ) {
    super({ allowHalfOpen: true, autoDestroy: true });
    this.answered = opened;
  }

  /** Asks for a command; answered by success or failure of the request. */
  execute(command: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.answered = (error) => {
        if (error === null) return resolve();
        this.close();
        reject(error);
      };
      this.send(messages.request, wireString("exec"), Buffer.from([1]), wireString(command));
    });
  }

  /** Takes a message of the other side; `over` when nothing more can come for this channel. */
  receive(message: number, body: WireReader): "open" | "over" {
    switch (message) {
      case messages.openConfirmation:
        this.remoteId = body.uint32();
        this.remoteWindow = body.uint32();
        this.remotePacketBytes = Math.min(packetBytes, body.uint32());
        this.answer(null);
        return "open";
      case messages.openFailure:
        body.uint32();
        this.answer(new ChannelRefused(body.text()));
        return "over";
      case messages.success:
        this.answer(null);
        return "open";
      case messages.failure:
        this.answer(new ChannelRefused("ssh/system-ssh.request-refused"));
        return "open";
      case messages.windowAdjust:
        this.remoteWindow += body.uint32();
        this.blocked?.();
        return "open";
      case messages.data:
        this.hand(this, body.string());
        return "open";
      case messages.extendedData:
        body.uint32();
        this.hand(this.stderr, body.string());
        return "open";
      case messages.eof:
        this.finishReading();
        return "open";
      case messages.request:
        body.string();
        // An exit status decides nothing here; a question that awaits an answer gets a no.
        if (body.byte() !== 0) this.send(messages.failure);
        return "open";
      case messages.close:
        this.sendClose();
        this.lost(new ChannelRefused("ssh/system-ssh.channel-closed"));
        return "over";
      default:
        return "open";
    }
  }

  /** Ends it without another word to the other side. What was read before is still handed out. */
  lost(error: Error): void {
    this.isClosing = true;
    this.answer(error);
    this.finishReading();
    this.blocked?.();
    if (this.readableEnded) this.destroy();
    else this.once("end", () => this.destroy());
  }

  close(): void {
    this.sendClose();
    this.destroy();
  }

  override _read(): void {
    this.credit();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // The end of the channel is told by its close, not by the write that came too late.
    if (this.isClosing) return done();
    const room = Math.min(this.remoteWindow, this.remotePacketBytes);
    if (room === 0) {
      this.blocked = () => {
        this.blocked = null;
        this._write(chunk, _encoding, done);
      };
      return;
    }
    const now = chunk.subarray(0, room);
    this.remoteWindow -= now.length;
    const rest = chunk.subarray(room);
    this.send(messages.data, wireString(now));
    if (rest.length > 0) this._write(rest, _encoding, done);
    else if (this.socket.writableNeedDrain) this.socket.once("drain", () => done());
    else done();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.isClosing) this.send(messages.eof);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.sendClose();
    this.stderr.push(null);
    done(error);
  }

  private answer(error: Error | null): void {
    const answered = this.answered;
    this.answered = null;
    answered?.(error);
  }

  private hand(stream: Readable, bytes: Buffer): void {
    this.takenBytes += bytes.length;
    const isWanted = !this.isEofSeen && !this.destroyed;
    if (!isWanted || stream.push(bytes)) this.credit();
  }

  private credit(): void {
    if (this.takenBytes < windowBytes / 2 || this.isClosing) return;
    this.send(messages.windowAdjust, wireUint32(this.takenBytes));
    this.takenBytes = 0;
  }

  private finishReading(): void {
    if (this.isEofSeen || this.destroyed) return;
    this.isEofSeen = true;
    this.push(null);
    this.stderr.push(null);
  }

  private sendClose(): void {
    this.isClosing = true;
    if (this.isCloseSent || this.remoteId < 0) return;
    this.isCloseSent = true;
    this.send(messages.close);
  }

  private send(message: number, ...fields: readonly Buffer[]): void {
    if (this.socket.writable) this.socket.write(proxyPacket(message, wireUint32(this.remoteId), ...fields));
  }
}
