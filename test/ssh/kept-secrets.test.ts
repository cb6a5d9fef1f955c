import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Cluster, Question, Transport } from "../../contract/inventory";
import type { SecretName } from "../../contract/secrets";
import { createCore } from "../../main/core";
import { createSecretVault } from "../../main/store/secrets";
import { fakeKeyStorage } from "../fake/fake-key-storage";
import { freePort } from "../lab/free-port";
import { startRedis, systemRedis, type RedisProcess } from "../lab/redis-process";
import { startSshd, systemSshd, type Sshd } from "../lab/sshd";
import { canMakeAccounts, makeAccount, type Account } from "./accounts";

const cannotRun = (systemSshd() === null || systemRedis() === null || !canMakeAccounts) && process.env.CI !== "true";
const right = "correct horse";
const passphrase = "open sesame";

/** What a person typed to be kept, in the whole core and on real servers: kept where it was right, and nowhere else. */
describe.skipIf(cannotRun).each(["built-in", "system"] as const)(
  "what is to be kept, by the %s client",
  (transport) => {
    let directory: string;
    let bastion: Sshd;
    let target: Sshd;
    let account: Account;
    let other: Account;
    let redis: RedisProcess;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "evenkeel-kept-"));
      chmodSync(directory, 0o755);
      account = await makeAccount("/bin/sh", right);
      other = await makeAccount("/bin/sh", right);
      for (const [name, words] of [
        ["id", ""],
        ["locked", passphrase],
      ] as const)
        execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-a", "4", "-N", words, "-f", join(directory, name)]);
      bastion = await start("bastion");
      target = await start("target");
      redis = await startRedis(join(directory, "redis"), await freePort(["127.0.0.1"]), ["--requirepass", right]);
    });
    afterAll(async () => {
      for (const server of [bastion, target]) await server.stop();
      await redis.stop();
      for (const one of [account, other]) await one.remove();
      rmSync(directory, { recursive: true, force: true });
    });

    function start(name: string): Promise<Sshd> {
      const keys = ["id", "locked"].map((key) => readFileSync(join(directory, `${key}.pub`), "utf8").trim());
      return freePort(["127.0.0.1"]).then((port) =>
        startSshd({
          directory: join(directory, name),
          address: "127.0.0.1",
          port,
          authorizedKeys: keys,
          config: ["PasswordAuthentication yes", "MaxAuthTries 6"],
        }),
      );
    }

    const host = (alias: string, sshd: Sshd, ...lines: readonly string[]): string =>
      [`Host ${alias}`, "HostName 127.0.0.1", `Port ${sshd.port}`, ...lines].join("\n  ");
    const byPassword = (who: Account): readonly string[] => [`User ${who.name}`, "PubkeyAuthentication no"];
    const byKey = (key: string): readonly string[] => [
      `User ${userInfo().username}`,
      `IdentityFile ${join(directory, key)}`,
      "PasswordAuthentication no",
    ];

    /** A person who reads the nodes once and types to be kept what `type` says; then what the file of kept secrets opens to. */
    async function keptAfter(
      hosts: readonly string[],
      type: (question: Question) => string | null,
      data = mkdtempSync(join(directory, "data-")),
    ): Promise<{ readonly asked: readonly string[]; readonly kept: readonly string[]; readonly data: string }> {
      const config = join(data, "ssh_config");
      const standard = [
        "Host *",
        "StrictHostKeyChecking accept-new",
        `UserKnownHostsFile ${join(directory, "known_hosts")}`,
        "GlobalKnownHostsFile none",
        "IdentityAgent none",
        "IdentitiesOnly yes",
      ];
      writeFileSync(config, `${[...hosts, standard.join("\n  ")].join("\n")}\n`);
      writeFileSync(join(data, "inventory.json"), JSON.stringify([clusterOf(hosts, transport)]));
      const core = createCore({
        userDataDirectory: data,
        version: "0.0.0",
        electron: "none",
        shell: {
          keyStorage: fakeKeyStorage("me"),
          chooseSavePath: () => Promise.resolve(null),
          chooseOpenPath: () => Promise.resolve(null),
        },
        sshConfigPath: config,
        interactive: true,
        mayRecover: false,
        watch: false,
      });
      const asked: string[] = [];
      core.onEvent((name, payload) => {
        if (name !== "question:raised") return;
        const question = payload as Question;
        asked.push(`${question.kind} ${question.node}`);
        const secret = type(question);
        const answer =
          secret === null ? ({ kind: "refuse" } as const) : ({ kind: "secret", secret, keep: true } as const);
        // After the core has finished raising it.
        setImmediate(() => void core.handle("question:answer", { questionId: question.questionId, answer }));
      });
      await core.handle("fleet:read", undefined);
      expect(await core.handle("cluster:refresh", { clusterId: "one" })).toMatchObject({ ok: true });
      await core.close();
      return { asked, kept: await keptIn(data), data };
    }

    /** Of the hosts whose names begin with `db-`. */
    function clusterOf(hosts: readonly string[], by: Transport): Cluster {
      const names = hosts.flatMap((text) => /^Host (db-\S+)/.exec(text)?.[1] ?? []);
      const nodes = names.map((node) => ({ node, login: { host: node, transport: by } }));
      const settings = { host: "127.0.0.1", port: redis.port };
      const members = names.map((node) => ({ member: node, node, settings }));
      return { clusterId: "one", name: "one", engine: "redis-cluster", nodes, members, addedAt: 0 };
    }

    const vaultIn = (data: string): ReturnType<typeof createSecretVault> =>
      createSecretVault({ path: join(data, "secrets.json"), storage: fakeKeyStorage("me"), nowMs: () => 1 });

    /** `password db-1: correct horse` */
    async function keptIn(data: string): Promise<readonly string[]> {
      const vault = vaultIn(data);
      const { kept } = await vault.read();
      return Promise.all(
        kept.map(async ({ name }) => {
          const place = name.kind === "passphrase" ? "" : ` ${name.node ?? "everywhere"}`;
          return `${name.kind}${place}: ${(await vault.find(name))?.toString() ?? "–"}`;
        }),
      );
    }

    /** One after another, and the last again and again, for the questions of one kind about one node; all others are refused. */
    function inTurn(kind: Question["kind"], ...answers: readonly string[]): (question: Question) => string | null {
      let next = 0;
      return (question) => (question.kind === kind ? (answers[Math.min(next++, answers.length - 1)] ?? null) : null);
    }

    it("keeps a login's password once the server took it, and none that it refused", async () => {
      const hosts = [host("db-1", target, ...byPassword(account))];
      const second = await keptAfter(hosts, inTurn("password", "wrong", right));
      expect(second.asked.slice(0, 2)).toEqual(["password db-1", "password db-1"]);
      expect(second.kept).toEqual([`password db-1: ${right}`]);
      expect((await keptAfter(hosts, inTurn("password", "wrong", "wrong too"))).kept).toEqual([]);
    });

    it("keeps the password of a jump host that took it, also where the host behind it refuses another", async () => {
      const hosts = [
        host("db-1", target, ...byPassword(account), "ProxyJump bastion"),
        host("bastion", bastion, ...byPassword(other)),
      ];
      const typed = (question: Question): string | null =>
        question.kind === "password" ? (question.node === "bastion" ? right : "wrong") : null;
      const refused = await keptAfter(hosts, typed);
      expect(refused.asked).toEqual(["password bastion", "password db-1", "password db-1"]);
      expect(refused.kept).toEqual([`password bastion: ${right}`]);
      const sameName = [
        host("db-1", target, ...byPassword(account), "ProxyJump bastion"),
        host("bastion", bastion, ...byPassword(account)),
      ];
      const both = await keptAfter(sameName, inTurn("password", right));
      expect([...both.kept].sort()).toEqual([`password bastion: ${right}`, `password db-1: ${right}`]);
    });

    it("keeps a key's passphrase once the key opened with it, and none that did not open it", async () => {
      const hosts = [host("db-1", target, ...byKey("locked"))];
      const second = await keptAfter(hosts, inTurn("passphrase", "wrong", passphrase));
      expect(second.kept).toEqual([`passphrase: ${passphrase}`]);
      expect((await keptAfter(hosts, inTurn("passphrase", "wrong", "wrong too"))).kept).toEqual([]);
    });

    it("keeps no passphrase that did not open its key, also where the login goes on without it", async () => {
      const hosts = [host("db-1", target, ...byKey("locked"), `IdentityFile ${join(directory, "id")}`)];
      const { asked, kept } = await keptAfter(hosts, inTurn("passphrase", "wrong"));
      expect([asked.slice(0, 2), kept]).toEqual([["passphrase db-1", "passphrase db-1"], []]);
    });

    it("keeps a service's password once the service let it in, and none that it refused", async () => {
      const hosts = [host("db-1", target, ...byKey("id"))];
      const { kept, data } = await keptAfter(hosts, inTurn("engine-password", right));
      expect(kept).toEqual([`engine-password db-1: ${right}`]);
      expect((await keptAfter(hosts, () => null, data)).asked).toEqual([]);
      expect((await keptAfter(hosts, inTurn("engine-password", "wrong"))).kept).toEqual([]);
    });

    it("sends a password that is to be kept to no other host for that", async () => {
      const hosts = [host("db-1", target, ...byPassword(account)), host("db-2", bastion, ...byPassword(account))];
      const { asked, kept } = await keptAfter(hosts, inTurn("password", right));
      const each = [`password db-1`, `password db-2`];
      expect([asked.filter((one) => one.startsWith("password")).sort(), [...kept].sort()]).toEqual([
        each,
        each.map((one) => `${one}: ${right}`),
      ]);
    });

    it("forgets what was kept and is refused now, and asks", async () => {
      const hosts = [host("db-1", target, ...byPassword(account))];
      const data = mkdtempSync(join(directory, "data-"));
      const name: SecretName = { kind: "password", user: account.name, node: "db-1" };
      await vaultIn(data).keep(name, Buffer.from("of last year"));
      const { asked, kept } = await keptAfter(hosts, () => null, data);
      expect([asked.slice(0, 1), kept]).toEqual([["password db-1"], []]);
    });
  },
);
