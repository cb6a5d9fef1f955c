import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, isAbsolute, join } from "node:path";
import type { KnownHost, Login } from "../../contract/inventory";
import { matchesPattern } from "./known-hosts";
import type { ResolvedLogin } from "./resolved-login";
import { SshError } from "./ssh-error";

/** The desktop as ssh_config sees it. */
export interface Desktop {
  readonly homeDirectory: string;
  readonly user: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The lines of the user's config and then the system's, in the order in which OpenSSH reads them. */
export interface SshConfig {
  readonly blocks: readonly Block[];
  readonly desktop: Desktop;
}

interface Block {
  readonly condition: Condition;
  readonly settings: readonly Setting[];
}
type Condition =
  | { readonly kind: "always" }
  | { readonly kind: "host"; readonly patterns: readonly string[] }
  | { readonly kind: "match"; readonly criteria: readonly string[]; readonly where: string };
interface Setting {
  readonly keyword: string;
  readonly words: readonly string[];
}

const systemConfig = "/etc/ssh/ssh_config";
const deepestInclude = 16;

/** The files a login is resolved from, in the order in which they count. With a file of one's own choice OpenSSH leaves the system's out (`ssh -F`). */
export function configFiles(path: string | null, desktop: Desktop): readonly string[] {
  return path === null ? [join(desktop.homeDirectory, ".ssh", "config"), systemConfig] : [path];
}

/** Reads ssh_config files with what they include. A missing file holds nothing; an unreadable or broken one is refused by name and line. */
export async function readSshConfig(path: string | null, desktop: Desktop): Promise<SshConfig> {
  const blocks: Block[] = [];
  for (const file of configFiles(path, desktop)) blocks.push(...(await readBlocks(file, desktop, 0)));
  return { blocks, desktop };
}

async function readBlocks(file: string, desktop: Desktop, depth: number): Promise<Block[]> {
  if (depth > deepestInclude) throw refused(file, 0, "too many levels of Include");
  const text = await textOf(file);
  const blocks: { condition: Condition; settings: Setting[] }[] = [{ condition: { kind: "always" }, settings: [] }];
  for (const [index, raw] of text.split("\n").entries()) {
    const words = wordsOf(raw, file, index + 1);
    const [first, ...rest] = words;
    if (first === undefined) continue;
    const keyword = first.toLowerCase();
    const current = blocks[blocks.length - 1];
    if (keyword === "host") blocks.push({ condition: { kind: "host", patterns: rest }, settings: [] });
    else if (keyword === "match")
      blocks.push({ condition: { kind: "match", criteria: rest, where: `${file}:${index + 1}` }, settings: [] });
    else if (keyword === "include") {
      const condition = current?.condition ?? { kind: "always" };
      const included = await readIncluded(rest, file, desktop, depth);
      // An Include inside a Host block counts only where that block does; blocks it opens end with it.
      blocks.push(
        ...included.map((block) => ({ condition: both(condition, block.condition), settings: [...block.settings] })),
      );
      blocks.push({ condition, settings: [] });
    } else current?.settings.push({ keyword, words: rest });
  }
  return blocks.filter((block) => block.settings.length > 0 || block.condition.kind === "host");
}

/** A nested condition is kept as the inner one where the outer always holds; otherwise as a list of criteria that must all hold. */
function both(outer: Condition, inner: Condition): Condition {
  if (outer.kind === "always") return inner;
  if (inner.kind === "always") return outer;
  return { kind: "match", criteria: [...criteriaOf(outer), ...criteriaOf(inner)], where: "" };
}

function criteriaOf(condition: Condition): readonly string[] {
  if (condition.kind === "always") return ["all"];
  return condition.kind === "match" ? condition.criteria : ["originalhost", condition.patterns.join(",")];
}

async function readIncluded(
  patterns: readonly string[],
  from: string,
  desktop: Desktop,
  depth: number,
): Promise<Block[]> {
  const blocks: Block[] = [];
  for (const pattern of patterns) {
    const expanded = expandHome(pattern, desktop);
    // ssh_config(5): relative names are below ~/.ssh in a user's file, below /etc/ssh in the system's.
    const base = from === systemConfig ? dirname(systemConfig) : join(desktop.homeDirectory, ".ssh");
    const absolute = isAbsolute(expanded) ? expanded : join(base, expanded);
    for (const file of await filesLike(absolute)) blocks.push(...(await readBlocks(file, desktop, depth + 1)));
  }
  return blocks;
}

/** Wildcards are taken in the last part of the path only, which is how `Include config.d/*` is written. */
async function filesLike(pattern: string): Promise<readonly string[]> {
  if (!/[*?]/.test(pattern)) return [pattern];
  const directory = dirname(pattern);
  const names = await readdir(directory).catch((error: unknown) => absentAs<string[]>(error, []));
  return names
    .filter((name) => !name.startsWith(".") && matchesPattern(basename(pattern), name))
    .sort()
    .map((name) => join(directory, name));
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw refused(file, 0, (error as Error).message);
  }
}

function absentAs<T>(error: unknown, value: T): T {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return value;
  throw error;
}

function refused(file: string, line: number, problem: string): SshError {
  return new SshError("config-unreadable", "", { file, line, problem });
}

/** `Keyword value`, `Keyword=value`, `Keyword "a b" c`; `#` begins a comment at the start of a word. */
function wordsOf(raw: string, file: string, line: number): readonly string[] {
  const text = raw.trim().replace(/^([A-Za-z]+)\s*=\s*/, "$1 ");
  if (text.startsWith("#")) return [];
  const words: string[] = [];
  for (const found of text.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\S+)/g)) {
    const word = found[1] ?? found[2] ?? found[3] ?? "";
    if (found[3]?.startsWith("#") === true) break;
    if (found[3]?.startsWith('"') === true) throw refused(file, line, "a quotation mark is not closed");
    words.push(word.replace(/\\(["'\\ ])/g, "$1"));
  }
  return words;
}

function expandHome(path: string, desktop: Desktop): string {
  return path === "~" || path.startsWith("~/") ? join(desktop.homeDirectory, path.slice(1)) : path;
}

/** Every host alias a person could pick, without patterns. */
export function listHosts(config: SshConfig): readonly KnownHost[] {
  const aliases = new Set(
    config.blocks
      .flatMap((block) => (block.condition.kind === "host" ? block.condition.patterns : []))
      .filter((name) => !/[*?!]/.test(name)),
  );
  return [...aliases].map((alias) => {
    const login = resolveLogin(config, { host: alias });
    return { alias, hostName: login.hostName, user: login.user, port: login.port };
  });
}

const deepestJump = 8;

/** What OpenSSH would use for this login (`ssh -G`); what the login itself names wins over every config line. */
export function resolveLogin(config: SshConfig, login: Login, depth = 0): ResolvedLogin {
  const { desktop } = config;
  const found = collect(config, login);
  const one = (keyword: string): string | null => found.get(keyword)?.[0]?.[0] ?? null;
  const user = login.user ?? one("user") ?? desktop.user;
  const hostName = (one("hostname") ?? login.host).replaceAll("%h", login.host).replaceAll("%%", "%").toLowerCase();
  const port = login.port ?? Number(one("port") ?? 22);
  const jump = login.jump ?? one("proxyjump");
  const expand = (path: string): string =>
    expandTokens(path, { desktop, host: hostName, original: login.host, user, port });
  const files = (keyword: string, standard: readonly string[]): readonly string[] => {
    const given = found.get(keyword)?.[0];
    return (given === undefined ? standard : given.filter((word) => word !== "none")).map(expand);
  };
  const standardKeys = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"].map(
    (name) => `~/.ssh/${name}`,
  );
  const named = (found.get("identityfile") ?? []).map((words) => words[0] ?? "").filter((word) => word !== "none");
  const identityFiles =
    login.identityFile !== undefined
      ? [login.identityFile]
      : named.length > 0 || found.has("identityfile")
        ? named
        : standardKeys;
  return {
    host: login.host,
    hostName,
    port,
    user,
    identityFiles: identityFiles.map(expand),
    identitiesOnly: login.identityFile !== undefined || one("identitiesonly")?.toLowerCase() === "yes",
    identityAgent: agentOf(one("identityagent"), desktop, expand),
    userKnownHostsFiles: files("userknownhostsfile", ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]),
    globalKnownHostsFiles: files("globalknownhostsfile", ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]),
    hostKeyAlias: one("hostkeyalias"),
    strictHostKeyChecking: strictness(one("stricthostkeychecking")),
    hashKnownHosts: one("hashknownhosts")?.toLowerCase() === "yes",
    connectTimeoutMs: Number(one("connecttimeout") ?? 10) * 1000,
    jumps: jumpsOf(config, jump, depth),
    needsSystemSsh: jump === null && (one("proxycommand") ?? "none").toLowerCase() !== "none" ? "ProxyCommand" : null,
  };
}

function strictness(value: string | null): ResolvedLogin["strictHostKeyChecking"] {
  const word = value?.toLowerCase();
  return word === "yes" ? "yes" : word === "accept-new" ? "accept-new" : "ask";
}

function agentOf(value: string | null, desktop: Desktop, expand: (path: string) => string): string | null {
  if (value === null || value === "SSH_AUTH_SOCK") return desktop.environment.SSH_AUTH_SOCK ?? null;
  if (value === "none") return null;
  return value.startsWith("$") ? (desktop.environment[value.slice(1)] ?? null) : expand(value);
}

function jumpsOf(config: SshConfig, value: string | null, depth: number): readonly ResolvedLogin[] {
  if (value === null || value === "none") return [];
  if (depth >= deepestJump) throw refused("ssh_config", 0, `ProxyJump leads through more than ${deepestJump} hosts`);
  return value.split(",").flatMap((hop) => {
    // user@host:port, ssh://user@host:port, [v6]:port
    const parts = /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(hop.trim());
    const host = parts?.[2] ?? parts?.[3];
    if (host === undefined) throw refused("ssh_config", 0, `ProxyJump names ${JSON.stringify(hop)}`);
    const user = parts?.[1];
    const port = parts?.[4];
    const login = resolveLogin(config, { host, ...(user && { user }), ...(port && { port: Number(port) }) }, depth + 1);
    return [...login.jumps, { ...login, jumps: [] }];
  });
}

/** The first value of each keyword wins; IdentityFile collects all. */
function collect(config: SshConfig, login: Login): ReadonlyMap<string, readonly (readonly string[])[]> {
  const found = new Map<string, (readonly string[])[]>();
  for (const block of config.blocks) {
    const hostName = found.get("hostname")?.[0]?.[0]?.replaceAll("%h", login.host) ?? login.host;
    const user = login.user ?? found.get("user")?.[0]?.[0] ?? config.desktop.user;
    if (!holds(block.condition, { original: login.host, hostName, user, localUser: config.desktop.user })) continue;
    for (const { keyword, words } of block.settings) {
      const earlier = found.get(keyword);
      if (earlier === undefined) found.set(keyword, [words]);
      else if (keyword === "identityfile" && !earlier.some((known) => known[0] === words[0])) earlier.push(words);
    }
  }
  return found;
}

interface Candidate {
  readonly original: string;
  readonly hostName: string;
  readonly user: string;
  readonly localUser: string;
}

function holds(condition: Condition, candidate: Candidate): boolean {
  if (condition.kind === "always") return true;
  if (condition.kind === "host") return matchesList(condition.patterns, candidate.original);
  return criteriaHold(condition.criteria, candidate);
}

function criteriaHold(criteria: readonly string[], candidate: Candidate): boolean {
  for (let at = 0; at < criteria.length; at += 1) {
    const word = (criteria[at] ?? "").toLowerCase();
    const negated = word.startsWith("!");
    const name = negated ? word.slice(1) : word;
    if (name === "all") {
      if (negated) return false;
      continue;
    }
    at += 1;
    const held = criterionHolds(name, (criteria[at] ?? "").split(","), candidate);
    if (held === negated) return false;
  }
  return true;
}

/** `exec` would run a program of the config's choice on the desktop, `canonical` and `final` are later passes: none of them holds here. */
function criterionHolds(name: string, patterns: readonly string[], candidate: Candidate): boolean {
  switch (name) {
    case "host":
      return matchesList(patterns, candidate.hostName);
    case "originalhost":
      return matchesList(patterns, candidate.original);
    case "user":
      return matchesList(patterns, candidate.user);
    case "localuser":
      return matchesList(patterns, candidate.localUser);
    default:
      return false;
  }
}

function matchesList(patterns: readonly string[], text: string): boolean {
  if (patterns.some((pattern) => pattern.startsWith("!") && matchesPattern(pattern.slice(1), text))) return false;
  return patterns.some((pattern) => !pattern.startsWith("!") && matchesPattern(pattern, text));
}

function expandTokens(
  path: string,
  about: {
    readonly desktop: Desktop;
    readonly host: string;
    readonly original: string;
    readonly user: string;
    readonly port: number;
  },
): string {
  const tokens: Readonly<Record<string, string>> = {
    "%": "%",
    d: about.desktop.homeDirectory,
    h: about.host,
    n: about.original,
    p: String(about.port),
    r: about.user,
    u: about.desktop.user,
  };
  const filled = path.replace(/%(.)/g, (whole, token: string) => tokens[token] ?? whole);
  const withEnvironment = filled.replace(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g,
    (_whole, name: string) => about.desktop.environment[name] ?? "",
  );
  return expandHome(withEnvironment, about.desktop);
}
