import { createHmac, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";

/** One line that names hosts and a key. */
export interface KnownHostLine {
  readonly marker: "plain" | "revoked" | "cert-authority";
  /** The first field as written: a comma list of patterns, or one hashed name. */
  readonly names: string;
  readonly keyType: string;
  /** The key in base64. */
  readonly key: string;
  readonly file: string;
  readonly line: number;
}

/**
 * Reads a known_hosts text as sshd(8) describes it. Lines that hold no such thing (comments, other key formats, broken ones) are
 * passed over, as OpenSSH does; a host that is named only there is simply not known.
 * ```
 * db-1,10.0.0.5 ssh-ed25519 AAAAC3Nz… comment
 * [db-1]:2222 ecdsa-sha2-nistp256 AAAAE2Vj…
 * |1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-rsa AAAAB3Nz…
 * @revoked * ssh-rsa AAAAB3Nz…
 * ```
 */
export function parseKnownHosts(text: string, file: string): readonly KnownHostLine[] {
  return text.split("\n").flatMap((raw, index): readonly KnownHostLine[] => {
    const words = raw.trim().split(/[ \t]+/);
    const first = words[0] ?? "";
    if (first === "" || first.startsWith("#")) return [];
    const marker = first === "@revoked" ? "revoked" : first === "@cert-authority" ? "cert-authority" : "plain";
    // An unknown marker makes the whole line void, never a plain line.
    if (marker === "plain" && first.startsWith("@")) return [];
    const [names, keyType, key] = marker === "plain" ? words : words.slice(1);
    if (names === undefined || keyType === undefined || key === undefined || !isKeyOfType(key, keyType)) return [];
    return [{ marker, names, keyType, key, file, line: index + 1 }];
  });
}

/** A key says its own type inside; a line whose two types differ is broken. */
function isKeyOfType(base64: string, keyType: string): boolean {
  const blob = Buffer.from(base64, "base64");
  if (blob.length < 4) return false;
  const length = blob.readUInt32BE(0);
  return blob.subarray(4, 4 + length).toString("latin1") === keyType;
}

/** The name a host's key is filed under: the bare name for port 22, else `[name]:port`; always lower case. */
export function filedName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** Whether a line speaks of the host filed under `name`. A negated pattern that matches rules the whole line out. */
export function namesHost(line: KnownHostLine, name: string): boolean {
  if (line.names.startsWith("|")) return matchesHashed(line.names, name);
  let matched = false;
  for (const pattern of line.names.toLowerCase().split(",")) {
    const negated = pattern.startsWith("!");
    if (!matchesPattern(negated ? pattern.slice(1) : pattern, name)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

// |1|<base64 salt>|<base64 HMAC-SHA1 of the name, keyed with the salt>
function matchesHashed(hashed: string, name: string): boolean {
  const [, version, salt, digest] = hashed.split("|");
  if (version !== "1" || salt === undefined || digest === undefined) return false;
  const saltBytes = Buffer.from(salt, "base64");
  return saltBytes.length > 0 && createHmac("sha1", saltBytes).update(name).digest("base64") === digest;
}

/** `*` and `?` as in ssh_config; linear in time, whatever the pattern. */
export function matchesPattern(pattern: string, text: string): boolean {
  let at = 0;
  let from = 0;
  let star = -1;
  let starText = 0;
  while (from < text.length) {
    if (pattern[at] === "?" || (pattern[at] !== "*" && pattern[at] === text[from])) {
      at += 1;
      from += 1;
    } else if (pattern[at] === "*") {
      star = at;
      starText = from;
      at += 1;
    } else if (star >= 0) {
      at = star + 1;
      starText += 1;
      from = starText;
    } else return false;
  }
  while (pattern[at] === "*") at += 1;
  return at === pattern.length;
}

/** Reads known_hosts files; one that does not exist holds nothing, any other failure is the caller's to refuse on. */
export async function readKnownHosts(files: readonly string[]): Promise<readonly KnownHostLine[]> {
  const lists = await Promise.all(files.map(async (file) => parseKnownHosts(await textOf(file), file)));
  return lists.flat();
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/**
 * Adds one line at the end and makes sure it is on the disk. Foreign lines are never rewritten: appending is atomic where
 * two programs add at once, and a file without a final newline gets one first.
 */
export async function addKnownHost(
  file: string,
  name: string,
  keyType: string,
  key: string,
  hashed: boolean,
): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const before = await textOf(file);
  const handle = await open(file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600);
  try {
    const line = `${hashed ? hashedName(name) : name} ${keyType} ${key}\n`;
    await handle.appendFile(before === "" || before.endsWith("\n") ? line : `\n${line}`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function hashedName(name: string): string {
  const salt = randomBytes(20);
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`;
}
