import { createPrivateKey, createPublicKey, sign as signWith, type JsonWebKey, type KeyObject } from "node:crypto";
import { keyTypeOf } from "./public-key";
import { wireNumber, wireString, withoutLeadingZeros } from "./wire-form";

/** A key that can sign; what is secret in it stays inside the crypto library. */
export interface PrivateKey {
  /** SSH wire form. */
  readonly publicKey: Buffer;
  /** The signature's bytes as SSH sends them, without the algorithm's name. `hash` counts for RSA alone. */
  sign(data: Buffer, hash: "sha256" | "sha512"): Buffer;
}

/** What a key file turned out to hold. */
export type KeyReading =
  | { readonly kind: "key"; readonly key: PrivateKey }
  /** It has a passphrase and none was given. The public key is known where the format shows it. */
  | { readonly kind: "locked"; readonly publicKey: Buffer | null }
  | { readonly kind: "wrong-passphrase" }
  /** A FIDO key: the file is only a handle of it, the key itself is in a device. */
  | { readonly kind: "hardware"; readonly keyType: string }
  /** `what` is a code of the catalogue, filled with the others. */
  | { readonly kind: "unsupported"; readonly facts: Readonly<Record<string, string>> & { readonly what: string } }
  /** A code of the catalogue, or what the crypto library said. */
  | { readonly kind: "broken"; readonly problem: string };

interface Curve {
  readonly jwk: string;
  readonly ssh: string;
  readonly hash: string;
  readonly bytes: number;
}
export const curves: readonly Curve[] = [
  { jwk: "P-256", ssh: "nistp256", hash: "sha256", bytes: 32 },
  { jwk: "P-384", ssh: "nistp384", hash: "sha384", bytes: 48 },
  { jwk: "P-521", ssh: "nistp521", hash: "sha512", bytes: 66 },
];

/** A key from the library's own form. Gives null for a kind SSH has no name for, or none that is still taken (DSA). */
export function privateKeyOf(key: KeyObject): PrivateKey | null {
  const publicKey = publicKeyOf(key);
  if (publicKey === null) return null;
  return { publicKey, sign: (data, hash) => signatureOf(key, keyTypeOf(publicKey), data, hash) };
}

function signatureOf(key: KeyObject, keyType: string, data: Buffer, hash: "sha256" | "sha512"): Buffer {
  if (keyType === "ssh-ed25519") return signWith(null, data, key);
  if (keyType === "ssh-rsa") return signWith(hash, data, key);
  const curve = curves.find(({ ssh }) => keyType === `ecdsa-sha2-${ssh}`);
  if (curve === undefined) throw new TypeError(`no signature of ${keyType}`);
  const pair = signWith(curve.hash, data, { key, dsaEncoding: "ieee-p1363" });
  return Buffer.concat([wireNumber(pair.subarray(0, curve.bytes)), wireNumber(pair.subarray(curve.bytes))]);
}

function publicKeyOf(key: KeyObject): Buffer | null {
  if (!["rsa", "ec", "ed25519"].includes(key.asymmetricKeyType ?? "")) return null;
  const jwk = createPublicKey(key).export({ format: "jwk" });
  if (jwk.kty === "RSA")
    return Buffer.concat([wireString("ssh-rsa"), wireNumber(bytesOf(jwk.e)), wireNumber(bytesOf(jwk.n))]);
  if (jwk.kty === "OKP") return Buffer.concat([wireString("ssh-ed25519"), wireString(bytesOf(jwk.x))]);
  const curve = curves.find((one) => one.jwk === jwk.crv);
  if (curve === undefined) return null;
  const point = Buffer.concat([Buffer.from([4]), bytesOf(jwk.x), bytesOf(jwk.y)]);
  return Buffer.concat([wireString(`ecdsa-sha2-${curve.ssh}`), wireString(curve.ssh), wireString(point)]);
}

function bytesOf(text: string | undefined): Buffer {
  return Buffer.from(text ?? "", "base64url");
}

export interface RsaNumbers {
  readonly n: Buffer;
  readonly e: Buffer;
  readonly d: Buffer;
  readonly p: Buffer;
  readonly q: Buffer;
  /** The inverse of q modulo p. */
  readonly qi: Buffer;
}

export function rsaKey({ n, e, d, p, q, qi }: RsaNumbers): PrivateKey | null {
  const part = (prime: Buffer): Buffer => hexBytes((numberOf(d) % (numberOf(prime) - 1n)).toString(16));
  return fromJwk({ kty: "RSA", ...encoded({ n, e, d, p, q, dp: part(p), dq: part(q), qi }) });
}

export function ed25519Key(publicHalf: Buffer, seed: Buffer): PrivateKey | null {
  const jwk = { kty: "OKP", crv: "Ed25519", x: publicHalf.toString("base64url"), d: seed.toString("base64url") };
  return fromJwk(jwk);
}

/** `point` is uncompressed: 4, x, y. Null for a curve SSH does not use. */
export function ecdsaKey(curveName: string, point: Buffer, scalar: Buffer): PrivateKey | null {
  const curve = curves.find(({ ssh }) => ssh === curveName);
  if (curve === undefined || point[0] !== 4) return null;
  const short = withoutLeadingZeros(scalar);
  const d = Buffer.concat([Buffer.alloc(Math.max(0, curve.bytes - short.length)), short]);
  const half = (point.length - 1) / 2;
  const numbers = { x: point.subarray(1, 1 + half), y: point.subarray(1 + half), d };
  return fromJwk({
    kty: "EC",
    crv: curve.jwk,
    ...Object.fromEntries(Object.entries(numbers).map(([name, bytes]) => [name, bytes.toString("base64url")])),
  });
}

function fromJwk(jwk: JsonWebKey): PrivateKey | null {
  return privateKeyOf(createPrivateKey({ key: jwk, format: "jwk" }));
}

function encoded(numbers: Readonly<Record<string, Buffer>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(numbers).map(([name, bytes]) => [name, withoutLeadingZeros(bytes).toString("base64url")]),
  );
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex") || "0"}`);
}

function hexBytes(hex: string): Buffer {
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}
