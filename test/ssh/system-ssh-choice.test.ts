import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { say } from "../../contract/say";
import { catalogues } from "../../main/catalogue";
import { resolveLogin } from "../../main/ssh/resolve-login";
import { withSecurityKeys } from "../../main/ssh/security-keys";
import { readSshConfig } from "../../main/ssh/ssh-config";
import { SshError } from "../../main/ssh/ssh-error";
import { freePort } from "../lab/free-port";
import { startSshd, systemSshd, type Sshd } from "../lab/sshd";
import { startFakeDeviceAgent } from "./fake-device-agent";
import { securityKeyFile, securityKeyLine } from "./security-key";
import { hostLines, kindOf, makeWorld, type World } from "./transport-world";

const limits = { deadlineMs: 10_000, maxBytes: 1_000 };

describe("what the config leaves to the system's ssh", () => {
  let home: string;

  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), "evenkeel-choice-"));
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(home, "id_ed25519")]);
    writeFileSync(join(home, "private_sk"), securityKeyFile(), { mode: 0o600 });
    writeFileSync(join(home, "id_ed25519_sk"), "a private half that only ssh reads");
    writeFileSync(join(home, "id_ed25519_sk.pub"), `${securityKeyLine()}\n`);
    // OpenSSH is the judge that it is what a device's key looks like; the machine has no device to make one.
    expect(execFileSync("ssh-keygen", ["-l", "-f", join(home, "id_ed25519_sk.pub")], { encoding: "utf8" })).toContain(
      "(ED25519-SK)",
    );
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  const needs = async (text: string): Promise<string | null> => {
    const path = join(home, "config");
    writeFileSync(path, text);
    const desktop = { homeDirectory: home, user: "ops", environment: {} };
    const login = await withSecurityKeys(resolveLogin(await readSshConfig(path, desktop), { host: "db1" }));
    const need = login.needsSystemSsh;
    return need === null ? null : need.kind === "setting" ? need.keyword : need.kind;
  };

  it("leaves to the system's ssh a login whose first named key is a security device's", async () => {
    expect(await needs("IdentityFile ~/id_ed25519_sk\nIdentityFile ~/id_ed25519\n")).toBe("security-key");
    expect(await needs("IdentityFile ~/private_sk\n")).toBe("security-key");
    expect(await needs("IdentityFile ~/missing\nIdentityFile ~/id_ed25519_sk\n")).toBe("security-key");
    expect(await needs("IdentityFile ~/id_ed25519\nIdentityFile ~/id_ed25519_sk\n")).toBeNull();
    expect(await needs("IdentityFile ~/missing\n")).toBeNull();
    const behind =
      "Host bastion\n  IdentityFile ~/id_ed25519_sk\nHost db1\n  IdentityFile ~/id_ed25519\n  ProxyJump bastion\n";
    expect(await needs(behind)).toBe("security-key");
  });

  it("knows a security device's key by its public half alone, which the agent has the other of", async () => {
    writeFileSync(join(home, "in_agent.pub"), `${securityKeyLine()}\n`);
    expect(await needs("IdentityFile ~/in_agent.pub\n")).toBe("security-key");
    expect(await needs("IdentityFile ~/in_agent\n")).toBe("security-key");
    expect(await needs("IdentityFile ~/id_ed25519.pub\nIdentityFile ~/in_agent.pub\n")).toBeNull();
  });

  it("keeps the built-in client where a security device's key stands beside another among the standard names", async () => {
    const standard = join(home, ".ssh");
    mkdirSync(standard);
    const put = (from: string, to: string): void => copyFileSync(join(home, from), join(standard, to));
    expect(await needs("")).toBeNull();
    put("id_ed25519_sk", "id_ecdsa_sk");
    put("id_ed25519_sk.pub", "id_ecdsa_sk.pub");
    expect(await needs("")).toBe("security-key");
    // OpenSSH's list has id_ecdsa_sk before id_ed25519.
    put("id_ed25519", "id_ed25519");
    expect(await needs("")).toBeNull();
    rmSync(join(standard, "id_ed25519"));
    const held = await startFakeDeviceAgent(join(home, "device.sock"));
    expect(await needs(`IdentityAgent ${held.path}\n`)).toBe("security-key");
    rmSync(standard, { recursive: true });
    expect(await needs(`IdentityAgent ${held.path}\n`)).toBe("security-key");
    held.close();
    const agent = spawn("ssh-agent", ["-D", "-a", join(home, "agent.sock")], { stdio: "ignore" });
    while (!existsSync(join(home, "agent.sock"))) await pause(20);
    execFileSync("ssh-add", ["-q", join(home, "id_ed25519")], {
      env: { ...process.env, SSH_AUTH_SOCK: join(home, "agent.sock") },
    });
    mkdirSync(standard);
    put("id_ed25519_sk.pub", "id_ed25519_sk.pub");
    expect(await needs(`IdentityAgent ${join(home, "agent.sock")}\n`)).toBeNull();
    expect(await needs(`IdentityAgent ${join(home, "agent.sock")}\nIdentitiesOnly yes\n`)).toBe("security-key");
    agent.kill();
    rmSync(standard, { recursive: true });
  });

  it("leaves to the system's ssh a key in a smart card", async () => {
    expect(await needs("PKCS11Provider /usr/lib/opensc-pkcs11.so\n")).toBe("PKCS11Provider");
    expect(await needs("PKCS11Provider none\n")).toBeNull();
  });

  it("leaves to the system's ssh a login by Kerberos where that is to be tried first, and not for its keyword alone", async () => {
    const first = "PreferredAuthentications gssapi-with-mic,publickey\n";
    expect(await needs(`GSSAPIAuthentication yes\n${first}`)).toBe("PreferredAuthentications");
    expect(await needs(first)).toBeNull();
    expect(await needs("GSSAPIAuthentication yes\n")).toBeNull();
    expect(await needs("GSSAPIAuthentication yes\nPreferredAuthentications publickey,gssapi-with-mic\n")).toBeNull();
  });

  it("takes a list that is not post-quantum alone, or adds to the standard one, for the built-in client's", async () => {
    expect(await needs("KexAlgorithms sntrup761x25519-sha512@openssh.com\n")).toBe("KexAlgorithms");
    expect(await needs("KexAlgorithms mlkem768x25519-sha256,sntrup761x25519-sha512\n")).toBe("KexAlgorithms");
    expect(await needs("KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256\n")).toBeNull();
    expect(await needs("KexAlgorithms ^sntrup761x25519-sha512@openssh.com\n")).toBeNull();
  });

  it("leaves to the system's ssh what a jump host needs it for", async () => {
    const text = "Host bastion\n  ProxyCommand nc %h %p\nHost db1\n  ProxyJump bastion\n";
    expect(await needs(text)).toBe("ProxyCommand");
  });

  const card = "PKCS11Provider /usr/lib/opensc-pkcs11.so";
  const kerberosFirst = "GSSAPIAuthentication yes\nPreferredAuthentications gssapi-with-mic,publickey";
  const strict = {
    ProxyCommand: "ProxyCommand nc %h %p",
    KnownHostsCommand: "KnownHostsCommand /bin/cat /dev/null",
    KexAlgorithms: "KexAlgorithms sntrup761x25519-sha512@openssh.com",
    "Match exec": 'Match exec "true"',
    PreferredAuthentications: "GSSAPIAuthentication yes\nPreferredAuthentications gssapi-with-mic",
  };

  it("lets nothing that the built-in client may do without hide what must not be passed over, on the host or on a hop", async () => {
    for (const [keyword, lines] of Object.entries(strict)) {
      expect([keyword, await needs(`${card}\n${lines}\n`)]).toEqual([keyword, keyword]);
      for (const mild of [card, kerberosFirst]) {
        const own = `Host db1\n${mild}\nProxyJump bastion\n`;
        expect([keyword, await needs(`Host bastion\n${lines}\n${own}`)]).toEqual([keyword, keyword]);
        const behind = `Host bastion\n${lines}\nHost a\n${mild}\nProxyJump bastion\nHost db1\nProxyJump a\n`;
        expect([keyword, await needs(behind)]).toEqual([keyword, keyword]);
      }
    }
  });
});

describe.skipIf(systemSshd() === null && process.env.CI !== "true")("a login whose transport nobody chose", () => {
  let world: World;
  const servers: Sshd[] = [];

  beforeAll(async () => {
    world = await makeWorld();
  });
  afterAll(async () => {
    await world.close();
    for (const server of servers) await server.stop();
  });

  const start = async (
    config: readonly string[],
    directory = world.scratch(),
    authorizedKeys = [readFileSync(`${world.key("id")}.pub`, "utf8").trim()],
  ): Promise<Sshd> => {
    const port = await freePort(["127.0.0.1"]);
    const sshd = await startSshd({ directory, address: "127.0.0.1", port, authorizedKeys, config });
    servers.push(sshd);
    return sshd;
  };
  const at = (sshd: Sshd, lines: readonly string[]): readonly string[] => [
    "Host node",
    "  HostName 127.0.0.1",
    `  Port ${sshd.port}`,
    ...lines.map((line) => `  ${line}`),
  ];
  const saidOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "no error",
      (error: unknown) => (error instanceof SshError ? say(catalogues.en, "en", error.sentence) : String(error)),
    );
  const hears = async (config: readonly string[]): Promise<string> => {
    const { node } = world.reach("auto", config);
    return (await node.read("echo reached", limits)).stdout;
  };

  it("reaches by the system's ssh a host that takes a security device's key alone, and asks the built-in client first", async () => {
    const directory = world.scratch();
    const device = await startFakeDeviceAgent(join(directory, "device.sock"));
    writeFileSync(join(directory, "device.pub"), `${device.line}\n`);
    const sshd = await start([], join(directory, "server"), [device.line]);
    const keys = [`IdentityFile ${world.key("id")}`, `IdentityFile ${join(directory, "device.pub")}`];
    const lines = at(sshd, [...keys, `IdentityAgent ${device.path}`]);
    const { node, asked } = world.reach("auto", lines);
    expect((await node.read("echo reached", limits)).stdout).toBe("reached\n");
    expect(node.transport()?.how).toEqual({
      code: "ssh/transport.system",
      facts: { why: "ssh/transport.why-security-key", key: "a fake device" },
    });
    expect([device.signed(), asked]).toEqual([1, []]);
    const byHand = world.reach("built-in", lines).node;
    expect(await kindOf(byHand.ready())).toBe("key-needs-system-ssh");
    const bastion = ["Host bastion", ...lines.slice(1)];
    const behind = world.reach("built-in", [...hostLines(world, "plain", ["ProxyJump bastion"]), ...bastion]).node;
    expect(await saidOf(behind.ready())).toMatch(/^bastion refused what was tried.* Choose the system's ssh for node /);
    // What the others take is taken of them, whether or not there is a device.
    const ordinary = world.reach("auto", hostLines(world, "plain", [...keys, `IdentityAgent ${device.path}`])).node;
    await ordinary.ready();
    expect([ordinary.transport()?.how.code, device.signed()]).toEqual(["ssh/transport.built-in", 1]);
    device.close();
  });

  it("falls back on the built-in client where there is no ssh and there are other ways to log in", async () => {
    const environment = { PATH: "/nowhere" };
    const reached = async (lines: readonly string[]): Promise<readonly unknown[]> => {
      const { node } = world.reach("auto", hostLines(world, "plain", lines), { environment });
      const kind = await kindOf(node.ready());
      const { code, facts } = node.transport()?.how ?? { code: "none", facts: {} };
      return [kind, code, facts.why, facts.problem];
    };
    const instead = ["no error", "ssh/transport.built-in-instead"];
    const [setting, missing] = ["ssh/transport.why-setting", "ssh/system-ssh.missing"];
    const kerberos = ["GSSAPIAuthentication yes", "PreferredAuthentications gssapi-with-mic,publickey"];
    expect(await reached(kerberos)).toEqual([...instead, setting, missing]);
    expect(await reached(["PKCS11Provider /usr/lib/none.so"])).toEqual([...instead, setting, missing]);
    const device = join(world.scratch(), "device");
    writeFileSync(device, securityKeyFile(), { mode: 0o600 });
    const keys = [`IdentityFile ${device}`, `IdentityFile ${world.key("id")}`];
    expect(await reached(keys)).toEqual([...instead, "ssh/transport.why-security-key", missing]);
    const refused = ["system-ssh-unavailable", "ssh/transport.system", setting, undefined];
    expect(await reached(["ProxyCommand nc %h %p"])).toEqual(refused);
    expect(await reached(["KexAlgorithms sntrup761x25519-sha512@openssh.com"])).toEqual(refused);
    expect(await reached(["KnownHostsCommand /bin/cat /dev/null"])).toEqual(refused);
    const card = "PKCS11Provider /usr/lib/none.so";
    expect(await reached([card, "KexAlgorithms sntrup761x25519-sha512@openssh.com"])).toEqual(refused);
    expect(await reached([card, "KnownHostsCommand /bin/cat /dev/null"])).toEqual(refused);
    expect(await reached(["GSSAPIAuthentication yes", "PreferredAuthentications gssapi-with-mic"])).toEqual(refused);
  });

  it("does without one way to log in where the built-in client was chosen by hand, says so, and names it in a refusal", async () => {
    const card = "PKCS11Provider /usr/lib/none.so";
    const { node } = world.reach("built-in", hostLines(world, "plain", [card]));
    await node.ready();
    const { code, facts } = node.transport()?.how ?? { code: "none", facts: {} };
    expect([code, facts.keyword, facts.line]).toEqual(["ssh/transport.built-in-although", "PKCS11Provider", 4]);
    const login = { identityFile: world.key("stranger") };
    const stranger = world.reach("built-in", hostLines(world, "plain", [card]), { login }).node;
    expect(await saidOf(stranger.ready())).toMatch(/^node refused .* takes: publickey\. .* What PKCS11Provider \(/);
    const bastion = hostLines(world, "other", ["User nobody-here", card], "bastion");
    const behind = [...hostLines(world, "plain", ["ProxyJump bastion"]), ...bastion];
    expect(await saidOf(world.reach("built-in", behind).node.ready())).toMatch(
      /^bastion refused what was tried for nobody-here.* What PKCS11Provider \(.* Choose the system's ssh for node /,
    );
    const kerberosAlone = ["GSSAPIAuthentication yes", "PreferredAuthentications gssapi-with-mic"];
    const alone = world.reach("built-in", hostLines(world, "plain", kerberosAlone)).node;
    expect(await kindOf(alone.ready())).toBe("system-ssh-unavailable");
  });

  it("takes a setting that ssh knows and was built without for no fault of the config", async () => {
    const { node } = world.reach("system", hostLines(world, "plain", ["AFSTokenPassing no"]), {
      login: { identityFile: world.key("stranger") },
    });
    expect(await kindOf(node.ready())).toBe("login-refused");
  });

  it("says that a key was not tried where the ssh that could ask its device is missing", async () => {
    const directory = world.scratch();
    writeFileSync(join(directory, "device"), securityKeyFile(), { mode: 0o600 });
    const { node } = world.reach("auto", hostLines(world, "plain"), {
      environment: { PATH: "/nowhere" },
      login: { identityFile: join(directory, "device") },
    });
    expect(await kindOf(node.ready())).toBe("key-needs-system-ssh");
    expect(node.transport()?.how.code).toBe("ssh/transport.built-in-instead");
  });

  it("reaches by the system's ssh a host of post-quantum key exchange alone, where the config says so", async () => {
    const exchange = "KexAlgorithms sntrup761x25519-sha512@openssh.com";
    const sshd = await start([exchange]);
    expect(await hears(at(sshd, [exchange]))).toBe("reached\n");
  });

  it("reaches by the system's ssh a host whose key a KnownHostsCommand tells", async () => {
    const [key = ""] = world.servers.plain.hostKeys;
    const told = join(world.scratch(), "told");
    writeFileSync(told, `[127.0.0.1]:${world.servers.plain.port} ${key}\n`);
    const lines = [`KnownHostsCommand /bin/cat ${told}`, "StrictHostKeyChecking yes", "UserKnownHostsFile none"];
    expect(await hears(hostLines(world, "plain", lines))).toBe("reached\n");
  });

  it("reaches by the system's ssh a host that shows certificates only, known by their authority", async () => {
    const home = world.scratch();
    mkdirSync(join(home, "server"), { mode: 0o700 });
    const [authority, key] = [join(home, "authority"), join(home, "server", "certified")];
    for (const file of [authority, key]) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
    execFileSync("ssh-keygen", ["-q", "-s", authority, "-I", "x", "-h", "-n", "127.0.0.1,node", `${key}.pub`]);
    const sshd = await start(
      ["HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com", `HostKey ${key}`, `HostCertificate ${key}-cert.pub`],
      join(home, "server"),
    );
    const known = join(home, "known");
    writeFileSync(known, `@cert-authority * ${readFileSync(`${authority}.pub`, "utf8")}`);
    const lines = [`UserKnownHostsFile ${known}`, "StrictHostKeyChecking yes"];
    expect(await hears(at(sshd, lines))).toBe("reached\n");
  });
});
