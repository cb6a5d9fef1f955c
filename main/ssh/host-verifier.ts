import type { Asker } from "./asker";
import type { HostKeyCheck, HostKeyVerdict } from "./host-key-check";
import type { ResolvedLogin } from "./resolved-login";
import { problemOf, SshError } from "./ssh-error";

/** Returns nothing, always: ssh2 takes whatever a verifier returns for its answer, a promise too. */
export type HostVerifier = (key: Buffer, answer: (accepted: boolean) => void) => undefined;

/**
 * ssh2 accepts a key unless its verifier yields exactly `false`, so this yields exactly `true` on a proven match and exactly
 * `false` on everything else. It is asked again at every rekey; a key proven once on this connection is not asked about again.
 */
export function createHostVerifier(
  hop: ResolvedLogin,
  check: HostKeyCheck,
  asker: Asker,
  refuse: (error: SshError) => void,
): HostVerifier {
  let proven: Buffer | null = null;

  async function isProven(key: Buffer): Promise<boolean> {
    try {
      const verdict: HostKeyVerdict = await check.verify(hop, key, asker);
      if (verdict.kind === "match") {
        proven = Buffer.from(key);
        return true;
      }
      refuse(refusalOf(hop, verdict));
    } catch (error) {
      // A verdict that is none, or a check that failed: what was not proven is refused.
      refuse(new SshError("host-key-unchecked", hop.host, { problem: problemOf(error) }, error));
    }
    return false;
  }

  return (key, answer) => {
    if (proven === null) void isProven(key).then((accepted) => answer(accepted));
    else {
      const isSame = proven.equals(key);
      if (!isSame) refuse(new SshError("host-key-unchecked", hop.host, { problem: "ssh/other-key-at-rekey" }));
      answer(isSame);
    }
    return undefined;
  };
}

function refusalOf(hop: ResolvedLogin, verdict: Exclude<HostKeyVerdict, { kind: "match" }>): SshError {
  switch (verdict.kind) {
    case "unknown":
      return new SshError("host-key-unknown", hop.host, { fingerprint: verdict.fingerprint, keyType: verdict.keyType });
    case "changed": {
      const { fingerprint, keyType, known, knownType, where } = verdict;
      return new SshError("host-key-changed", hop.host, { fingerprint, keyType, known, knownType, where });
    }
    case "revoked":
      return new SshError("host-key-revoked", hop.host, { fingerprint: verdict.fingerprint, where: verdict.where });
    case "certificate-needed":
      return new SshError("host-certificate-needed", hop.host, { where: verdict.where });
    case "unreadable":
      return new SshError("known-hosts-unusable", hop.host, { file: verdict.file, problem: verdict.problem });
    default:
      throw new TypeError(`${JSON.stringify(verdict)} is no verdict`);
  }
}
