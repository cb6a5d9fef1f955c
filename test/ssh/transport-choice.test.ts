import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Cluster } from "../../contract/inventory";
import { say } from "../../contract/say";
import { catalogues } from "../../main/catalogue";
import { runCommand } from "../../main/cli/command";
import type { SystemSshNeed } from "../../main/ssh/resolved-login";
import { sentenceOf } from "../../main/ssh/transport";
import { systemSshd } from "../lab/sshd";
import { hostLines, kindOf, makeWorld, type World } from "./transport-world";

describe.skipIf(systemSshd() === null && process.env.CI !== "true")("the transport of a login", () => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld();
  });
  afterAll(() => world.close());

  it("is chosen by hand or by the config, and each node says which client reaches it and why", async () => {
    const plain = hostLines(world, "plain");
    const command = hostLines(world, "plain", ["ProxyCommand nc %h %p"]);
    const auto = { login: { transport: "auto" as const } };
    const byHand = world.reach("system", plain).node;
    expect(byHand.transport()).toBeNull();
    await byHand.ready();
    expect(byHand.transport()?.how.code).toBe("ssh/transport.system-by-hand");
    const builtIn = world.reach("built-in", plain).node;
    await builtIn.ready();
    expect(builtIn.transport()?.how.code).toBe("ssh/transport.built-in-by-hand");
    const automatic = world.reach("built-in", plain, auto).node;
    await automatic.ready();
    expect(automatic.transport()?.how.code).toBe("ssh/transport.built-in");
    // Whether or not this desktop has nc: which client is asked, and why, is told either way.
    const needed = world.reach("built-in", command, auto).node;
    await kindOf(needed.ready());
    const { code, facts } = needed.transport()?.how ?? { code: "none", facts: {} };
    expect([code, facts.why, facts.keyword, facts.line]).toEqual([
      "ssh/transport.system",
      "ssh/transport.why-setting",
      "ProxyCommand",
      1 + command.findIndex((line) => line.includes("ProxyCommand")),
    ]);
    expect(readFileSync(String(facts.file), "utf8")).toContain("ProxyCommand nc");
    expect(await kindOf(world.reach("built-in", command).node.ready())).toBe("system-ssh-unavailable");
  });

  it("is told in one clause, whatever asks for the system's ssh", () => {
    const problem = { problem: "ssh/system-ssh.missing" };
    const needs: readonly SystemSshNeed[] = [
      { kind: "ticket" },
      { kind: "certificates" },
      { kind: "security-key", key: "~/.ssh/id_sk" },
      { kind: "setting", keyword: "PKCS11Provider", file: "~/.ssh/config", line: 2, hasOtherWays: true },
    ];
    const said = needs.map((need) => {
      const one = sentenceOf({ kind: "built-in", isByHand: false, insteadOf: { need, problem } });
      return [say(catalogues.en, "en", one), say(catalogues["zh-CN"], "zh-CN", one)];
    });
    const missing = "there is no program ssh on this desktop (package openssh-client)";
    const english = (why: string): string =>
      `Reached by the built-in client, although ${why} asks for the system's ssh, which cannot be used here: ${missing}`;
    const chinese = (why: string): string =>
      `由内置客户端连接，虽然 ${why} 要求使用系统的 ssh，但此处无法使用它：本机没有 ssh 程序（软件包 openssh-client）`;
    expect(said).toEqual([
      [english("a Kerberos ticket that the host takes"), chinese("该主机接受的 Kerberos 票据")],
      [
        english("the record in known_hosts that knows it by certificates only"),
        chinese("known_hosts 中仅有的证书记录"),
      ],
      [english("the key ~/.ssh/id_sk in a security device"), chinese("安全设备中的密钥 ~/.ssh/id_sk")],
      [english("PKCS11Provider (~/.ssh/config line 2)"), chinese("PKCS11Provider（~/.ssh/config 第 2 行）")],
    ]);
  });
});

describe("evenkeel", () => {
  let directory: string;
  let lines: string[];
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-transport-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));
  const evenkeel = (...argv: readonly string[]): Promise<number> => {
    lines = [];
    const tell = (line: string): void => void lines.push(line);
    const parts = { version: "0", standardDirectory: directory, out: tell, err: tell };
    return runCommand([...argv, "--data", directory, "--ssh-config", join(directory, "config")], parts);
  };

  it("refuses a transport it does not know, and names those it does", async () => {
    expect(await evenkeel("add", "db1", "--transport", "telnet")).toBe(3);
    expect(lines).toEqual(["telnet is no transport. Give auto (the default), builtin or system."]);
  });

  it("asks the client that was chosen by hand, and says so where that cannot do what the config asks", async () => {
    writeFileSync(join(directory, "config"), "Host db1\n  ProxyCommand nc %h %p\n");
    expect(await evenkeel("add", "db1", "--transport", "builtin")).toBe(3);
    expect(lines[0]).toContain(`because of ProxyCommand (${join(directory, "config")} line 2)`);
    expect(lines[0]).toContain("the built-in client was chosen for it by hand");
  });

  it("reads clusters kept before there was a choice as automatic, and keeps a choice", async () => {
    const cluster = (name: string, transport?: "system"): Cluster => ({
      clusterId: name,
      name,
      engine: "postgresql",
      nodes: [{ node: name, login: { host: name, ...(transport && { transport }) } }],
      members: [{ member: name, node: name, settings: {} }],
      addedAt: 0,
    });
    const path = join(directory, "inventory.json");
    const written = [cluster("older"), cluster("chosen", "system")];
    writeFileSync(path, JSON.stringify(written));
    expect(await evenkeel("list")).toBe(0);
    expect(lines).toEqual(["older\tpostgresql\t1", "chosen\tpostgresql\t1"]);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(written);
  });
});
