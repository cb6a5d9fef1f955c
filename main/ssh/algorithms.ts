import { createDiffieHellmanGroup, generateKeyPairSync, getCiphers, getCurves } from "node:crypto";
import type { Algorithms, CipherAlgorithm, KexAlgorithm, MacAlgorithm } from "ssh2";

/** What the runtime's crypto library can do; naming what it cannot throws before the handshake. Electron's lacks some of Node's. */
export interface CryptoAbilities {
  readonly ciphers: ReadonlySet<string>;
  readonly curves: ReadonlySet<string>;
  readonly x25519: boolean;
  readonly group14: boolean;
}

export function readCryptoAbilities(): CryptoAbilities {
  return {
    ciphers: new Set(getCiphers()),
    curves: new Set(getCurves()),
    x25519: canDo(() => generateKeyPairSync("x25519")),
    group14: canDo(() => createDiffieHellmanGroup("modp14")),
  };
}

function canDo(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    // A library without the algorithm says so by throwing; what it says differs with each.
    return false;
  }
}

/**
 * Pure. Elliptic curves first; finite-field groups beyond 14 take seconds in a JavaScript runtime and block everything meanwhile.
 * SHA-1, CBC and DSA are broken and not offered. ChaCha20 and encrypt-then-MAC stand last: without strict key exchange they let an
 * attacker cut off the first packets, and a server that offers anything else is then not asked to use them.
 */
export function allowedAlgorithms(
  can: CryptoAbilities,
): Required<Pick<Algorithms, "kex" | "cipher" | "hmac">> & { readonly kex: KexAlgorithm[] } {
  const kex: readonly (readonly [boolean, KexAlgorithm])[] = [
    [can.x25519, "curve25519-sha256"],
    [can.x25519, "curve25519-sha256@libssh.org"],
    [can.curves.has("prime256v1"), "ecdh-sha2-nistp256"],
    [can.curves.has("secp384r1"), "ecdh-sha2-nistp384"],
    [can.curves.has("secp521r1"), "ecdh-sha2-nistp521"],
    [can.group14, "diffie-hellman-group14-sha256"],
  ];
  const cipher: readonly (readonly [boolean, CipherAlgorithm])[] = [
    [can.ciphers.has("aes-128-gcm"), "aes128-gcm@openssh.com"],
    [can.ciphers.has("aes-256-gcm"), "aes256-gcm@openssh.com"],
    [can.ciphers.has("aes-128-ctr"), "aes128-ctr"],
    [can.ciphers.has("aes-192-ctr"), "aes192-ctr"],
    [can.ciphers.has("aes-256-ctr"), "aes256-ctr"],
    [can.ciphers.has("chacha20"), "chacha20-poly1305@openssh.com"],
  ];
  const hmac: MacAlgorithm[] = [
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
  ];
  return { kex: named(kex), cipher: named(cipher), hmac };
}

function named<T>(list: readonly (readonly [boolean, T])[]): T[] {
  return list.filter(([isAble]) => isAble).map(([, name]) => name);
}

/** Pure. The algorithm that makes this link open to cut-off first packets (CVE-2023-48795), or null when none does. */
export function openToPrefixTruncation(agreed: {
  readonly cipher: string;
  readonly mac: string;
  readonly isStrict: boolean;
}): string | null {
  if (agreed.isStrict) return null;
  if (agreed.cipher.startsWith("chacha20-poly1305")) return agreed.cipher;
  return agreed.mac.includes("-etm@") ? agreed.mac : null;
}
