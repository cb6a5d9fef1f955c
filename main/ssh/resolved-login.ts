/** Why a login is left to the system's ssh: the keyword of the config that asks for it, as ssh_config(5) writes it. */
export type SystemSshNeed =
  | "ProxyCommand"
  | "CanonicalizeHostname"
  /** A criterion only ssh itself can decide. */
  | `Match ${string}`
  /** The first key is a security device's (FIDO). */
  | "IdentityFile"
  /** A key in a smart card. */
  | "PKCS11Provider"
  | "KnownHostsCommand"
  /** Post-quantum key exchange and no other. */
  | "KexAlgorithms"
  /** Kerberos is to be tried first. */
  | "PreferredAuthentications";

/** A login with everything ssh_config says about it, as OpenSSH would use it (`ssh -G`). */
export interface ResolvedLogin {
  /** What the person wrote: an alias, a name or an address. */
  readonly host: string;
  readonly hostName: string;
  readonly port: number;
  readonly user: string;
  /** Absolute paths, in the order to try. */
  readonly identityFiles: readonly string[];
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
  readonly connectTimeoutMs: number;
  /** Hosts to go through, nearest to the desktop first. */
  readonly jumps: readonly ResolvedLogin[];
  /** What of the config, or of a hop's, ssh2 cannot do; null where the built-in client will do. */
  readonly needsSystemSsh: SystemSshNeed | null;
}
