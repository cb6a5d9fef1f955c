import { connect, type ConnectionParts } from "./connection";
import { createGate } from "./gate";
import type { HostKeyCheck } from "./host-key-check";
import { hostKeyAlgorithms, hostKeyCheck } from "./host-keys";
import { fingerprintOf, keyTypeOf } from "./public-key";
import type { ResolvedLogin } from "./resolved-login";
import { SshError } from "./ssh-error";

/**
 * The host keys a server shows, one of each type it has, in SSH wire form. No login is tried: every key of the target itself is refused as
 * soon as it is seen. The hops before it are checked and logged in to as always. Throws SshError where the server is not reached.
 */
export async function readPresentedKeys(
  login: ResolvedLogin,
  parts: Pick<ConnectionParts, "clock" | "asker" | "secrets">,
): Promise<readonly Buffer[]> {
  const keys: Buffer[] = [];
  for (const algorithms of hostKeyAlgorithms) {
    const seen = { key: null as Buffer | null };
    const hostKeys: HostKeyCheck = {
      offerOrder: (hop) => (hop === login ? Promise.resolve(algorithms) : hostKeyCheck.offerOrder(hop)),
      verify: (hop, key, asker) => {
        if (hop !== login) return hostKeyCheck.verify(hop, key, asker);
        seen.key = Buffer.from(key);
        return Promise.resolve({ kind: "unknown", fingerprint: fingerprintOf(key), keyType: keyTypeOf(key) });
      },
    };
    try {
      (await connect(login, { ...parts, hostKeys, gateOf: () => createGate() })).close();
    } catch (error) {
      const isOtherType = error instanceof SshError && error.kind === "no-common-algorithm";
      if (seen.key === null && !isOtherType) throw error;
    }
    if (seen.key !== null) keys.push(seen.key);
  }
  return keys;
}
