import { readFile } from "node:fs/promises";
import { readKeyFile } from "./key-file";
import type { ResolvedLogin } from "./resolved-login";

/**
 * Leaves to the system's ssh a login whose first key, in the order of the config, is a security device's (FIDO), on the host or on
 * a hop. A device's key behind an ordinary one does not decide: OpenSSH would try the ordinary one first as well, and the key that
 * stands among the standard names for one host must not take every other host away from the built-in client.
 */
export async function withSecurityKeys(login: ResolvedLogin): Promise<ResolvedLogin> {
  if (login.needsSystemSsh !== null) return login;
  for (const hop of [...login.jumps, login])
    if (await beginsWithDevice(hop.identityFiles)) return { ...login, needsSystemSsh: "IdentityFile" };
  return login;
}

async function beginsWithDevice(files: readonly string[]): Promise<boolean> {
  for (const file of files) {
    const isDevice = (await isDevicePublic(`${file}.pub`)) ?? (await isDevicePrivate(file));
    if (isDevice !== null) return isDevice;
  }
  return false;
}

/** `sk-ssh-ed25519@openssh.com AAAA… comment`; null where there is no such file. */
async function isDevicePublic(file: string): Promise<boolean | null> {
  const text = await textOf(file);
  return text === null ? null : /^\s*sk-\S+ /.test(text);
}

async function isDevicePrivate(file: string): Promise<boolean | null> {
  const text = await textOf(file);
  return text === null ? null : (await readKeyFile(text, null)).kind === "hardware";
}

/** What cannot be read decides nothing here; the login that wants it says why. */
async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch {
    return null;
  }
}
