import type { Fact } from "../../contract/sentence";
import { visible } from "../../contract/visible";
import type { ResolvedLogin } from "./resolved-login";
import { SshError, type SshErrorKind } from "./ssh-error";

interface Seen {
  readonly kind: SshErrorKind;
  readonly facts?: Readonly<Record<string, string | number>>;
}
type Reading = readonly [RegExp, (found: readonly string[]) => Seen];

/**
 * What OpenSSH's client says in English (LC_ALL=C), the first that matches deciding; tried with 9.2. `Host key verification failed.`
 * and an exit code of 255 say nothing by themselves.
 * ```
 * ssh: connect to host 127.0.0.1 port 1: Connection refused
 * ssh: Could not resolve hostname nope.invalid: Name or service not known
 * Certificate invalid: name is not a listed principal
 * Offending ED25519 key in /home/a/.ssh/known_hosts:1
 * Timeout, server 127.0.0.1 not responding.
 * root@127.0.0.1: Permission denied (publickey,password,keyboard-interactive).
 * bad line 3: Bad port 'abc'.
 * bad: line 2: Bad configuration option: bogus
 * ```
 */
export const readings: readonly Reading[] = [
  [
    /^(\S.*?):? line (\d+): ((?:Bad|Unsupported|invalid|missing|extra|keyword|no argument|Missing|garbage|Invalid).*)$/m,
    ([, file = "", line = "0", problem = ""]) => ({
      kind: "config-unreadable",
      facts: { where: `${file}:${line}`, problem },
    }),
  ],
  [
    /^Bad owner or permissions on (.+)$/m,
    ([, file = ""]) => ({
      kind: "config-unreadable",
      facts: { where: file, problem: "ssh/config.others-write" },
    }),
  ],
  [/^Certificate invalid: (.+)$/m, ([, problem = ""]) => ({ kind: "host-certificate-refused", facts: { problem } })],
  [/REVOKED HOST KEY DETECTED/, () => ({ kind: "host-key-revoked", facts: { where: "known_hosts" } })],
  [
    /^Offending (?:(\S+) key|key for IP) in (.+):(\d+)$/m,
    ([, knownType = "–", file = "", line = ""]) => ({
      kind: "host-key-changed",
      facts: { where: `${file}:${line}`, known: "–", knownType },
    }),
  ],
  [
    /HOST IDENTIFICATION HAS CHANGED/,
    () => ({ kind: "host-key-changed", facts: { where: "known_hosts", known: "–", knownType: "–" } }),
  ],
  [/host key is known for .* and you have requested strict checking/, () => ({ kind: "host-key-unknown" })],
  [/^Host key verification failed/m, () => ({ kind: "host-key-unknown" })],
  [
    /Could not resolve hostname (\S+): (.+)$/m,
    ([, address = "", problem = ""]) => ({ kind: "unresolvable", facts: { address, problem } }),
  ],
  [
    /connect to (?:host|address) (\S+) port (\d+): Connection refused/,
    ([, address = "", port = ""]) => ({ kind: "connection-refused", facts: { address, port: Number(port) } }),
  ],
  [
    /connect to (?:host|address) (\S+) port (\d+): (.+)$/m,
    ([, address = "", port = "", problem = ""]) => ({
      kind: "unreachable",
      facts: { address, port: Number(port), problem: problem.trim() },
    }),
  ],
  [/^Unable to negotiate with .*?: (.+)$/m, ([, problem = ""]) => ({ kind: "nothing-agreed", facts: { problem } })],
  [/Connection timed out during banner exchange/, () => ({ kind: "silent", facts: { stage: "ssh/stage.login" } })],
  [/^Timeout, server .* not responding/m, () => ({ kind: "silent", facts: { stage: "ssh/stage.keepalive" } })],
  // sshd drops a login beyond its limits without a word.
  [
    /^kex_exchange_identification: (Connection closed .+|read: Connection reset .+)$/m,
    ([, problem = ""]) => ({ kind: "dropped", facts: { problem } }),
  ],
  [
    /^(kex_exchange_identification: (?!Connection closed|read: ).+|Bad remote protocol version identification.*|ssh_dispatch_run_fatal: .+)$/m,
    ([, problem = ""]) => ({ kind: "not-ssh", facts: { problem } }),
  ],
  [
    /Permission denied \((.*)\)/,
    ([, methods = ""]) => ({ kind: "login-refused", facts: { methods: methods.replaceAll(",", ", "), said: "–" } }),
  ],
  [/Too many authentication failures/, ([said = ""]) => ({ kind: "login-refused", facts: { methods: "–", said } })],
];

/** Why a master ssh ended, from what it wrote; the last line it wrote where nothing better is known. */
export function errorOf(stderr: string, login: ResolvedLogin): SshError {
  const said = saidIn(stderr);
  for (const reading of readings) {
    const found = reading[0].exec(said);
    if (found !== null) return errorBy(reading, found, stderr, login);
  }
  const lines = said.split("\n").filter((line) => line.trim() !== "");
  return new SshError(
    "link-lost",
    login.host,
    inert({ ...standardFacts(stderr, login), problem: lines.at(-1) ?? "ssh/system-ssh.wordless" }),
  );
}

export function errorBy([, read]: Reading, found: readonly string[], stderr: string, login: ResolvedLogin): SshError {
  const { kind, facts } = read(found);
  const problem = found[0]?.trim() ?? "";
  return new SshError(kind, login.host, inert({ ...standardFacts(stderr, login), problem, ...facts }));
}

function standardFacts(stderr: string, login: ResolvedLogin): Readonly<Record<string, Fact>> {
  return { address: login.hostName, port: login.port, user: login.user, ...presentedKey(stderr) };
}

/** A server's words are among what ssh says. */
function inert(facts: Readonly<Record<string, Fact>>): Readonly<Record<string, Fact>> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [name, typeof fact === "string" ? visible(fact) : fact]),
  );
}

/**
 * Without the lines that tell of every step, and of settings that this ssh was built without, which it passes over:
 * ```
 * /home/a/.ssh/config line 2: Unsupported option "afstokenpassing"
 * ```
 */
function saidIn(stderr: string): string {
  return stderr
    .split("\n")
    .map((line) => line.replace(/\r$/, ""))
    .filter((line) => !/^(debug\d|Transferred|Bytes per second): | line \d+: Unsupported option "/.test(line))
    .join("\n");
}

// debug1: Server host key: ssh-ed25519 SHA256:goqxbKKnct94Q0WgXNVhBtEggEzQCwAGUql74W11EwE
function presentedKey(stderr: string): { readonly keyType: string; readonly fingerprint: string } {
  const [, keyType = "", fingerprint = ""] =
    [...stderr.matchAll(/^debug1: Server host key: (\S+) (SHA256:\S+)/gm)].at(-1) ?? [];
  return { keyType, fingerprint };
}

// debug1: Authentication succeeded (publickey).
// Authenticated to 127.0.0.1 ([127.0.0.1]:2222) using "publickey".
// Authenticated to db-1 (via proxy) using "keyboard-interactive".
/** How many passwords were taken by a host of this name, as far as what was kept tells; a host behind others is told by its name alone. */
export function passwordsTaken(stderr: string, hostName: string): number {
  const taken = [...stderr.matchAll(/^Authenticated to (\S+) \(.*\) using "(?:password|keyboard-interactive)"/gm)];
  return taken.filter(([, name = ""]) => name.toLowerCase() === hostName.toLowerCase()).length;
}

/** How many hops of a chain are through, as far as what was kept tells. */
export function hopsLoggedIn(stderr: string): number {
  return [...stderr.matchAll(/^Authenticated to /gm)].length;
}
