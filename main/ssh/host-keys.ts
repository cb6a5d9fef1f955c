import type { Asker } from "./asker";
import type { HostKeyCheck, HostKeyVerdict } from "./host-key-check";
import { addKnownHost, filedName, namesHost, readKnownHosts, type KnownHostLine } from "./known-hosts";
import { fingerprintOf, keyTypeOf } from "./public-key";
import type { ResolvedLogin } from "./resolved-login";
import { SshError } from "./ssh-error";

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
    const known = new Set((await offeredLines(login)).map((line) => line.keyType));
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
      return { kind: "unreadable", file: fileOf(error, login), problem: (error as Error).message };
    }
  },
};

/** Those of each type, in the order in which types are offered for a host nothing is known of. */
export const hostKeyAlgorithms: readonly (readonly string[])[] = Object.values(algorithmsOf);

/** The plain lines of the host itself. Throws SshError where a file cannot be read. */
export async function knownKeysOf(login: ResolvedLogin): Promise<readonly KnownHostLine[]> {
  return (await readableLines(login)).own.filter((line) => line.marker === "plain");
}

export async function isRevoked(login: ResolvedLogin, key: Buffer): Promise<boolean> {
  return judge(await readableLines(login), key).kind === "revoked";
}

async function offeredLines(login: ResolvedLogin): Promise<readonly KnownHostLine[]> {
  const { own, portless } = await readableLines(login);
  const plain = (lines: readonly KnownHostLine[]): readonly KnownHostLine[] =>
    lines.filter((line) => line.marker === "plain");
  return plain(own).length > 0 ? plain(own) : plain(portless);
}

async function readableLines(login: ResolvedLogin): Promise<HostLines> {
  try {
    return await linesOf(login);
  } catch (error) {
    const problem = (error as Error).message;
    throw new SshError("known-hosts-unusable", login.host, { file: fileOf(error, login), problem }, error);
  }
}

function fileOf(error: unknown, login: ResolvedLogin): string {
  return (error as NodeJS.ErrnoException).path ?? login.userKnownHostsFiles[0] ?? "";
}

interface HostLines {
  /** Those that name the host as it is filed. */
  readonly own: readonly KnownHostLine[];
  /** Those that name it without its port, where it has one of its own and no alias. */
  readonly portless: readonly KnownHostLine[];
}

/**
 * Pure. Any plain line with this key lets it pass, for a host unknown on its own port also one without the port, as in OpenSSH; a revoked
 * line anywhere overrules all; a host known by other keys only has changed, also when the key is of a type not seen before: a new type is
 * what an attacker without the old key would show.
 */
function judge({ own, portless }: HostLines, key: Buffer): HostKeyVerdict {
  const presented = key.toString("base64");
  const fingerprint = fingerprintOf(key);
  const keyType = keyTypeOf(key);
  const revoked = [...own, ...portless].find((line) => line.marker === "revoked" && line.key === presented);
  if (revoked !== undefined) return { kind: "revoked", fingerprint, where: whereOf(revoked) };
  const plain = own.filter((line) => line.marker === "plain");
  if (plain.some((line) => line.key === presented)) return { kind: "match" };
  const other = plain.find((line) => line.keyType === keyType) ?? plain[0];
  if (other !== undefined) {
    const known = fingerprintOf(Buffer.from(other.key, "base64"));
    return { kind: "changed", fingerprint, keyType, known, knownType: other.keyType, where: whereOf(other) };
  }
  if (portless.some((line) => line.marker === "plain" && line.key === presented)) return { kind: "match" };
  const authority = own.find((line) => line.marker === "cert-authority");
  if (authority !== undefined) return { kind: "certificate-needed", where: whereOf(authority) };
  return { kind: "unknown", fingerprint, keyType };
}

function whereOf(line: KnownHostLine): string {
  return `${line.file}:${line.line}`;
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
  await addKnownHost(file, hostKeyNameOf(login), verdict.keyType, key.toString("base64"), login.hashKnownHosts);
  // What counts is what the next connection will read.
  return judge(await linesOf(login), key);
}

async function linesOf(login: ResolvedLogin): Promise<HostLines> {
  const lines = await readKnownHosts([...login.userKnownHostsFiles, ...login.globalKnownHostsFiles]);
  const named = (name: string): readonly KnownHostLine[] => lines.filter((line) => namesHost(line, name));
  const isPortless = login.hostKeyAlias !== null || login.port === 22;
  return {
    own: named(hostKeyNameOf(login)),
    portless: isPortless ? [] : named(filedName(login.hostName, 22)),
  };
}

/** The name under which OpenSSH files the key of this host. */
export function hostKeyNameOf(login: Pick<ResolvedLogin, "hostKeyAlias" | "hostName" | "port">): string {
  return login.hostKeyAlias?.toLowerCase() ?? filedName(login.hostName, login.port);
}
