import type { KnownHost, Login } from "../../contract/inventory";
import { matchesPattern } from "./known-hosts";
import type { ResolvedLogin, SystemSshNeed } from "./resolved-login";
import { expandHome, refused, type Block, type Condition, type Desktop, type SshConfig } from "./ssh-config";

/** Every host alias a person could pick, without patterns. */
export function listHosts(config: SshConfig): readonly KnownHost[] {
  const aliases = new Set(
    everyBlock(config.blocks)
      .flatMap(({ condition }) => (condition.kind === "host" ? condition.patterns : []))
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
  const { found, undecided } = collect(config, login);
  const one = (keyword: string): string | null => found.get(keyword)?.[0]?.[0] ?? null;
  const user = login.user ?? one("user") ?? desktop.user;
  const hostName = hostNameIn(found, login);
  const port = login.port ?? Number(one("port") ?? 22);
  // A ProxyCommand that stands before ProxyJump keeps it from counting, also when it says `none`; not so the other way round.
  const firstProxy = [...found.keys()].find((keyword) => keyword === "proxyjump" || keyword === "proxycommand");
  const jump = login.jump ?? (firstProxy === "proxyjump" ? one("proxyjump") : null);
  const isDirect = jump === null || jump.toLowerCase() === "none";
  const hasCommand = isDirect && (one("proxycommand") ?? "none").toLowerCase() !== "none";
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
  const jumps = isDirect ? [] : jumpsOf(config, jump, depth);
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
    jumps,
    needsSystemSsh:
      (hasCommand ? "ProxyCommand" : undecided) ??
      needIn(found) ??
      jumps.map((hop) => hop.needsSystemSsh).find((need) => need !== null) ??
      null,
  };
}

/**
 * What ssh2 cannot do. `GSSAPIAuthentication yes` alone decides nothing: Debian's own ssh_config says so for every host, also where
 * nobody has a ticket. Neither does `SecurityKeyProvider`, which only tells how a device's key is asked.
 */
function needIn(found: Collected["found"]): SystemSshNeed | null {
  const one = (keyword: string): string => found.get(keyword)?.[0]?.[0] ?? "";
  const isGiven = (keyword: string): boolean => !["", "none"].includes(one(keyword).toLowerCase());
  if (isGiven("pkcs11provider")) return "PKCS11Provider";
  if (isGiven("knownhostscommand")) return "KnownHostsCommand";
  const exchanges = one("kexalgorithms");
  // A list that begins with +, - or ^ keeps OpenSSH's own, and with them what is known here.
  if (exchanges !== "" && exchanges.split(",").every((name) => /^(?:sntrup|mlkem)\d+/.test(name)))
    return "KexAlgorithms";
  const isKerberosFirst = /^gssapi-/i.test(one("preferredauthentications"));
  return isKerberosFirst && one("gssapiauthentication").toLowerCase() === "yes" ? "PreferredAuthentications" : null;
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

function jumpsOf(config: SshConfig, value: string, depth: number): readonly ResolvedLogin[] {
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

interface Collected {
  readonly found: ReadonlyMap<string, readonly (readonly string[])[]>;
  /** What in the config only ssh itself can decide; null where all was decided. */
  readonly undecided: SystemSshNeed | null;
}

/** The first value of each keyword wins; IdentityFile collects all. `Match final` asks for a second pass over the whole config. */
function collect(config: SshConfig, login: Login): Collected {
  const found = new Map<string, (readonly string[])[]>();
  let undecided: SystemSshNeed | null = null;
  const take = (blocks: readonly Block[], isFinal: boolean): void => {
    for (const { condition, entries } of blocks) {
      const hostName = found.get("hostname")?.[0]?.[0]?.replaceAll("%h", login.host) ?? login.host;
      const user = login.user ?? found.get("user")?.[0]?.[0] ?? config.desktop.user;
      // Decided once, where the block begins: what it sets does not undo it.
      const candidate = { original: login.host, hostName, user, localUser: config.desktop.user, isFinal };
      const held = holds(condition, candidate);
      if (typeof held === "string") undecided ??= held;
      if (held !== true) continue;
      for (const entry of entries) {
        if (entry.kind === "include") {
          take(entry.blocks, isFinal);
          continue;
        }
        const { keyword, words } = entry;
        const earlier = found.get(keyword);
        if (earlier === undefined) found.set(keyword, [words]);
        else if (keyword === "identityfile" && !earlier.some((known) => known[0] === words[0])) earlier.push(words);
      }
    }
  };
  take(config.blocks, false);
  if (everyBlock(config.blocks).some(({ condition }) => asksForFinalPass(condition))) {
    // The name found in the first pass is settled by then, also where it is the one that was asked for (ssh.c, 9.2).
    found.set("hostname", [[hostNameIn(found, login)]]);
    take(config.blocks, true);
  }
  const canonical = found.get("canonicalizehostname")?.[0]?.[0]?.toLowerCase() ?? "no";
  if (canonical !== "no" && canonical !== "false") undecided ??= "CanonicalizeHostname";
  return { found, undecided };
}

function hostNameIn(found: Collected["found"], login: Login): string {
  const given = found.get("hostname")?.[0]?.[0] ?? login.host;
  return given.replaceAll("%h", login.host).replaceAll("%%", "%").toLowerCase();
}

function asksForFinalPass(condition: Condition): boolean {
  return condition.kind === "match" && condition.criteria.some((word) => /^!?final$/i.test(word));
}

function everyBlock(blocks: readonly Block[]): readonly Block[] {
  return blocks.flatMap((block) => [
    block,
    ...block.entries.flatMap((entry) => (entry.kind === "include" ? everyBlock(entry.blocks) : [])),
  ]);
}

interface Candidate {
  readonly original: string;
  readonly hostName: string;
  readonly user: string;
  readonly localUser: string;
  /** The pass that `final` and `canonical` wait for. */
  readonly isFinal: boolean;
}

/** A text names what only ssh itself can decide; everything else in the condition holds then. */
function holds(condition: Condition, candidate: Candidate): boolean | SystemSshNeed {
  switch (condition.kind) {
    case "always":
      return true;
    case "host":
      // In the final pass `Host` is compared with the name that was found.
      return matchesList(condition.patterns, candidate.isFinal ? candidate.hostName : candidate.original);
    case "match":
      return criteriaHold(condition.criteria, candidate);
  }
}

function criteriaHold(criteria: readonly string[], candidate: Candidate): boolean | SystemSshNeed {
  let undecided: SystemSshNeed | null = null;
  for (let at = 0; at < criteria.length; at += 1) {
    const word = (criteria[at] ?? "").toLowerCase();
    const negated = word.startsWith("!");
    const name = negated ? word.slice(1) : word;
    if (name === "all") {
      if (negated) return false;
      continue;
    }
    if (name === "final" || name === "canonical") {
      if (candidate.isFinal === negated) return false;
      continue;
    }
    at += 1;
    const held = criterionHolds(name, (criteria[at] ?? "").split(","), candidate);
    if (held === null) undecided ??= `Match ${name}`;
    else if (held === negated) return false;
  }
  return undecided ?? true;
}

/** Null for what only ssh itself decides: `exec` runs a program of the config's choice, and later versions know more than is known here. */
function criterionHolds(name: string, patterns: readonly string[], candidate: Candidate): boolean | null {
  switch (name) {
    case "host":
      return matchesHost(patterns, candidate.hostName);
    case "originalhost":
      return matchesHost(patterns, candidate.original);
    case "user":
      return matchesList(patterns, candidate.user);
    case "localuser":
      return matchesList(patterns, candidate.localUser);
    default:
      return null;
  }
}

/** Unlike `Host`, `Match` makes no difference between capital and small letters of a host. */
function matchesHost(patterns: readonly string[], name: string): boolean {
  return matchesList(
    patterns.map((pattern) => pattern.toLowerCase()),
    name.toLowerCase(),
  );
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
