import { createPrivateKey } from "node:crypto";
import { readOpensshKey } from "./openssh-private-key";
import { privateKeyOf, type KeyReading } from "./private-key";
import { readPuttyKey } from "./putty-private-key";
import { problemOf } from "./ssh-error";

const opensshFrame = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END OPENSSH PRIVATE KEY-----/;
const pemFrame = /-----BEGIN (?:(?:RSA|EC|DSA|ENCRYPTED) )?PRIVATE KEY-----/;

/** Reads a private key in any format OpenSSH or PuTTY writes. Never throws for what a file may hold. */
export async function readKeyFile(text: string, passphrase: Buffer | null): Promise<KeyReading> {
  try {
    const openssh = opensshFrame.exec(text)?.[1];
    if (openssh !== undefined) return await readOpensshKey(Buffer.from(openssh, "base64"), passphrase);
    if (text.startsWith("PuTTY-User-Key-File-")) return await readPuttyKey(text, passphrase);
    if (pemFrame.test(text)) return readPem(text, passphrase);
    if (text.includes("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY"))
      return { kind: "unsupported", facts: { what: "ssh/key.ssh-com" } };
    if (/^(ssh|ecdsa|sk)-\S+ AAAA/.test(text)) return { kind: "unsupported", facts: { what: "ssh/key.public" } };
    return { kind: "broken", problem: "ssh/key.no-format" };
  } catch (error) {
    return { kind: "broken", problem: problemOf(error) };
  }
}

/**
 * ```
 * -----BEGIN RSA PRIVATE KEY-----       -----BEGIN ENCRYPTED PRIVATE KEY-----
 * Proc-Type: 4,ENCRYPTED                MIIFHDBOBgkqhkiG9w0BBQ0w…
 * ```
 */
function readPem(text: string, passphrase: Buffer | null): KeyReading {
  const isSealed = /^Proc-Type: 4,ENCRYPTED|BEGIN ENCRYPTED PRIVATE KEY/m.test(text);
  if (isSealed && passphrase === null) return { kind: "locked", publicKey: null };
  try {
    const object = createPrivateKey({ key: text, ...(isSealed && passphrase !== null && { passphrase }) });
    const key = privateKeyOf(object);
    return key === null
      ? { kind: "unsupported", facts: { what: "ssh/key.of-type", keyType: object.asymmetricKeyType ?? "?" } }
      : { kind: "key", key };
  } catch (error) {
    // A wrong passphrase shows as padding, as ASN.1 or as a wrong length, by chance.
    if (isSealed) return { kind: "wrong-passphrase" };
    throw error;
  }
}
