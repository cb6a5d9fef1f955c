import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:net";
import { WireReader, wireString } from "../../main/ssh/wire-form";

const type = "sk-ssh-ed25519@openssh.com";
const application = "ssh:";
const wasTouched = 1;

/**
 * A fake device: an agent that holds the key of a FIDO device in memory and signs as such a device does (PROTOCOL.u2f). What is real is
 * everything else: ssh asks it, and sshd judges its signatures.
 */
export interface FakeDeviceAgent {
  readonly path: string;
  /** As it stands in authorized_keys. */
  readonly line: string;
  /** How often its key was used. */
  readonly signed: () => number;
  close(): void;
}

export async function startFakeDeviceAgent(path: string): Promise<FakeDeviceAgent> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const blob = Buffer.concat([type, raw, application].map(wireString));
  let counter = 0;

  function signature(data: Buffer): Buffer {
    counter += 1;
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    const end = Buffer.concat([Buffer.from([wasTouched]), count]);
    const digest = (what: string | Buffer): Buffer => createHash("sha256").update(what).digest();
    const signed = sign(null, Buffer.concat([digest(application), end, digest(data)]), privateKey);
    return Buffer.concat([wireString(type), wireString(signed), end]);
  }

  function answer(message: Buffer): Buffer {
    const reader = new WireReader(message);
    switch (reader.byte()) {
      case 11:
        return Buffer.concat([Buffer.from([12, 0, 0, 0, 1]), wireString(blob), wireString("a fake device")]);
      case 13:
        reader.string();
        return Buffer.concat([Buffer.from([14]), wireString(signature(reader.string()))]);
      default:
        return Buffer.from([5]);
    }
  }

  const server = createServer((socket) => {
    let received = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
        const end = 4 + received.readUInt32BE(0);
        socket.write(wireString(answer(received.subarray(4, end))));
        received = received.subarray(end);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    line: `${type} ${blob.toString("base64")} fake`,
    signed: () => counter,
    close: () => server.close(),
  };
}
