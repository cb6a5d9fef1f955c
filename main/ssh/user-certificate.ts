import { fingerprintOf, isCertificateType, keyTypeOf } from "./public-key";
import { WireReader, wireString } from "./wire-form";

/** A user certificate as OpenSSH writes it (PROTOCOL.certkeys). */
export interface UserCertificate {
  /** The whole of it, in SSH wire form. */
  readonly blob: Buffer;
  /** The plain key it speaks of, in SSH wire form. */
  readonly publicKey: Buffer;
  readonly keyId: string;
  readonly isForUsers: boolean;
  /** Accounts it is good for; empty means any. */
  readonly principals: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly validAfter: number;
  /** Milliseconds since the Unix epoch; infinite for one that never expires. */
  readonly validBefore: number;
  readonly authority: string;
}

/** How many fields follow the nonce before the serial number: the key itself. */
const keyFields: Readonly<Record<string, number>> = {
  "ssh-ed25519": 1,
  "ssh-rsa": 2,
  "ecdsa-sha2-nistp256": 2,
  "ecdsa-sha2-nistp384": 2,
  "ecdsa-sha2-nistp521": 2,
};
const userCertificate = 1;
const forever = 0xffff_ffff_ffff_ffffn;

/**
 * Reads a certificate; null for what is none, or one of a kind this side cannot log in with (FIDO, DSA).
 * ```
 * string type, string nonce, the key's fields, uint64 serial, uint32 kind, string key id, string { string principal … },
 * uint64 valid after, uint64 valid before, string critical options, string extensions, string reserved, string authority, string signature
 * ```
 */
export function readUserCertificate(blob: Buffer): UserCertificate | null {
  const type = keyTypeOf(blob);
  const base = baseTypeOf(type);
  const fields = keyFields[base];
  if (!isCertificateType(type) || fields === undefined) return null;
  try {
    const reader = new WireReader(blob);
    reader.string();
    reader.string();
    const key = Array.from({ length: fields }, () => wireString(reader.string()));
    reader.uint64();
    const isForUsers = reader.uint32() === userCertificate;
    const keyId = reader.text();
    const principals = listOf(reader.string());
    const [after, before] = [reader.uint64(), reader.uint64()];
    for (let option = 0; option < 3; option += 1) reader.string();
    return {
      blob,
      publicKey: Buffer.concat([wireString(base), ...key]),
      keyId,
      isForUsers,
      principals,
      validAfter: Number(after) * 1000,
      validBefore: before === forever ? Number.POSITIVE_INFINITY : Number(before) * 1000,
      authority: fingerprintOf(reader.string()),
    };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** `ssh-ed25519-cert-v01@openssh.com` speaks of an `ssh-ed25519` key. */
export function baseTypeOf(certificateType: string): string {
  return certificateType.replace(/-cert-v01@openssh\.com$/, "");
}

function listOf(bytes: Buffer): readonly string[] {
  const reader = new WireReader(bytes);
  const words: string[] = [];
  while (!reader.isAtEnd) words.push(reader.text());
  return words;
}

export type CertificateProblem = "expired" | "not-yet-valid" | "not-for-users" | "other-accounts";

/** Pure. Why a server would refuse this certificate, as far as it shows from here; null when nothing is seen. */
export function certificateProblem(
  certificate: UserCertificate,
  user: string,
  nowMs: number,
): CertificateProblem | null {
  if (!certificate.isForUsers) return "not-for-users";
  if (nowMs >= certificate.validBefore) return "expired";
  if (nowMs < certificate.validAfter) return "not-yet-valid";
  const { principals } = certificate;
  return principals.length > 0 && !principals.includes(user) ? "other-accounts" : null;
}
