import { createHash, createPublicKey } from "node:crypto";
import { WireReader, withoutLeadingZeros } from "./wire-form";

/** As `ssh-keygen -l` prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** The type a key in SSH wire form gives itself; empty when it is no key. */
export function keyTypeOf(key: Buffer): string {
  return key.length < 4 ? "" : key.subarray(4, 4 + key.readUInt32BE(0)).toString("latin1");
}

/** Curve name and bytes of one coordinate. */
const curves: Readonly<Record<string, { readonly name: string; readonly jwk: string; readonly bytes: number }>> = {
  "ecdsa-sha2-nistp256": { name: "nistp256", jwk: "P-256", bytes: 32 },
  "ecdsa-sha2-nistp384": { name: "nistp384", jwk: "P-384", bytes: 48 },
  "ecdsa-sha2-nistp521": { name: "nistp521", jwk: "P-521", bytes: 66 },
  "sk-ecdsa-sha2-nistp256@openssh.com": { name: "nistp256", jwk: "P-256", bytes: 32 },
};
const smallestRsaBits = 1024;
const largestRsaBits = 16_384;
const dsaBits = 1024;

/** Names under which OpenSSH also reads an RSA key in a file. */
const rsaNames = new Set(["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"]);

/**
 * The key that stands in base64 behind a type name in known_hosts or a .pub file; null where OpenSSH would call the line broken:
 * base64 with foreign characters or wrong padding, a type that is not the key's own, a short RSA key, a point off its curve, bytes left over.
 */
export function readPublicKey(typeName: string, base64: string): Buffer | null {
  const text = base64.replace(/[\r\v\f]/g, "");
  const key = Buffer.from(text, "base64");
  if (key.toString("base64") !== text) return null;
  const type = keyTypeOf(key);
  if (type !== typeName && !(type === "ssh-rsa" && rsaNames.has(typeName))) return null;
  return isWhole(key) ? key : null;
}

function isWhole(key: Buffer): boolean {
  try {
    const reader = new WireReader(key);
    return hasFieldsOf(reader.text(), reader) && reader.isAtEnd;
  } catch (error) {
    // Both are what a Buffer throws for bytes that end too early.
    if (error instanceof RangeError || error instanceof TypeError) return false;
    throw error;
  }
}

/** Reads what follows the type name. A certificate is taken as whole by its frame: it never matches a plain key. */
function hasFieldsOf(type: string, reader: WireReader): boolean {
  if (isCertificateType(type)) return reader.string().length > 0 && reader.rest().length > 0;
  switch (type) {
    case "ssh-ed25519":
      return reader.string().length === 32;
    case "sk-ssh-ed25519@openssh.com":
      return reader.string().length === 32 && reader.string().length >= 0;
    case "ssh-rsa": {
      const exponent = reader.string();
      const bits = bitsOf(reader.string());
      return exponent.length > 0 && bits >= smallestRsaBits && bits <= largestRsaBits;
    }
    case "ssh-dss":
      return [reader.string(), reader.string(), reader.string(), reader.string()].map(bitsOf)[0] === dsaBits;
    case "sk-ecdsa-sha2-nistp256@openssh.com":
      return isPoint(type, reader) && reader.string().length >= 0;
    default:
      return curves[type] !== undefined && isPoint(type, reader);
  }
}

export function isCertificateType(type: string): boolean {
  return type.endsWith("-cert-v01@openssh.com");
}

function bitsOf(number: Buffer): number {
  const bytes = withoutLeadingZeros(number);
  return bytes.length === 0 ? 0 : bytes.length * 8 - (Math.clz32(bytes[0] ?? 0) - 24);
}

function isPoint(type: string, reader: WireReader): boolean {
  const curve = curves[type];
  if (curve === undefined || reader.text() !== curve.name) return false;
  const point = reader.string();
  if (point[0] !== 4 || point.length !== 1 + 2 * curve.bytes) return false;
  const [x, y] = [point.subarray(1, 1 + curve.bytes), point.subarray(1 + curve.bytes)];
  try {
    createPublicKey({
      key: { kty: "EC", crv: curve.jwk, x: x.toString("base64url"), y: y.toString("base64url") },
      format: "jwk",
    });
    return true;
  } catch {
    // The one reason left to refuse it: the point is not on the curve.
    return false;
  }
}
