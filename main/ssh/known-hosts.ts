import { createHmac, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, mkdir, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { keyTypeOf, readPublicKey } from "./public-key";

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
 * Reads a known_hosts text as OpenSSH does. Comments, lines of formats it does not know and broken ones are passed over; a host
 * that is named only there is simply not known.
 * ```
 * db-1,10.0.0.5 ssh-ed25519 AAAAC3Nz… comment
 * [db-1]:2222 ecdsa-sha2-nistp256 AAAAE2Vj…
 * |1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-rsa AAAAB3Nz…
 * @revoked * ssh-rsa AAAAB3Nz…
 * ```
 */
export function parseKnownHosts(text: string, file: string): readonly KnownHostLine[] {
  return text.split("\n").flatMap((raw, index) => {
    const line = parseKnownHostLine(raw);
    return line === null ? [] : [{ ...line, file, line: index + 1 }];
  });
}

function parseKnownHostLine(raw: string): Omit<KnownHostLine, "file" | "line"> | null {
  const fields = fieldsOf(raw);
  const key = fields === null ? null : readPublicKey(fields.typeName, fields.base64);
  if (fields === null || key === null) return null;
  return { marker: fields.marker, names: fields.names, keyType: keyTypeOf(key), key: key.toString("base64") };
}

interface Fields extends Pick<KnownHostLine, "marker" | "names"> {
  readonly typeName: string;
  readonly base64: string;
}

/** Only spaces and tabs part the fields: the carriage return of a Windows line belongs to its last field, which may bear it. */
function fieldsOf(raw: string): Fields | null {
  const marked = markedLine(raw.replace(/^[ \t]+/, ""));
  if (marked === null) return null;
  const [, names, typeName, base64] = /^([^ \t]+)[ \t]+([^ \t]+)[ \t]+([^ \t]+)/.exec(marked.rest) ?? [];
  if (names === undefined || typeName === undefined || base64 === undefined) return null;
  return names.startsWith("#") || typeName.startsWith("#") ? null : { marker: marked.marker, names, typeName, base64 };
}

const markers: Readonly<Record<string, KnownHostLine["marker"]>> = {
  "@cert-authority": "cert-authority",
  "@revoked": "revoked",
};

/** At most one marker, ended by a space, or by a tab where the line has no space. Anything else makes the whole line void. */
function markedLine(line: string): { readonly marker: KnownHostLine["marker"]; readonly rest: string } | null {
  if (!line.startsWith("@")) return { marker: "plain", rest: line };
  const space = line.indexOf(" ");
  const end = space < 0 ? line.indexOf("\t") : space;
  const marker = markers[line.slice(0, Math.max(0, end))];
  const rest = line.slice(end).replace(/^[ \t]+/, "");
  return marker === undefined || rest.startsWith("@") ? null : { marker, rest };
}

/** The name a host's key is filed under: the bare name for port 22, else `[name]:port`; always lower case. */
export function filedName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** OpenSSH gives up a whole list at a pattern that does not fit its buffer. */
const longestPattern = 1022;

/** Whether a line speaks of the host filed under `name`. A negated pattern that matches rules the whole line out. */
export function namesHost(line: Pick<KnownHostLine, "names">, name: string): boolean {
  if (line.names.startsWith("|")) return matchesHashed(line.names, name);
  let matched = false;
  for (const pattern of line.names.toLowerCase().split(",")) {
    const negated = pattern.startsWith("!");
    const bare = negated ? pattern.slice(1) : pattern;
    if (bare.length > longestPattern) return false;
    if (!matchesPattern(bare, name)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

const saltBytes = 20;

// |1|<base64 salt>|<base64 HMAC-SHA1 of the name, keyed with the salt>; one name, and nothing after it
function matchesHashed(hashed: string, name: string): boolean {
  const salt = Buffer.from(/^\|1\|([^|]+)\|/.exec(hashed)?.[1] ?? "", "base64");
  return salt.length === saltBytes && hashedName(name, salt) === hashed;
}

function hashedName(name: string, salt: Buffer): string {
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`;
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

/** Names are bytes to OpenSSH; read as Latin-1, a byte that is no UTF-8 stays what it is. */
async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** Writers of one file wait for one another here; other programs are met by appending, and by looking again before a rename. */
const writing = new Map<string, Promise<unknown>>();

function inTurn<T>(file: string, work: () => Promise<T>): Promise<T> {
  const turn = (writing.get(file) ?? Promise.resolve()).then(work, work);
  const settled = turn.catch(() => undefined);
  writing.set(file, settled);
  void settled.then(() => writing.get(file) === settled && writing.delete(file));
  return turn;
}

/**
 * Adds one line at the end and makes sure it is on the disk. Foreign lines are never rewritten: appending is atomic where
 * two programs add at once, and a file without a final newline gets one first.
 */
export function addKnownHost(file: string, name: string, keyType: string, key: string, hashed: boolean): Promise<void> {
  return inTurn(file, async () => {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const before = await textOf(file);
    const handle = await open(file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600);
    try {
      const line = `${hashed ? hashedName(name, randomBytes(saltBytes)) : name} ${keyType} ${key}\n`;
      const bytes = Buffer.from(before === "" || before.endsWith("\n") ? line : `\n${line}`);
      // One write, so that two programs cannot interleave; a full disk may take a part of it and says so only by the count.
      const { bytesWritten } = await handle.write(bytes);
      if (bytesWritten < bytes.length) throw new Error("ssh/disk-took-part");
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Tries before giving up on a file that other programs keep writing. */
const rewriteAttempts = 5;

/**
 * Takes out the plain lines that name this host, as `ssh-keygen -R` does: a line with several names goes whole, also one with a broken
 * key; all others stay byte for byte, and the file as it was is kept beside it as `<file>.old`. Gives the numbers of the lines taken out.
 */
export function removeKnownHost(file: string, name: string): Promise<readonly number[]> {
  return inTurn(file, async () => {
    for (let attempt = 1; attempt <= rewriteAttempts; attempt += 1) {
      const before = await textOf(file);
      const lines = before.split("\n");
      const gone = lines.flatMap((raw, index) => (isPlainLineOf(raw, name) ? [index + 1] : []));
      if (gone.length === 0) return [];
      const kept = lines.filter((_raw, index) => !gone.includes(index + 1)).join("\n");
      if (await rewrite(file, before, kept)) return gone;
    }
    throw new Error("ssh/others-keep-changing");
  });
}

function isPlainLineOf(raw: string, name: string): boolean {
  const fields = fieldsOf(raw);
  return fields !== null && fields.marker === "plain" && namesHost(fields, name);
}

/** False when the file is no longer what was read: another program added to it, and its line must not be lost. */
async function rewrite(file: string, before: string, after: string): Promise<boolean> {
  const target = await realpath(file);
  const { mode } = await stat(target);
  const next = `${target}.evenkeel-${randomBytes(6).toString("hex")}`;
  try {
    await writeWhole(next, after, mode & 0o777);
    await copyFile(target, `${target}.old`);
    if ((await textOf(target)) !== before) return false;
    await rename(next, target);
    return true;
  } finally {
    await rm(next, { force: true });
  }
}

async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const handle = await open(file, "wx", mode);
  try {
    await handle.writeFile(text, "latin1");
    await handle.sync();
  } finally {
    await handle.close();
  }
}
