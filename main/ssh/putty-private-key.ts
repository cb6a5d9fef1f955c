import { createDecipheriv, createHash, createHmac, timingSafeEqual } from "node:crypto";
import { argon2Key, type Argon2Cost } from "./argon2-key";
import { ecdsaKey, ed25519Key, rsaKey, type KeyReading, type PrivateKey } from "./private-key";
import { keyTypeOf } from "./public-key";
import { WireReader, wireString } from "./wire-form";

const derivations: Readonly<Record<string, Argon2Cost["kind"]>> = {
  Argon2d: "argon2d",
  Argon2i: "argon2i",
  Argon2id: "argon2id",
};
/** KiB; PuTTY writes 8,192. A file that asks for more than this asks for trouble. */
const mostMemoryKib = 1_048_576;

interface PuttyFile {
  readonly version: 2 | 3;
  readonly algorithm: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly publicKey: Buffer;
  readonly sealed: Buffer;
}

/**
 * Reads PuTTY's own format, version 2 (SHA-1) and 3 (Argon2).
 * ```
 * PuTTY-User-Key-File-3: ssh-ed25519
 * Encryption: aes256-cbc
 * Comment: someone
 * Public-Lines: 2
 * AAAAC3NzaC1lZDI1NTE5…
 * Key-Derivation: Argon2id
 * Argon2-Memory: 8192
 * Argon2-Passes: 13
 * Argon2-Parallelism: 1
 * Argon2-Salt: 6d1f…
 * Private-Lines: 1
 * hQ3…
 * Private-MAC: 5b1c…
 * ```
 */
export async function readPuttyKey(text: string, passphrase: Buffer | null): Promise<KeyReading> {
  const file = parse(text);
  if (file === null) return { kind: "broken", problem: "ssh/key.putty-not-whole" };
  const encryption = file.fields.get("Encryption") ?? "";
  if (encryption !== "none" && encryption !== "aes256-cbc")
    return { kind: "unsupported", facts: { what: "ssh/key.cipher", cipher: encryption } };
  const isSealed = encryption !== "none";
  if (isSealed && passphrase === null) return { kind: "locked", publicKey: file.publicKey };
  const secrets = await secretsOf(file, isSealed ? passphrase : null);
  if (secrets === null)
    return {
      kind: "unsupported",
      facts: { what: "ssh/key.derivation", derivation: file.fields.get("Key-Derivation") ?? "?" },
    };
  const plain = isSealed ? decrypt(secrets, file.sealed) : file.sealed;
  if (!isAuthentic(file, encryption, plain, secrets.mac))
    return isSealed ? { kind: "wrong-passphrase" } : { kind: "broken", problem: "ssh/key.putty-mac" };
  const key = readNumbers(file, new WireReader(plain));
  plain.fill(0);
  return key === null
    ? { kind: "unsupported", facts: { what: "ssh/key.of-type", keyType: file.algorithm } }
    : { kind: "key", key };
}

function parse(text: string): PuttyFile | null {
  const lines = text.split(/\r\n|\n|\r/);
  const [, version, algorithm] = /^PuTTY-User-Key-File-([23]): (\S+)$/.exec(lines[0] ?? "") ?? [];
  if (algorithm === undefined) return null;
  const fields = new Map<string, string>();
  const bodies = new Map<string, Buffer>();
  for (let at = 1; at < lines.length; at += 1) {
    const [, name, value] = /^([A-Za-z0-9-]+): ?(.*)$/.exec(lines[at] ?? "") ?? [];
    if (name === undefined || value === undefined) continue;
    fields.set(name, value);
    if (!name.endsWith("-Lines")) continue;
    const count = Number(value);
    bodies.set(name, Buffer.from(lines.slice(at + 1, at + 1 + count).join(""), "base64"));
    at += count;
  }
  const [publicKey, sealed] = [bodies.get("Public-Lines"), bodies.get("Private-Lines")];
  if (publicKey === undefined || sealed === undefined || keyTypeOf(publicKey) !== algorithm) return null;
  return { version: version === "2" ? 2 : 3, algorithm, fields, publicKey, sealed };
}

interface Secrets {
  readonly key: Buffer;
  readonly iv: Buffer;
  readonly mac: Buffer;
}

async function secretsOf(file: PuttyFile, passphrase: Buffer | null): Promise<Secrets | null> {
  const given = passphrase ?? Buffer.alloc(0);
  if (file.version === 2) {
    const part = (number: number): Buffer => sha1(Buffer.from([0, 0, 0, number]), given);
    const key = Buffer.concat([part(0), part(1)]).subarray(0, 32);
    return { key, iv: Buffer.alloc(16), mac: sha1(Buffer.from("putty-private-key-file-mac-key"), given) };
  }
  const none = Buffer.alloc(0);
  if (passphrase === null) return { key: none, iv: none, mac: none };
  const number = (name: string): number => Number(file.fields.get(name) ?? "NaN");
  const kind = derivations[file.fields.get("Key-Derivation") ?? ""];
  const memoryKib = number("Argon2-Memory");
  if (kind === undefined || !(memoryKib <= mostMemoryKib)) return null;
  const salt = Buffer.from(file.fields.get("Argon2-Salt") ?? "", "hex");
  const cost = { kind, passes: number("Argon2-Passes"), memoryKib, lanes: number("Argon2-Parallelism") };
  const drawn = await argon2Key(passphrase, salt, 80, cost);
  return { key: drawn.subarray(0, 32), iv: drawn.subarray(32, 48), mac: drawn.subarray(48, 80) };
}

function sha1(...parts: readonly Buffer[]): Buffer {
  return createHash("sha1").update(Buffer.concat(parts)).digest();
}

function decrypt({ key, iv }: Secrets, sealed: Buffer): Buffer {
  const opener = createDecipheriv("aes-256-cbc", key, iv).setAutoPadding(false);
  return Buffer.concat([opener.update(sealed.subarray(0, sealed.length - (sealed.length % 16))), opener.final()]);
}

function isAuthentic(file: PuttyFile, encryption: string, plain: Buffer, key: Buffer): boolean {
  const covered = [file.algorithm, encryption, file.fields.get("Comment") ?? "", file.publicKey, plain];
  const mac = createHmac(file.version === 2 ? "sha1" : "sha256", key)
    .update(Buffer.concat(covered.map((part) => wireString(part))))
    .digest();
  const written = Buffer.from(file.fields.get("Private-MAC") ?? "", "hex");
  return written.length === mac.length && timingSafeEqual(written, mac);
}

function readNumbers(file: PuttyFile, secret: WireReader): PrivateKey | null {
  const open = new WireReader(file.publicKey);
  open.string();
  switch (file.algorithm) {
    case "ssh-ed25519":
      return ed25519Key(open.string(), secret.string());
    case "ssh-rsa": {
      const [e, n] = [open.string(), open.string()];
      const [d, p, q, qi] = [secret.string(), secret.string(), secret.string(), secret.string()];
      return rsaKey({ n, e, d, p, q, qi });
    }
    case "ecdsa-sha2-nistp256":
    case "ecdsa-sha2-nistp384":
    case "ecdsa-sha2-nistp521": {
      const curve = open.text();
      const point = open.string();
      return ecdsaKey(curve, point, secret.string());
    }
    default:
      return null;
  }
}
