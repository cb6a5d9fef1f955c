import { createHash } from "node:crypto";
import type { Asker } from "./asker";
import type { HostKeyCheck, HostKeyVerdict } from "./host-key-check";
import { addKnownHost, filedName, namesHost, readKnownHosts, type KnownHostLine } from "./known-hosts";
import type { ResolvedLogin } from "./resolved-login";

/** Host key algorithms of each key type, in the order of preference; those this side can verify. */
const algorithmsOf: Readonly<Record<string, readonly string[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

/** The check OpenSSH makes, with the person asked about a host that is new and nobody asked about one that changed. */
export const hostKeyCheck: HostKeyCheck = {
  async offerOrder(login) {
    const lines = await linesOf(login);
    const known = new Set(lines.filter((line) => line.marker === "plain").map((line) => line.keyType));
    const types = Object.keys(algorithmsOf);
    return [...types.filter((type) => known.has(type)), ...types.filter((type) => !known.has(type))].flatMap(
      (type) => algorithmsOf[type] ?? [],
    );
  },

  async verify(login, key, asker) {
    try {
      const verdict = judge(await linesOf(login), key);
      return verdict.kind === "unknown" ? await admit(login, key, verdict, asker) : verdict;
    } catch (error) {
      return { kind: "unreadable", file: login.userKnownHostsFiles[0] ?? "", problem: (error as Error).message };
    }
  },
};

/**
 * Pure. Any plain line with this key lets it pass; a revoked line anywhere overrules all; a host known by other keys only has changed,
 * also when the key is of a type not seen before: a new type is what an attacker without the old key would show.
 */
function judge(lines: readonly KnownHostLine[], key: Buffer): HostKeyVerdict {
  const presented = key.toString("base64");
  const fingerprint = fingerprintOf(key);
  const revoked = lines.find((line) => line.marker === "revoked" && line.key === presented);
  if (revoked !== undefined) return { kind: "revoked", fingerprint, where: `${revoked.file}:${revoked.line}` };
  const plain = lines.filter((line) => line.marker === "plain");
  if (plain.some((line) => line.key === presented)) return { kind: "match" };
  const other = plain.find((line) => line.keyType === keyTypeOf(key)) ?? plain[0];
  if (other === undefined) return { kind: "unknown", fingerprint, keyType: keyTypeOf(key) };
  const known = fingerprintOf(Buffer.from(other.key, "base64"));
  return { kind: "changed", fingerprint, known, where: `${other.file}:${other.line}` };
}

async function admit(
  login: ResolvedLogin,
  key: Buffer,
  verdict: HostKeyVerdict & { kind: "unknown" },
  asker: Asker,
): Promise<HostKeyVerdict> {
  if (login.strictHostKeyChecking === "yes") return verdict;
  if (login.strictHostKeyChecking === "ask") {
    const { keyType, fingerprint } = verdict;
    const address = `${login.hostName}:${login.port}`;
    const answer = await asker.ask({ kind: "host-key-unknown", node: login.host, address, keyType, fingerprint });
    if (answer.kind !== "accept") return verdict;
  }
  const file = login.userKnownHostsFiles[0];
  if (file === undefined) return verdict;
  await addKnownHost(file, nameOf(login), verdict.keyType, key.toString("base64"), login.hashKnownHosts);
  // What counts is what the next connection will read.
  return judge(await linesOf(login), key);
}

async function linesOf(login: ResolvedLogin): Promise<readonly KnownHostLine[]> {
  const lines = await readKnownHosts([...login.userKnownHostsFiles, ...login.globalKnownHostsFiles]);
  return lines.filter((line) => namesHost(line, nameOf(login)));
}

function nameOf(login: ResolvedLogin): string {
  return login.hostKeyAlias?.toLowerCase() ?? filedName(login.hostName, login.port);
}

/** As `ssh-keygen -l` prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

function keyTypeOf(key: Buffer): string {
  return key.length < 4 ? "" : key.subarray(4, 4 + key.readUInt32BE(0)).toString("latin1");
}
