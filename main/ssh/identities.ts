import { readFile } from "node:fs/promises";
import { listAgentKeys, signByAgent, type AgentKey } from "./agent";
import type { Identity } from "./identity";
import { readKeyFile } from "./key-file";
import type { PrivateKey } from "./private-key";
import { keyTypeOf, readPublicKey } from "./public-key";
import type { ResolvedLogin } from "./resolved-login";
import { isDeviceType } from "./security-keys";
import { SshError } from "./ssh-error";
import { readUserCertificate, type UserCertificate } from "./user-certificate";

/** Opens a key that has a passphrase; rejects with SshError where it stays locked. */
export type OpenKey = (identityFile: string, text: string) => Promise<PrivateKey>;

export interface Identities {
  readonly identities: readonly Identity[];
  /** Keys that were found and cannot be offered. */
  readonly problems: readonly SshError[];
}

/** What stands at and beside the path of an identity file. */
interface KeyFile {
  readonly path: string;
  readonly publicKey: Buffer | null;
  readonly certificate: UserCertificate | null;
  /** Null where only the public half is here. */
  readonly open: (() => Promise<PrivateKey>) | null;
  readonly problem: SshError | null;
}

/**
 * All that may be offered, in OpenSSH's order: certificates, keys of the agent that the config names, its other keys unless IdentitiesOnly
 * says no, keys that are in files alone. An agent that does not answer holds nothing, as OpenSSH takes it.
 */
export async function gatherIdentities(login: ResolvedLogin, openKey: OpenKey): Promise<Identities> {
  const files = (
    await Promise.all(login.identityFiles.map((path) => readIdentityFile(login.host, path, openKey)))
  ).flatMap((file) => (file === null ? [] : [file]));
  const held = login.identityAgent === null ? [] : await agentKeysOf(login.identityAgent);
  const identities = ordered(login, files, held);
  const mayOffer = (blob: Buffer): boolean =>
    !login.identitiesOnly || files.some(({ publicKey }) => publicKey?.equals(blob) === true);
  const hardware = held.filter(({ blob }) => isDeviceType(keyTypeOf(blob)) && mayOffer(blob));
  const problems = [
    ...files.flatMap(({ problem }) => (problem === null ? [] : [problem])),
    ...hardware.map(
      ({ blob, comment }) =>
        new SshError("key-needs-system-ssh", login.host, { file: comment, keyType: keyTypeOf(blob) }),
    ),
  ];
  return { identities, problems };
}

/** The agent's socket may be gone with the session that made it: then there are no keys, and files are still tried. */
function agentKeysOf(socketPath: string): Promise<readonly AgentKey[]> {
  return listAgentKeys(socketPath).catch(() => []);
}

function ordered(login: ResolvedLogin, files: readonly KeyFile[], held: readonly AgentKey[]): readonly Identity[] {
  const fromAgent = held.flatMap((key): readonly Identity[] => {
    const identity = agentIdentity(login.identityAgent ?? "", key);
    return identity === null ? [] : [identity];
  });
  const inAgent = (wanted: Buffer | null): Identity | undefined =>
    fromAgent.find(({ publicKey, certificate }) => certificate === null && wanted?.equals(publicKey) === true);
  const certified = files.flatMap((file): readonly Identity[] => {
    if (file.certificate === null) return [];
    const signer = inAgent(file.certificate.publicKey) ?? fileIdentity(file);
    return signer === null ? [] : [{ ...signer, certificate: file.certificate, publicKey: file.certificate.publicKey }];
  });
  const named = files.flatMap((file) => inAgent(file.publicKey) ?? []);
  const others = login.identitiesOnly ? [] : fromAgent.filter((identity) => !named.includes(identity));
  const alone = files.flatMap((file) => (inAgent(file.publicKey) === undefined ? (fileIdentity(file) ?? []) : []));
  const [agentCertificates, agentKeys] = [
    others.filter(({ certificate }) => certificate !== null),
    others.filter(({ certificate }) => certificate === null),
  ];
  return [...certified, ...agentCertificates, ...named, ...agentKeys, ...alone];
}

function agentIdentity(socketPath: string, { blob, comment }: AgentKey): Identity | null {
  if (isDeviceType(keyTypeOf(blob))) return null;
  const certificate = readUserCertificate(blob);
  const publicKey = certificate?.publicKey ?? readPublicKey(keyTypeOf(blob), blob.toString("base64"));
  if (publicKey === null) return null;
  return { from: comment, publicKey, certificate, sign: (data, hash) => signByAgent(socketPath, blob, data, hash) };
}

/** Null where there is nothing to sign with. A key whose public half is not known from outside must be opened to be offered at all. */
function fileIdentity({ path, publicKey, open }: KeyFile): Identity | null {
  if (open === null) return null;
  return {
    from: path,
    publicKey: publicKey ?? Buffer.alloc(0),
    certificate: null,
    sign: async (data, hash) => (await open()).sign(data, hash ?? "sha512"),
    ...(publicKey === null && { reveal: async () => (await open()).publicKey }),
  };
}

async function readIdentityFile(node: string, path: string, openKey: OpenKey): Promise<KeyFile | null> {
  const unreadable = (problem: string): SshError => new SshError("key-unreadable", node, { file: path, problem });
  const publicKey = publicLine(await textOf(`${path}.pub`));
  const certificateBlob = publicLine(await textOf(`${path}-cert.pub`));
  const certificate = certificateBlob === null ? null : readUserCertificate(certificateBlob);
  const beside = { path, certificate, publicKey, open: null, problem: null };
  try {
    const text = await readFile(path, "utf8");
    const itself = publicLine(text);
    if (itself !== null) return { ...beside, publicKey: itself };
    const reading = await readKeyFile(text, null);
    switch (reading.kind) {
      case "key":
        return { ...beside, publicKey: reading.key.publicKey, open: () => Promise.resolve(reading.key) };
      case "locked":
        return { ...beside, publicKey: reading.publicKey ?? publicKey, open: () => openKey(path, text) };
      case "hardware": {
        const { keyType } = reading;
        return { ...beside, problem: new SshError("key-needs-system-ssh", node, { file: path, keyType }) };
      }
      case "unsupported":
        return { ...beside, problem: new SshError("key-unsupported", node, { file: path, ...reading.facts }) };
      case "broken":
        return { ...beside, problem: unreadable(reading.problem) };
      case "wrong-passphrase":
        return { ...beside, problem: unreadable("ssh/key.damaged") };
    }
  } catch (error) {
    // OpenSSH passes over identity files that do not exist; the agent may hold the key of one whose public half is here.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return publicKey === null ? null : beside;
    return { ...beside, problem: unreadable((error as Error).message) };
  }
}

function publicLine(text: string | null): Buffer | null {
  const [type = "", base64 = ""] = (text ?? "").trim().split(/[ \t]+/);
  return /^(ssh|ecdsa|sk)-/.test(type) ? readPublicKey(type, base64) : null;
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch {
    // What stands beside a key is a help, and missing for most.
    return null;
  }
}
