import type { Asker } from "./asker";
import type { ResolvedLogin } from "./resolved-login";

/** What the known_hosts files and the person say of a key a server presented. Only `match` may pass. */
export type HostKeyVerdict =
  | { readonly kind: "match" }
  | { readonly kind: "unknown"; readonly fingerprint: string; readonly keyType: string }
  | {
      readonly kind: "changed";
      readonly fingerprint: string;
      readonly keyType: string;
      readonly known: string;
      readonly knownType: string;
      readonly where: string;
    }
  | { readonly kind: "revoked"; readonly fingerprint: string; readonly where: string }
  /** The host is known by its certificate authority only, and this side cannot read host certificates. */
  | { readonly kind: "certificate-needed"; readonly where: string }
  | { readonly kind: "unreadable"; readonly file: string; readonly problem: string };

export interface HostKeyCheck {
  /** Host key algorithms to offer, those of keys already known first, so that a known host never looks new. Throws SshError. */
  offerOrder(login: ResolvedLogin): Promise<readonly string[]>;
  /** Judges a key in SSH wire form; asks the person about an unknown one where the login's config says so. */
  verify(login: ResolvedLogin, key: Buffer, asker: Asker): Promise<HostKeyVerdict>;
}
