import type { KnownHost, Login } from "../../contract/inventory";
import { visible } from "../../contract/visible";
import { matchesPattern } from "./known-hosts";
import type { ResolvedLogin, SystemSshKeyword, SystemSshNeed } from "./resolved-login";
import {
  expandHome,
  refused,
  type Block,
  type Condition,
  type Desktop,
  type Place,
  type SshConfig,
} from "./ssh-config";
import { deciding } from "./transport";

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

/** What OpenSSH would use for this login (`ssh -G`); what the login itself names wins over every config line. Throws SshError. */
export function resolveLogin(config: SshConfig, login: Login): ResolvedLogin {
  return resolveHop(config, login, { below: [writtenAs(login)], isCarried: false });
}

interface Way {
  /** The target and the hops whose own jump hosts are being looked up, as they were written. */
  readonly below: readonly string[];
  /** Of a list of jump hosts only the first is reached as its own config says; each other one is reached through the one before it. */
  readonly isCarried: boolean;
}

function resolveHop(config: SshConfig, login: Login, way: Way): ResolvedLogin {
  const { desktop } = config;
  const { found, undecided } = collect(config, login);
  const one = (keyword: string): string | null => found.get(keyword)?.[0]?.words[0] ?? null;
  const user = login.user ?? one("user") ?? desktop.user;
  const hostName = hostNameIn(found, login);
  const port = login.port ?? Number(one("port") ?? 22);
  // A ProxyCommand that stands before ProxyJump keeps it from counting, also when it says `none`; not so the other way round.
  const firstProxy = [...found.keys()].find((keyword) => keyword === "proxyjump" || keyword === "proxycommand");
  const jump = login.jump ?? (firstProxy === "proxyjump" ? one("proxyjump") : null);
  const isDirect = way.isCarried || jump === null || jump.toLowerCase() === "none";
  const hasCommand = isDirect && !way.isCarried && (one("proxycommand") ?? "none").toLowerCase() !== "none";
  const expand = (path: string): string =>
    expandTokens(path, { desktop, host: hostName, original: login.host, user, port });
  const files = (keyword: string, standard: readonly string[]): readonly string[] => {
    const given = found.get(keyword)?.[0]?.words;
    return (given === undefined ? standard : given.filter((word) => word !== "none")).map(expand);
  };
  const standardKeys = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"].map(
    (name) => `~/.ssh/${name}`,
  );
  const named = (found.get("identityfile") ?? []).map(({ words }) => words[0] ?? "").filter((word) => word !== "none");
  const areIdentitiesNamed = login.identityFile !== undefined || found.has("identityfile");
  const identityFiles =
    login.identityFile !== undefined ? [login.identityFile] : areIdentitiesNamed ? named : standardKeys;
  const jumpAt = login.jump === undefined ? (found.get("proxyjump")?.[0]?.at ?? null) : null;
  const jumps = isDirect ? [] : jumpsOf(config, jump, jumpAt, way.below);
  return {
    host: login.host,
    hostName,
    port,
    user,
    identityFiles: identityFiles.map(expand),
    areIdentitiesNamed,
    identitiesOnly: login.identityFile !== undefined || one("identitiesonly")?.toLowerCase() === "yes",
    identityAgent: agentOf(one("identityagent"), desktop, expand),
    userKnownHostsFiles: files("userknownhostsfile", ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]),
    globalKnownHostsFiles: files("globalknownhostsfile", ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]),
    hostKeyAlias: one("hostkeyalias"),
    strictHostKeyChecking: strictness(one("stricthostkeychecking")),
    hashKnownHosts: one("hashknownhosts")?.toLowerCase() === "yes",
    mayUseTicket: one("gssapiauthentication")?.toLowerCase() === "yes",
    connectTimeoutMs: Number(one("connecttimeout") ?? 10) * 1000,
    jumps,
    needsSystemSsh: deciding([
      hasCommand ? needAt("ProxyCommand", found) : undecided,
      ...needsIn(found),
      ...jumps.map((hop) => hop.needsSystemSsh),
    ]),
  };
}

/**
 * What ssh2 cannot do. `GSSAPIAuthentication yes` alone decides nothing: Debian's own ssh_config says so for every host, also where
 * nobody has a ticket. Neither does `SecurityKeyProvider`, which only tells how a device's key is asked.
 */
function needsIn(found: Collected["found"]): readonly (SystemSshNeed | null)[] {
  const one = (keyword: string): string => found.get(keyword)?.[0]?.words[0] ?? "";
  const isGiven = (keyword: string): boolean => !["", "none"].includes(one(keyword).toLowerCase());
  const exchanges = one("kexalgorithms");
  // A list that begins with +, - or ^ keeps OpenSSH's own, and with them what is known here.
  const isPostQuantum = exchanges !== "" && exchanges.split(",").every((name) => /^(?:sntrup|mlkem)\d+/.test(name));
  const methods = one("preferredauthentications").toLowerCase().split(",");
  const isKerberosFirst =
    methods[0]?.startsWith("gssapi-") === true && one("gssapiauthentication").toLowerCase() === "yes";
  const hasOtherWays = methods.some((method) => builtInMethods.includes(method));
  return [
    isGiven("pkcs11provider") ? needAt("PKCS11Provider", found, true) : null,
    isGiven("knownhostscommand") ? needAt("KnownHostsCommand", found) : null,
    isPostQuantum ? needAt("KexAlgorithms", found) : null,
    isKerberosFirst ? needAt("PreferredAuthentications", found, hasOtherWays) : null,
  ];
}

const builtInMethods: readonly string[] = ["publickey", "keyboard-interactive", "password"];

/** Where the setting stands that asks for it. */
function needAt(keyword: SystemSshKeyword, found: Collected["found"], hasOtherWays = false): SystemSshNeed | null {
  const at = found.get(keyword.toLowerCase())?.[0]?.at;
  return at === undefined ? null : { kind: "setting", keyword, ...at, hasOtherWays };
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

function writtenAs({ host, user = "", port = 0 }: Login): string {
  return JSON.stringify([host, user, port]);
}

/** Throws SshError, also where a host is to be reached through itself: ssh would start itself again and again, without end. */
function jumpsOf(
  config: SshConfig,
  value: string,
  at: Place | null,
  below: readonly string[],
): readonly ResolvedLogin[] {
  const place = at ?? { file: "ProxyJump", line: null };
  if (below.length > deepestJump) throw refused(place, "ssh/config.jumps-deep", { most: deepestJump });
  return value.split(",").flatMap((hop, index) => {
    // user@host:port, ssh://user@host:port, [v6]:port
    const parts = /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(hop.trim());
    const host = parts?.[2] ?? parts?.[3];
    if (host === undefined) throw refused(place, "ssh/config.jump-broken", { jump: visible(hop) });
    const user = parts?.[1];
    const port = parts?.[4];
    const login = { host, ...(user && { user }), ...(port && { port: Number(port) }) };
    const written = writtenAs(login);
    if (below.includes(written)) throw refused(place, "ssh/config.jump-loop", { jump: visible(host) });
    const resolved = resolveHop(config, login, { below: [...below, written], isCarried: index > 0 });
    return [...resolved.jumps, { ...resolved, jumps: [] }];
  });
}

interface Setting {
  readonly words: readonly string[];
  readonly at: Place;
}

interface Collected {
  readonly found: ReadonlyMap<string, readonly Setting[]>;
  /** What in the config only ssh itself can decide; null where all was decided. */
  readonly undecided: SystemSshNeed | null;
}

/** The first value of each keyword wins; IdentityFile collects all. `Match final` asks for a second pass over the whole config. */
function collect(config: SshConfig, login: Login): Collected {
  const found = new Map<string, Setting[]>();
  let undecided: SystemSshNeed | null = null;
  const take = (blocks: readonly Block[], isFinal: boolean): void => {
    for (const { condition, at, entries } of blocks) {
      const hostName = found.get("hostname")?.[0]?.words[0]?.replaceAll("%h", login.host) ?? login.host;
      const user = login.user ?? found.get("user")?.[0]?.words[0] ?? config.desktop.user;
      // Decided once, where the block begins: what it sets does not undo it.
      const candidate = { original: login.host, hostName, user, localUser: config.desktop.user, isFinal };
      const held = holds(condition, candidate);
      if (typeof held === "string") undecided ??= { kind: "setting", keyword: held, ...at, hasOtherWays: false };
      if (held !== true) continue;
      for (const entry of entries) {
        if (entry.kind === "include") {
          take(entry.blocks, isFinal);
          continue;
        }
        const { keyword, words } = entry;
        const earlier = found.get(keyword);
        if (earlier === undefined) found.set(keyword, [entry]);
        else if (keyword === "identityfile" && !earlier.some((known) => known.words[0] === words[0]))
          earlier.push(entry);
      }
    }
  };
  take(config.blocks, false);
  if (everyBlock(config.blocks).some(({ condition }) => asksForFinalPass(condition))) {
    // The name found in the first pass is settled by then, also where it is the one that was asked for (ssh.c, 9.2).
    const at = found.get("hostname")?.[0]?.at ?? { file: "", line: 0 };
    found.set("hostname", [{ words: [hostNameIn(found, login)], at }]);
    take(config.blocks, true);
  }
  const canonical = found.get("canonicalizehostname")?.[0]?.words[0]?.toLowerCase() ?? "no";
  if (canonical !== "no" && canonical !== "false") undecided ??= needAt("CanonicalizeHostname", found);
  return { found, undecided };
}

function hostNameIn(found: Collected["found"], login: Login): string {
  const given = found.get("hostname")?.[0]?.words[0] ?? login.host;
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
function holds(condition: Condition, candidate: Candidate): boolean | SystemSshKeyword {
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

function criteriaHold(criteria: readonly string[], candidate: Candidate): boolean | SystemSshKeyword {
  let undecided: SystemSshKeyword | null = null;
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
