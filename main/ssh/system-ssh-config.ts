import type { Login } from "../../contract/inventory";
import { visible } from "../../contract/visible";
import type { ResolvedLogin } from "./resolved-login";
import { SshError } from "./ssh-error";

/**
 * Settings that hold for the target and for every jump host, whatever the person's config says: what would open a door from the
 * node to the desktop, leave it a ticket, bind a port here, run a program after the login, or keep a dead link.
 */
const always = [
  "ForwardAgent no",
  "ForwardX11 no",
  "GSSAPIDelegateCredentials no",
  "PermitLocalCommand no",
  "Tunnel no",
  "UpdateHostKeys no",
  "VisualHostKey no",
  "ControlMaster no",
  "ControlPath none",
  "NumberOfPasswordPrompts 2",
  "ServerAliveInterval 5",
  "ServerAliveCountMax 3",
  "LogLevel DEBUG1",
];

/** A name goes into a config file and, from there, through ssh into a jump host's command line. */
const plainName = /^[A-Za-z0-9_.:%+[\]][A-Za-z0-9_.:%+[\]-]*$/;

/**
 * The text of a config that reads the person's own after what must win over it. The host key check cannot be switched off on any
 * hop: the target's strictness is given on the command line, a jump host's here. Throws SshError on a name ssh would read as more.
 */
export function configText(host: string, hops: readonly ResolvedLogin[], configFiles: readonly string[]): string {
  const jumps = hops.map(({ host: hop, strictHostKeyChecking }) => [
    `Host ${plain(hop)}`,
    `  StrictHostKeyChecking ${strictHostKeyChecking}`,
  ]);
  const lines = [
    "Host *",
    ...always.map((setting) => `  ${setting}`),
    ...jumps.flat(),
    `Host * !${plain(host)}`,
    "  StrictHostKeyChecking ask",
    "Host *",
    ...configFiles.map((file) => `  Include "${included(file)}"`),
  ];
  return `${lines.join("\n")}\n`;
}

function plain(name: string): string {
  if (plainName.test(name)) return name;
  throw new SshError("config-unreadable", name, {
    where: "ssh_config",
    problem: "ssh/config.name-hostile",
    name: visible(name),
  });
}

/** A name stands for `%r` in commands of the person's own config, which a shell reads: what would mean more to it is refused, as ssh refuses it since 9.6. */
function plainUser(user: string): string {
  const isPlain = !user.startsWith("-") && !/['"`;&<>|(){}$\s\\\p{Cc}]/u.test(user);
  if (isPlain) return user;
  throw new SshError("config-unreadable", user, {
    where: "ssh_config",
    problem: "ssh/config.name-hostile",
    name: visible(user),
  });
}

// ops@bastion:2222, ssh://bastion, [2001:db8::1]:22
function plainHop(hop: string): string {
  const [, scheme = "", user, place = ""] = /^(ssh:\/\/)?(?:(.*)@)?([^@]*)$/.exec(hop.trim()) ?? [];
  return `${scheme}${user === undefined ? "" : `${plainUser(user)}@`}${plain(place)}`;
}

function withoutQuotes(file: string): string {
  if (!/["\n\\]/.test(file)) return file;
  throw new SshError("key-unreadable", "", { file, problem: "ssh/config.file-hostile" });
}

function included(file: string): string {
  if (!/["*?[\]\\\n]/.test(file)) return file;
  throw new SshError("config-unreadable", "", { where: file, problem: "ssh/config.file-hostile" });
}

/** The words that name the host and what the login itself says, which win over every config line. */
export function loginWords(login: Login): readonly string[] {
  return [
    ...(login.user === undefined ? [] : ["-l", plainUser(login.user)]),
    ...(login.port === undefined ? [] : ["-p", String(login.port)]),
    ...(login.jump === undefined ? [] : ["-J", login.jump.split(",").map(plainHop).join(",")]),
    ...(login.identityFile === undefined
      ? []
      : ["-o", `IdentityFile="${withoutQuotes(login.identityFile)}"`, "-o", "IdentitiesOnly=yes"]),
    "--",
    plain(login.host),
  ];
}

/** The words that make ssh a master without a session, whose only use is its control socket. */
export function masterWords(parts: {
  readonly configPath: string;
  readonly controlPath: string;
  readonly strictHostKeyChecking: string;
  readonly connectTimeoutMs: number;
}): readonly string[] {
  const settings = [
    "ControlMaster=yes",
    `ControlPath=${parts.controlPath}`,
    "ControlPersist=no",
    "SessionType=none",
    "RemoteCommand=none",
    "RequestTTY=no",
    "ForkAfterAuthentication=no",
    "ClearAllForwardings=yes",
    `StrictHostKeyChecking=${parts.strictHostKeyChecking}`,
    `ConnectTimeout=${Math.max(1, Math.ceil(parts.connectTimeoutMs / 1000))}`,
  ];
  return ["-F", parts.configPath, ...settings.flatMap((setting) => ["-o", setting])];
}

/**
 * One answer of `ssh -G`.
 * ```
 * hostname 127.0.0.1
 * stricthostkeychecking false
 * ```
 */
export function settingOf(printed: string, keyword: string): string | null {
  const line = printed.split("\n").find((one) => one.startsWith(`${keyword} `));
  return line === undefined ? null : line.slice(keyword.length + 1).trim();
}

/** `no` and `off` are read as `ask`: there is no way to switch the check off. */
export function strictness(printed: string): "yes" | "ask" | "accept-new" {
  const value = settingOf(printed, "stricthostkeychecking");
  return value === "true" || value === "yes" ? "yes" : value === "accept-new" ? "accept-new" : "ask";
}
