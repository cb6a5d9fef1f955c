import { readFile } from "node:fs/promises";
import { listAgentKeys } from "./agent";
import { readKeyFile } from "./key-file";
import { keyTypeOf } from "./public-key";
import type { ResolvedLogin } from "./resolved-login";

/**
 * Leaves to the system's ssh a login for which a security device's key (FIDO) is the one that is needed, on the host or on a hop: the
 * first that the config names, or the only one there is. A device's key that merely stands among the standard names decides nothing as
 * long as there is another: hosts that take the other keep the built-in client, and one that refuses it is found at the login.
 */
export async function withSecurityKeys(login: ResolvedLogin): Promise<ResolvedLogin> {
  if (login.needsSystemSsh !== null) return login;
  for (const hop of [...login.jumps, login]) {
    const key = await neededDevice(hop);
    if (key !== null) return { ...login, needsSystemSsh: { kind: "security-key", key } };
  }
  return login;
}

/** The file of the device's key, or its name in the agent; null where none is needed. */
async function neededDevice(hop: ResolvedLogin): Promise<string | null> {
  const found: { readonly file: string; readonly isDevice: boolean }[] = [];
  for (const file of hop.identityFiles) {
    const isDevice = (await isDeviceLine(`${file}.pub`)) ?? (await isDeviceKey(file));
    if (isDevice !== null) found.push({ file, isDevice });
  }
  const [first] = found;
  if (hop.areIdentitiesNamed && first !== undefined) return first.isDevice ? first.file : null;
  if (found.some(({ isDevice }) => !isDevice)) return null;
  // With IdentitiesOnly the agent's keys count only where a file names them.
  const held =
    hop.identitiesOnly || hop.identityAgent === null ? [] : await listAgentKeys(hop.identityAgent).catch(() => []);
  const [device, other] = [true, false].map((isDevice) =>
    held.find(({ blob }) => isDeviceType(keyTypeOf(blob)) === isDevice),
  );
  return other === undefined ? (first?.file ?? device?.comment ?? null) : null;
}

export function isDeviceType(keyType: string): boolean {
  return keyType.startsWith("sk-");
}

/** `sk-ssh-ed25519@openssh.com AAAA… comment`; null where there is no such file. */
async function isDeviceLine(file: string): Promise<boolean | null> {
  const text = await textOf(file);
  return text === null ? null : isDeviceType(text.trimStart());
}

/** Also where the public half is named alone, because the agent holds the key. */
async function isDeviceKey(file: string): Promise<boolean | null> {
  const text = await textOf(file);
  if (text === null) return null;
  return isDeviceType(text.trimStart()) || (await readKeyFile(text, null)).kind === "hardware";
}

/** What cannot be read decides nothing here; the login that wants it says why. */
async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch {
    return null;
  }
}
