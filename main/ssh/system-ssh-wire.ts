import { WireReader, wireString, wireUint32 } from "./wire-form";

/**
 * What passes over the control socket of a master `ssh`. First the multiplexing protocol (OpenSSH's PROTOCOL.mux), in packets of
 * a length and a body, until the master has agreed to be a proxy; from then on packets of SSH's connection protocol (RFC 4254),
 * in the clear, each with a byte where padding would be counted:
 * ```
 * 0000000a 00 5a …    CHANNEL_OPEN
 * ```
 */
export const muxHello = 0x00000001;
export const muxVersion = 4;
export const muxTerminate = 0x10000005;
export const muxProxy = 0x1000000f;
export const muxProxyAgreed = 0x8000000f;

export const messages = {
  globalRequest: 80,
  requestFailure: 82,
  open: 90,
  openConfirmation: 91,
  openFailure: 92,
  windowAdjust: 93,
  data: 94,
  extendedData: 95,
  eof: 96,
  close: 97,
  request: 98,
  success: 99,
  failure: 100,
} as const;

/** Far above anything a channel of ours lets the other side send; a longer one is not this protocol. */
const longestPacketBytes = 512 * 1024;

/** Cuts a stream of bytes into the packets of either protocol. */
export class PacketCutter {
  private pending: Buffer[] = [];
  private pendingBytes = 0;

  /** The packets that are whole now, without their length. Throws RangeError on a length nobody would send. */
  push(chunk: Buffer): readonly Buffer[] {
    this.pending.push(chunk);
    this.pendingBytes += chunk.length;
    const packets: Buffer[] = [];
    for (let packet = this.next(); packet !== null; packet = this.next()) packets.push(packet);
    return packets;
  }

  private next(): Buffer | null {
    if (this.pendingBytes < 4) return null;
    let joined = this.pending[0] ?? Buffer.alloc(0);
    if (joined.length < 4) this.pending = [(joined = Buffer.concat(this.pending))];
    const length = joined.readUInt32BE(0);
    if (length > longestPacketBytes) throw new RangeError(`a packet of ${length} bytes`);
    if (this.pendingBytes < 4 + length) return null;
    if (joined.length < 4 + length) joined = Buffer.concat(this.pending);
    else this.pending.shift();
    const rest = joined.subarray(4 + length);
    const others = joined.length === this.pendingBytes ? [] : this.pending;
    this.pending = rest.length === 0 ? others : [rest, ...others];
    this.pendingBytes -= 4 + length;
    return joined.subarray(4, 4 + length);
  }
}

/** A packet of the multiplexing protocol. */
export function muxPacket(...fields: readonly number[]): Buffer {
  return wireString(Buffer.concat(fields.map(wireUint32)));
}

/** A packet of the connection protocol as the proxy takes it. */
export function proxyPacket(message: number, ...fields: readonly Buffer[]): Buffer {
  return wireString(Buffer.concat([Buffer.from([0, message]), ...fields]));
}

/** Its message number and what follows it. */
export function readProxyPacket(packet: Buffer): { readonly message: number; readonly body: WireReader } {
  const body = new WireReader(packet);
  body.byte();
  return { message: body.byte(), body };
}
