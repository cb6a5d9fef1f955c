import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Login } from "../../contract/inventory";
import { resolveLogin } from "../../main/ssh/resolve-login";
import type { ResolvedLogin } from "../../main/ssh/resolved-login";
import { readSshConfig, type Desktop } from "../../main/ssh/ssh-config";
import { SshError } from "../../main/ssh/ssh-error";

const configs = Number(process.env.EVENKEEL_SSH_CONFIGS ?? "500");
const desktop: Desktop = { homeDirectory: homedir(), user: userInfo().username, environment: {} };

/** The same numbers for the same seed (mulberry32), so that a difference can be found again. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const hosts = ["db1", "db2", "DB1", "web1.example.org", "10.0.0.1"];
const patterns = ["*", "db*", "db?", "!db2", "web1.example.org", "10.0.0.*", "real-*", "*.example.org", "db1"];
/** Written first, so that no jump host leads through itself, which ssh would try for ever. */
const direct = "Host bastion one two inner\n  ProxyJump none\nHost *\n";
const jumps = ["bastion", "ops@bastion:2200", "none", "one,two@inner", "ssh://ops@bastion:22"];

/** Not behind ProxyJump, where ssh 9.2 takes `none # why` for a host named none. */
function remarked(line: string, chance: number): string {
  return chance < 0.2 && !line.startsWith("ProxyJump") ? `${line}  # why` : line;
}

/** A config of `Host` and `Match` blocks that set, again and again, what a login is made of. */
function configText(random: () => number, includable: readonly string[]): string {
  const of = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const some = <T>(all: readonly T[]): readonly T[] =>
    Array.from({ length: 1 + Math.floor(random() * 2) }, () => of(all));
  const settings: readonly (() => string)[] = [
    () => `HostName ${of(["real-%h", "REAL.example.org", "10.0.0.9", "%h.example.org", "db2"])}`,
    () => `User ${of(["ops", "root", '"a b"', "admin"])}`,
    () => `Port${of([" ", "=", " = "])}${of([22, 2222, 2200])}`,
    () => `IdentityFile ${of(["~/.ssh/one", "/keys/two", '"/keys/three of us"', "none", "~/.ssh/%h"])}`,
    () => `IdentitiesOnly ${of(["yes", "no"])}`,
    () => `HostKeyAlias ${of(["same", "other"])}`,
    () => `UserKnownHostsFile ${of(["~/.ssh/kh", "/kh1 /kh2", '"/kh one"'])}`,
    () => `GlobalKnownHostsFile ${of(["/g1", "/g1 /g2"])}`,
    () => `ConnectTimeout ${of([5, 30])}`,
    () => `StrictHostKeyChecking ${of(["yes", "accept-new", "ask"])}`,
    () => `HashKnownHosts ${of(["yes", "no"])}`,
    () => `ProxyJump ${of(jumps)}`,
    () => `ProxyCommand ${of(["none", "nc %h %p"])}`,
    () => "ForwardAgent no",
  ];
  const criteria: readonly (() => string)[] = [
    () => `host ${some(patterns).join(",")}`,
    () => `originalhost ${some(patterns).join(",")}`,
    () => `user ${of(["ops", "root,admin", "!root,*"])}`,
    () => `!host ${of(patterns)}`,
    () => `localuser ${of([userInfo().username, "nobody"])}`,
    () => "final",
    () => "canonical",
    () => "!final",
  ];
  const heads: readonly (() => string)[] = [
    () => `Host ${some(patterns).join(" ")}`,
    () => `Host="${of(patterns)}"`,
    () =>
      `Match ${some(criteria)
        .map((one) => one())
        .join(" ")}`,
    () => `Match ${of(["all", "final all"])}`,
  ];
  const lines = [...(random() < 0.5 ? some(settings).map((one) => one()) : [])];
  for (let block = 0; block < 4; block += 1) {
    lines.push(of(heads)(), ...some(settings).map((one) => `  ${remarked(one(), random())}`));
    if (includable.length > 0 && random() < 0.3) lines.push(`  Include ${of(includable)}`, `  ${of(settings)()}`);
  }
  return `${lines.join("\n")}\n`;
}

/** `ssh -G` prints each setting as `keyword value`, IdentityFile once a file, and never what stands at its default as `none`. */
function askSsh(path: string, login: Login): ReadonlyMap<string, readonly string[]> {
  const words = [
    ...(login.user === undefined ? [] : ["-l", login.user]),
    ...(login.port === undefined ? [] : ["-p", String(login.port)]),
  ];
  const printed = execFileSync("ssh", ["-G", "-F", path, ...words, "--", login.host], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const said = new Map<string, string[]>();
  for (const line of printed.split("\n")) {
    const [keyword = "", ...rest] = line.split(" ");
    said.set(keyword, [...(said.get(keyword) ?? []), rest.join(" ")]);
  }
  return said;
}

/** Kinds of keys that OpenSSH itself has given up, or never builds. */
const unused = /\/id_(?:xmss|dsa)$/;
const expanded = (path: string, host: string): string => path.replace(/^~/, homedir()).replaceAll("%h", host);

function bySsh(said: ReadonlyMap<string, readonly string[]>): object {
  const one = (keyword: string): string => said.get(keyword)?.[0] ?? "";
  const host = one("hostname");
  const jump = one("proxyjump");
  return {
    hostName: host,
    user: one("user"),
    port: Number(one("port")),
    identityFiles: (said.get("identityfile") ?? [])
      .filter((file) => file !== "none" && !unused.test(file))
      .map((file) => expanded(file, host)),
    identitiesOnly: one("identitiesonly") === "yes",
    hostKeyAlias: said.get("hostkeyalias")?.[0] ?? null,
    userKnownHostsFiles: one("userknownhostsfile")
      .split(/(?<!\/kh) /)
      .map((file) => expanded(file, host)),
    globalKnownHostsFiles: one("globalknownhostsfile").split(" "),
    strictHostKeyChecking: one("stricthostkeychecking").replace("true", "yes").replace("false", "ask"),
    hashKnownHosts: one("hashknownhosts") === "yes",
    connectTimeoutMs: one("connecttimeout") === "none" ? 10_000 : Number(one("connecttimeout")) * 1000,
    hops: jump === "" || jump === "none" ? 0 : jump.split(",").length,
    proxyCommand: !["", "none"].includes(one("proxycommand")),
  };
}

function needOf({ needsSystemSsh: need }: ResolvedLogin): string | null {
  return need?.kind === "setting" ? need.keyword : null;
}

function byEvenkeel(login: ResolvedLogin): object {
  const { hostName, user, port, identityFiles, identitiesOnly, hostKeyAlias, userKnownHostsFiles } = login;
  const { globalKnownHostsFiles, strictHostKeyChecking, hashKnownHosts, connectTimeoutMs } = login;
  return {
    hostName,
    user,
    port,
    identityFiles,
    identitiesOnly,
    hostKeyAlias,
    userKnownHostsFiles,
    globalKnownHostsFiles,
    strictHostKeyChecking,
    hashKnownHosts,
    connectTimeoutMs,
    hops: login.jumps.length,
    // Where there are jumps it may be a jump's.
    proxyCommand: needOf(login) === "ProxyCommand" && login.jumps.length === 0,
  };
}

describe("ssh_config", () => {
  let directory: string;

  /** The words by which ssh would start itself for the jump host: what it is given to go through, and the host. It starts `false` instead. */
  function jumpsBySsh(text: string, host: string): readonly string[] {
    const path = join(directory, "jumps");
    writeFileSync(path, text);
    const bin = mkdtempSync(join(directory, "bin-"));
    writeFileSync(join(bin, "ssh"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const ssh = execFileSync("/bin/sh", ["-c", "command -v ssh"], { encoding: "utf8" }).trim();
    const { stderr } = spawnSync(ssh, ["-v", "-F", path, "--", host, "true"], {
      argv0: "ssh",
      env: { ...process.env, PATH: bin, LC_ALL: "C" },
      encoding: "utf8",
    });
    const [, through = "", to = ""] =
      /Setting implicit ProxyCommand from ProxyJump: ssh (-J \S+)? ?-F .* (\S+)$/m.exec(stderr) ?? [];
    return [through, to];
  }
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-ssh-config-"));
    mkdirSync(join(directory, "more.d"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const resolve = async (text: string, login: Login): Promise<ResolvedLogin> => {
    const path = join(directory, "config");
    writeFileSync(path, text);
    return resolveLogin(await readSshConfig(path, desktop), login);
  };

  it("means to Evenkeel what it means to ssh -G", async () => {
    const path = join(directory, "config");
    const included = join(directory, "more.d", "one.conf");
    let asked = 0;
    for (let seed = 1; seed <= configs; seed += 1) {
      const random = numbers(seed);
      writeFileSync(included, configText(random, []));
      const text = direct + configText(random, [included, join(directory, "more.d", "*")]);
      const login: Login = {
        host: hosts[Math.floor(random() * hosts.length)] ?? "db1",
        ...(random() < 0.2 && { user: "root" }),
        ...(random() < 0.2 && { port: 2022 }),
      };
      const resolved = await resolve(text, login);
      expect(
        { seed, ...byEvenkeel(resolved) },
        `${JSON.stringify(login)}\n${readFileSync(included, "utf8")}---\n${text}`,
      ).toEqual({ seed, ...bySsh(askSsh(path, login)) });
      asked += 1;
    }
    console.log(`${asked} configs mean the same to ssh -G, 0 differ`);
    expect(asked).toBe(configs);
  });

  it("leaves to the system's ssh what only that can decide", async () => {
    const needs = async (text: string, host = "db1"): Promise<string | null> => needOf(await resolve(text, { host }));
    expect(await needs('Match host db1 exec "test -e /at-work"\n  ProxyJump bastion\n')).toBe("Match exec");
    expect(await needs('Match host db1 !exec "test -e /at-work"\n  ProxyJump bastion\n')).toBe("Match exec");
    expect(await needs('Match exec "true" host web*\n  ProxyJump bastion\n')).toBeNull();
    expect(await needs("Match localnetwork 10.0.0.0/8\n  User ops\n")).toBe("Match localnetwork");
    expect(await needs("CanonicalizeHostname yes\n")).toBe("CanonicalizeHostname");
    expect(await needs("Match final all\n  User ops\n")).toBeNull();
  });

  it("says where the setting stands that only the system's ssh can keep to", async () => {
    const place = async (text: string): Promise<unknown> => {
      const { needsSystemSsh: need } = await resolve(text, { host: "db1" });
      return need?.kind === "setting" ? `${need.keyword} ${need.file}:${need.line}` : null;
    };
    const [path, more] = [join(directory, "config"), join(directory, "more.d", "place.conf")];
    writeFileSync(more, "\nPKCS11Provider /usr/lib/opensc-pkcs11.so\n");
    expect(await place("Host db1\n  ProxyCommand nc %h %p\n")).toBe(`ProxyCommand ${path}:2`);
    expect(await place('# first\nHost x\nMatch exec "true"\n  User ops\n')).toBe(`Match exec ${path}:3`);
    expect(await place(`Host db*\n  Include ${more}\n`)).toBe(`PKCS11Provider ${more}:2`);
    expect(await place("Host b\n  KnownHostsCommand /bin/x\nHost db1\n  ProxyJump b\n")).toBe(
      `KnownHostsCommand ${path}:2`,
    );
  });

  it("reaches each jump host of a list through the one before it, whatever its own config says", async () => {
    const text = "Host b\n  ProxyJump c\nHost d\n  ProxyCommand false\nHost t\n  ProxyJump a,b,d\n";
    const resolved = await resolve(text, { host: "t" });
    expect([resolved.jumps.map(({ host }) => host), resolved.needsSystemSsh]).toEqual([["a", "b", "d"], null]);
    // ssh itself says how it would go: `-J a,b` on the command line of the last one's ssh, which wins over the config.
    expect(jumpsBySsh(text, "t")).toEqual(["-J a,b", "d"]);
    const first = await resolve("Host a\n  ProxyJump c\nHost t\n  ProxyJump a,b\n", { host: "t" });
    expect(first.jumps.map(({ host }) => host)).toEqual(["c", "a", "b"]);
  });

  it("refuses a jump host that is reached through itself, by its line, where ssh would start itself without end", async () => {
    const refusal = async (text: string, host: string): Promise<unknown> =>
      resolve(text, { host }).then(
        ({ jumps }) => jumps.map((jump) => jump.host),
        (error: unknown) => (error instanceof SshError ? [error.kind, error.facts] : String(error)),
      );
    const path = join(directory, "config");
    const loop = ["config-unreadable", { where: `${path}:4`, problem: "ssh/config.jump-loop", jump: "bastion" }];
    const everywhere = "Host bastion\n  Port 1\nHost *\n  ProxyJump bastion\n";
    for (const host of ["db1", "bastion"]) expect(await refusal(everywhere, host)).toEqual(loop);
    expect(await refusal(`Host bastion\n  ProxyJump none\n${everywhere}`, "db1")).toEqual(["bastion"]);
    expect(await refusal("Host *\n  ProxyJump bastion\nMatch all\n", "db1")).toEqual([
      "config-unreadable",
      { where: `${path}:2`, problem: "ssh/config.jump-loop", jump: "bastion" },
    ]);
    expect(await refusal("Host one\n  ProxyJump two\nHost two\n  ProxyJump one\n", "one")).toEqual([
      "config-unreadable",
      { where: `${path}:4`, problem: "ssh/config.jump-loop", jump: "one" },
    ]);
    // ssh says it of its own child, which says it of its own: the program of the config stands in for it and goes no further.
    expect(jumpsBySsh(everywhere, "bastion")).toEqual(["", "bastion"]);
  });
});
