import type { Client } from "ssh2";
import { isCertificateType } from "./public-key";
import { baseTypeOf } from "./user-certificate";
import { WireReader, wireString } from "./wire-form";

const userAuthRequest = 50;

/** The part of ssh2 that lays out an outgoing packet; not in its typings. */
interface PacketWriter {
  readonly allocStart: number;
  alloc(payloadBytes: number): Buffer;
  finalize(packet: Buffer, force?: boolean): Buffer;
}

/**
 * Lets a client log in with a certificate. ssh2 names the certificate's type inside the signature too, where OpenSSH wants the plain
 * key's (ssh2 1.17.0, `authPK`); the one packet that carries such a signature is laid out again before it is encrypted. To be called
 * when a handshake is complete: ssh2 takes a new packet writer into use then.
 */
export function allowCertificates(client: Client): void {
  const inside = client as unknown as {
    readonly _protocol?: { readonly _packetRW?: { readonly write?: PacketWriter } };
  };
  const writer = inside._protocol?._packetRW?.write;
  if (writer === undefined) throw new TypeError("ssh2 keeps its packet writer elsewhere; user certificates need it");
  const finalize = writer.finalize.bind(writer);
  writer.finalize = (packet, force) => {
    const payload = force === true ? null : withPlainSignature(packet.subarray(writer.allocStart));
    if (payload === null) return finalize(packet, force);
    const laidOut = writer.alloc(payload.length);
    laidOut.set(payload, writer.allocStart);
    return finalize(laidOut);
  };
}

/**
 * Pure. A login request signed with a certificate, its signature named for the plain key; null for every other packet. What follows the
 * request in the packet is padding.
 * ```
 * byte 50, string user, string "ssh-connection", string "publickey", boolean true, string algorithm, string key,
 * string { string algorithm, string signature }
 * ```
 */
function withPlainSignature(packet: Buffer): Buffer | null {
  if (packet[0] !== userAuthRequest) return null;
  const reader = new WireReader(packet.subarray(1));
  const [user, service, method] = [reader.string(), reader.string(), reader.text()];
  if (method !== "publickey" || reader.byte() !== 1) return null;
  const [algorithm, key] = [reader.text(), reader.string()];
  if (!isCertificateType(algorithm)) return null;
  const signature = new WireReader(reader.string());
  signature.string();
  return Buffer.concat([
    Buffer.from([userAuthRequest]),
    ...[user, service, method].map((one) => wireString(one)),
    Buffer.from([1]),
    wireString(algorithm),
    wireString(key),
    wireString(Buffer.concat([wireString(baseTypeOf(algorithm)), wireString(signature.string())])),
  ]);
}
