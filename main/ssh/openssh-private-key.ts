import { createDecipheriv, getCiphers, type CipherGCMTypes } from "node:crypto";
import { bcryptKey } from "./bcrypt-key";
import { ecdsaKey, ed25519Key, rsaKey, type KeyReading, type PrivateKey } from "./private-key";
import { keyTypeOf } from "./public-key";
import { WireReader } from "./wire-form";

const magic = "openssh-key-v1\0";
/** More rounds than this would take minutes; ssh-keygen writes 16 or 24 unless told otherwise. */
const mostRounds = 5_000;

interface Cipher {
  /** The crypto library's name. */
  readonly name: string;
  readonly keyBytes: number;
  readonly ivBytes: number;
  readonly tagBytes?: number;
}

/** `chacha20-poly1305` takes two keys and no IV; its payload is read with the first key from block 1 on. */
const ciphers: Readonly<Record<string, Cipher>> = {
  "aes128-ctr": { name: "aes-128-ctr", keyBytes: 16, ivBytes: 16 },
  "aes192-ctr": { name: "aes-192-ctr", keyBytes: 24, ivBytes: 16 },
  "aes256-ctr": { name: "aes-256-ctr", keyBytes: 32, ivBytes: 16 },
  "aes128-cbc": { name: "aes-128-cbc", keyBytes: 16, ivBytes: 16 },
  "aes192-cbc": { name: "aes-192-cbc", keyBytes: 24, ivBytes: 16 },
  "aes256-cbc": { name: "aes-256-cbc", keyBytes: 32, ivBytes: 16 },
  "3des-cbc": { name: "des-ede3-cbc", keyBytes: 24, ivBytes: 8 },
  "aes128-gcm@openssh.com": { name: "aes-128-gcm", keyBytes: 16, ivBytes: 12, tagBytes: 16 },
  "aes256-gcm@openssh.com": { name: "aes-256-gcm", keyBytes: 32, ivBytes: 12, tagBytes: 16 },
  "chacha20-poly1305@openssh.com": { name: "chacha20", keyBytes: 64, ivBytes: 0 },
};

/**
 * Reads the format ssh-keygen writes (PROTOCOL.key): the public key in clear, the private one under a key drawn from the passphrase.
 * ```
 * "openssh-key-v1\0" string cipher, string kdf, string { string salt, uint32 rounds }, uint32 1, string public, string private
 * private: uint32 check, uint32 check, string type, the key's numbers, string comment, padding 1 2 3 …
 * ```
 */
export async function readOpensshKey(bytes: Buffer, passphrase: Buffer | null): Promise<KeyReading> {
  if (bytes.subarray(0, magic.length).toString("latin1") !== magic)
    return { kind: "broken", problem: "ssh/key.no-beginning" };
  const reader = new WireReader(bytes.subarray(magic.length));
  const [cipherName, kdfName, kdfOptions] = [reader.text(), reader.text(), reader.string()];
  if (reader.uint32() !== 1) return { kind: "unsupported", facts: { what: "ssh/key.several" } };
  const publicKey = Buffer.from(reader.string());
  const sealed = reader.string();
  const keyType = keyTypeOf(publicKey);
  if (keyType.startsWith("sk-")) return { kind: "hardware", keyType };
  if (cipherName === "none") return readPlain(sealed, "broken");
  const cipher = ciphers[cipherName];
  if (cipher === undefined || kdfName !== "bcrypt" || !getCiphers().includes(cipher.name))
    return { kind: "unsupported", facts: { what: "ssh/key.cipher", cipher: cipherName } };
  if (passphrase === null) return { kind: "locked", publicKey };
  const options = new WireReader(kdfOptions);
  const [salt, rounds] = [options.string(), options.uint32()];
  if (rounds > mostRounds) return { kind: "unsupported", facts: { what: "ssh/key.rounds", rounds: String(rounds) } };
  const drawn = await bcryptKey(passphrase, salt, rounds, cipher.keyBytes + cipher.ivBytes);
  const plain = decrypt(cipher, drawn, sealed, reader.rest());
  drawn.fill(0);
  if (plain === null) return { kind: "wrong-passphrase" };
  const reading = readPlain(plain, "wrong-passphrase");
  plain.fill(0);
  return reading;
}

/** Null where an authenticated cipher says that the key is not the right one. */
function decrypt(cipher: Cipher, drawn: Buffer, sealed: Buffer, tag: Buffer): Buffer | null {
  const key = drawn.subarray(0, cipher.name === "chacha20" ? 32 : cipher.keyBytes);
  const iv = cipher.name === "chacha20" ? Buffer.from([1, ...new Uint8Array(15)]) : drawn.subarray(cipher.keyBytes);
  if (cipher.tagBytes === undefined) {
    const opener = createDecipheriv(cipher.name, key, iv).setAutoPadding(false);
    return Buffer.concat([opener.update(sealed), opener.final()]);
  }
  const opener = createDecipheriv(cipher.name as CipherGCMTypes, key, iv);
  opener.setAuthTag(tag.subarray(0, cipher.tagBytes));
  const plain = opener.update(sealed);
  try {
    opener.final();
    return plain;
  } catch {
    // The tag does not fit: the one thing `final` can say here.
    return null;
  }
}

function readPlain(plain: Buffer, otherwise: "broken" | "wrong-passphrase"): KeyReading {
  const reader = new WireReader(plain);
  if (plain.length < 8 || reader.uint32() !== reader.uint32())
    return otherwise === "broken" ? { kind: "broken", problem: "ssh/key.check-differs" } : { kind: otherwise };
  const type = reader.text();
  const key = readNumbers(type, reader);
  return key === null
    ? { kind: "unsupported", facts: { what: "ssh/key.of-type", keyType: type } }
    : { kind: "key", key };
}

function readNumbers(type: string, reader: WireReader): PrivateKey | null {
  switch (type) {
    case "ssh-ed25519": {
      const publicHalf = reader.string();
      return ed25519Key(publicHalf, reader.string().subarray(0, 32));
    }
    case "ssh-rsa": {
      const [n, e, d] = [reader.string(), reader.string(), reader.string()];
      const [qi, p, q] = [reader.string(), reader.string(), reader.string()];
      return rsaKey({ n, e, d, p, q, qi });
    }
    case "ecdsa-sha2-nistp256":
    case "ecdsa-sha2-nistp384":
    case "ecdsa-sha2-nistp521": {
      const curve = reader.text();
      const point = reader.string();
      return ecdsaKey(curve, point, reader.string());
    }
    default:
      return null;
  }
}
