/** A keyword of the config that asks for what only the system's ssh can do, as ssh_config(5) writes it. */
export type SystemSshKeyword =
  | "ProxyCommand"
  | "CanonicalizeHostname"
  /** A criterion only ssh itself can decide. */
  | `Match ${string}`
  /** A key in a smart card. */
  | "PKCS11Provider"
  | "KnownHostsCommand"
  /** Post-quantum key exchange and no other. */
  | "KexAlgorithms"
  /** Kerberos is to be tried first. */
  | "PreferredAuthentications";

/** Why a login is left to the system's ssh. */
export type SystemSshNeed =
  | {
      readonly kind: "setting";
      readonly keyword: SystemSshKeyword;
      readonly file: string;
      /** Counted from 1. */
      readonly line: number;
      /** It names one way to log in, and there may be others. */
      readonly hasOtherWays: boolean;
    }
  /** The key that is needed is a security device's (FIDO): the path of its file, or its name in the agent. */
  | { readonly kind: "security-key"; readonly key: string }
  /** The host is known by certificates only. */
  | { readonly kind: "certificates" }
  /** The host takes Kerberos, and there is a ticket. */
  | { readonly kind: "ticket" };

/** A login with everything ssh_config says about it, as OpenSSH would use it (`ssh -G`). */
export interface ResolvedLogin {
  /** What the person wrote: an alias, a name or an address. */
  readonly host: string;
  readonly hostName: string;
  readonly port: number;
  readonly user: string;
  /** Absolute paths, in the order to try. */
  readonly identityFiles: readonly string[];
  /** True: the config or the login names them; false: they are OpenSSH's standard names. */
  readonly areIdentitiesNamed: boolean;
  /** True: offer only `identityFiles`, not every key the agent holds. */
  readonly identitiesOnly: boolean;
  /** Path of the agent's socket, or null for none. */
  readonly identityAgent: string | null;
  readonly userKnownHostsFiles: readonly string[];
  readonly globalKnownHostsFiles: readonly string[];
  /** The name the host key is filed under; null: `hostName`, with the port when it is not 22. */
  readonly hostKeyAlias: string | null;
  /** `no` in a config is read as `ask`: there is no way to switch the check off. */
  readonly strictHostKeyChecking: "yes" | "ask" | "accept-new";
  readonly hashKnownHosts: boolean;
  /** ssh itself would log in by a Kerberos ticket where the host takes one. */
  readonly mayUseTicket: boolean;
  readonly connectTimeoutMs: number;
  /** Hosts to go through, nearest to the desktop first. */
  readonly jumps: readonly ResolvedLogin[];
  /** What of the config, or of a hop's, ssh2 cannot do; null where the built-in client will do. */
  readonly needsSystemSsh: SystemSshNeed | null;
}
