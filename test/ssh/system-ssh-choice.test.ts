import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveLogin } from "../../main/ssh/resolve-login";
import { withSecurityKeys } from "../../main/ssh/security-keys";
import { readSshConfig } from "../../main/ssh/ssh-config";
import { freePort } from "../lab/free-port";
import { startSshd, systemSshd, type Sshd } from "../lab/sshd";
import { securityKeyFile, securityKeyLine } from "./security-key";
import { hostLines, makeWorld, type World } from "./transport-world";

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
    return (await withSecurityKeys(resolveLogin(await readSshConfig(path, desktop), { host: "db1" }))).needsSystemSsh;
  };

  it("leaves to the system's ssh a login whose first key is a security device's", async () => {
    expect(await needs("IdentityFile ~/id_ed25519_sk\nIdentityFile ~/id_ed25519\n")).toBe("IdentityFile");
    expect(await needs("IdentityFile ~/private_sk\n")).toBe("IdentityFile");
    expect(await needs("IdentityFile ~/missing\nIdentityFile ~/id_ed25519_sk\n")).toBe("IdentityFile");
    expect(await needs("IdentityFile ~/id_ed25519\nIdentityFile ~/id_ed25519_sk\n")).toBeNull();
    expect(await needs("IdentityFile ~/missing\n")).toBeNull();
    const behind =
      "Host bastion\n  IdentityFile ~/id_ed25519_sk\nHost db1\n  IdentityFile ~/id_ed25519\n  ProxyJump bastion\n";
    expect(await needs(behind)).toBe("IdentityFile");
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

  const start = async (config: readonly string[], directory = world.scratch()): Promise<Sshd> => {
    const port = await freePort(["127.0.0.1"]);
    const authorizedKeys = [readFileSync(`${world.key("id")}.pub`, "utf8").trim()];
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
  const hears = async (config: readonly string[]): Promise<string> => {
    const { node } = world.reach("auto", config);
    return (await node.read("echo reached", limits)).stdout;
  };

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
