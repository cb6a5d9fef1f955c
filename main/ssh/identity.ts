import ssh2, { type IdentityCallback, type ParsedKey, type SignCallback, type SigningRequestOptions } from "ssh2";
import { keyTypeOf } from "./public-key";
import { baseTypeOf, type UserCertificate } from "./user-certificate";

type Hash = "sha256" | "sha512";

/** One key or certificate to offer. A passphrase or an agent is asked only when a server takes it. */
export interface Identity {
  /** Where it comes from: a file, or the agent's comment. */
  readonly from: string;
  /** The plain public key in SSH wire form; empty while only `reveal` can tell it. */
  readonly publicKey: Buffer;
  /** Opens the key to learn its public half, where the file does not show it. */
  readonly reveal?: () => Promise<Buffer>;
  readonly certificate: UserCertificate | null;
  /** The signature's bytes without the algorithm's name; `hash` counts for RSA alone. Rejects where it cannot sign. */
  sign(data: Buffer, hash: Hash | null): Promise<Buffer>;
}

/** One identity in the shape in which ssh2 takes keys whose signature takes time. */
export class IdentityAgent extends ssh2.BaseAgent<ParsedKey> {
  constructor(private readonly identity: Identity) {
    super();
  }

  getIdentities(callback: IdentityCallback<ParsedKey>): void {
    const key = shownKey(this.identity);
    callback(undefined, key === null ? [] : [key]);
  }

  sign(
    _key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback | undefined,
    callback?: SignCallback,
  ): void {
    const settle = typeof options === "function" ? options : callback;
    const wanted = typeof options === "object" ? options.hash : undefined;
    const hash = keyTypeOf(this.identity.publicKey) === "ssh-rsa" ? hashNamed(wanted) : null;
    this.identity.sign(data, hash).then(
      (signature) => settle?.(undefined, signature),
      (error: unknown) => settle?.(error instanceof Error ? error : new Error(String(error))),
    );
  }
}

/** A certificate's signature algorithm is in its own name here, so ssh2 names no hash for it. */
function hashNamed(wanted: string | undefined): Hash {
  return wanted === "sha256" ? "sha256" : "sha512";
}

/** What ssh2 shows a server of it: the key, or the certificate under the name of its signature algorithm. */
function shownKey({ publicKey, certificate }: Identity): ParsedKey | null {
  const line = `${keyTypeOf(publicKey)} ${publicKey.toString("base64")}`;
  const parsed = ssh2.utils.parseKey(line);
  if (parsed instanceof Error) return null;
  if (certificate === null) return parsed;
  const type = keyTypeOf(certificate.blob);
  const algorithm = baseTypeOf(type) === "ssh-rsa" ? "rsa-sha2-512-cert-v01@openssh.com" : type;
  return Object.create(parsed, {
    type: { value: algorithm },
    getPublicSSH: { value: () => certificate.blob },
  }) as ParsedKey;
}
