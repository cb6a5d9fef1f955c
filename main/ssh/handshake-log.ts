import type { Client } from "ssh2";

export interface HandshakeLog {
  /** For ssh2's `debug`. */
  readonly note: (line: string) => void;
  /** Whether both sides keep to strict key exchange. */
  isStrict(): boolean;
  /** What could not be agreed on, with both sides' offers as comma lists; null when nothing is known of it. */
  disagreement(): { readonly what: string; readonly ours: string; readonly theirs: string } | null;
}

/**
 * ssh2 tells what each side offered in its debug lines alone.
 * ```
 * Handshake: (local) KEX method: curve25519-sha256,ecdh-sha2-nistp256
 * Handshake: (remote) KEX method: sntrup761x25519-sha512@openssh.com
 * Handshake: no matching key exchange algorithm
 * Handshake: strict KEX mode enabled
 * ```
 */
export function createHandshakeLog(): HandshakeLog {
  const offers = new Map<string, { ours: string; theirs: string }>();
  let last = "";
  let failed = false;
  let strict = false;
  return {
    note: (line) => {
      const [, side, what, names] = /^Handshake: \((local|remote)\) ([^:]+): (.*)$/.exec(line) ?? [];
      if (side !== undefined && what !== undefined && names !== undefined) {
        last = what;
        const known = offers.get(what) ?? { ours: "", theirs: "" };
        offers.set(what, side === "local" ? { ...known, ours: names } : { ...known, theirs: names });
      }
      if (/^Handshake: no matching/i.test(line)) failed = true;
      if (line.startsWith("Handshake: strict KEX mode")) strict = true;
    },
    isStrict: () => strict,
    disagreement: () => {
      const offered = offers.get(last);
      return failed && offered !== undefined ? { what: last, ...offered } : null;
    },
  };
}

/** Every packet costs a line of text while ssh2's debugging is on, and it offers no way to switch it off again. */
export function stopLogging(client: Client): void {
  const inside = client as unknown as { readonly _protocol?: { _debug?: unknown } };
  if (inside._protocol !== undefined) inside._protocol._debug = undefined;
}
