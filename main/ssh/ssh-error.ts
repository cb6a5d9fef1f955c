import { sentence, type Fact, type Sentence } from "../../contract/sentence";

/** Each kind has one message `ssh/<kind>` that says what, where and what to do. */
export const sshErrorKinds = [
  "unresolvable",
  "unreachable",
  "connection-refused",
  "not-ssh",
  "no-common-algorithm",
  "nothing-agreed",
  "host-key-unknown",
  "host-key-changed",
  "host-key-revoked",
  "host-key-unchecked",
  "host-certificate-needed",
  "known-hosts-unusable",
  "handshake-unsafe",
  "host-certificate-refused",
  "key-unreadable",
  "key-unsupported",
  "key-needs-system-ssh",
  "ticket-needs-system-ssh",
  "setting-needs-system-ssh",
  "certificate-expired",
  "certificate-not-yet-valid",
  "certificate-not-for-users",
  "certificate-other-accounts",
  "passphrase-wrong",
  "passphrase-missing",
  "login-refused",
  "login-cancelled",
  "login-ended",
  "password-stopped",
  "password-expired",
  "account-unusable",
  "silent",
  "link-lost",
  "deadline",
  "channel-refused",
  "dial-refused",
  "shell-unusable",
  "shell-floods",
  "garbled",
  "config-unreadable",
  "dropped",
  "node-busy",
  "no-room",
  "state-unwritable",
  "tool-missing",
  "withdrawn",
  "way-changed",
  "sudo-password-missing",
  "sudo-password-wrong",
  "sudo-not-allowed",
  "sudo-needs-terminal",
  "sudo-missing",
  "sudo-refused",
  "system-ssh-unavailable",
  "closed",
] as const;
export type SshErrorKind = (typeof sshErrorKinds)[number];

export class SshError extends Error {
  readonly kind: SshErrorKind;
  readonly node: string;
  readonly facts: Readonly<Record<string, Fact>>;

  constructor(kind: SshErrorKind, node: string, facts: Readonly<Record<string, Fact>> = {}, cause?: unknown) {
    super(`${node}: ${kind} ${JSON.stringify(facts)}`, cause === undefined ? undefined : { cause });
    this.name = "SshError";
    this.kind = kind;
    this.node = node;
    this.facts = facts;
  }

  get sentence(): Sentence {
    return sentence(`ssh/${this.kind}`, { node: this.node, ...this.facts });
  }
}

/** What an error from elsewhere says, for the fact `problem`: its message alone, which may be a code of the catalogue. */
export function problemOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
