import { connect } from "node:net";
import { WireReader, wireString, wireUint32 } from "./wire-form";

const requestIdentities = 11;
const identitiesAnswer = 12;
const signRequest = 13;
const signResponse = 14;
const rsaSha256 = 2;
const rsaSha512 = 4;
/** OpenSSH's own limit of a message. */
const mostBytes = 262_144;
const listMs = 5_000;
/** A key may wait for a person to confirm its use or to touch a device. */
const signMs = 60_000;

export interface AgentKey {
  /** SSH wire form of a public key or a certificate. */
  readonly blob: Buffer;
  readonly comment: string;
}

/** The keys an agent holds. Rejects where no agent answers on that socket. */
export async function listAgentKeys(socketPath: string): Promise<readonly AgentKey[]> {
  const answer = await ask(socketPath, Buffer.from([requestIdentities]), listMs);
  const reader = new WireReader(answer);
  if (reader.byte() !== identitiesAnswer) throw new Error("ssh/agent.no-list");
  const count = reader.uint32();
  const keys: AgentKey[] = [];
  while (keys.length < count && !reader.isAtEnd)
    keys.push({ blob: Buffer.from(reader.string()), comment: reader.text() });
  return keys;
}

/** The signature's bytes without the algorithm's name. Rejects where the agent refuses (locked, not confirmed). */
export async function signByAgent(
  socketPath: string,
  blob: Buffer,
  data: Buffer,
  hash: "sha256" | "sha512" | null,
): Promise<Buffer> {
  const flags = hash === null ? 0 : hash === "sha256" ? rsaSha256 : rsaSha512;
  const message = Buffer.concat([Buffer.from([signRequest]), wireString(blob), wireString(data), wireUint32(flags)]);
  const reader = new WireReader(await ask(socketPath, message, signMs));
  if (reader.byte() !== signResponse) throw new Error("ssh/agent.refused");
  const signature = new WireReader(reader.string());
  signature.string();
  return Buffer.from(signature.string());
}

/** One question on a connection of its own. */
function ask(socketPath: string, message: Buffer, limitMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let received = Buffer.alloc(0);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      act();
    };
    const fail = (problem: string): void => settle(() => reject(new Error(problem)));
    const timer = setTimeout(() => fail("ssh/agent.silent"), limitMs);
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("ssh/agent.closed"));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4) return;
      const length = received.readUInt32BE(0);
      if (length > mostBytes) fail("ssh/agent.too-long");
      else if (received.length >= 4 + length) settle(() => resolve(received.subarray(4, 4 + length)));
    });
    socket.write(wireString(message));
  });
}
