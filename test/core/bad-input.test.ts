import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Assessment } from "../../contract/assessment";
import type { Level } from "../../contract/health";
import type { Question } from "../../contract/inventory";
import type { Report } from "../../contract/report";
import type { SecretName } from "../../contract/secrets";
import { runCommand } from "../../main/cli/command";
import { createCore } from "../../main/core";
import { createSecretVault } from "../../main/store/secrets";
import { fakeKeyStorage } from "../fake/fake-key-storage";
import { startEmbeddedCluster, whatIsMissing, type EmbeddedCluster } from "../lab/embedded/embedded-cluster";
import { freePort } from "../lab/free-port";
import { startSshd, systemSshd } from "../lab/sshd";
import { makeAccount } from "../ssh/accounts";
import { makeTrouble, victim, type Trouble } from "./trouble";

const cannotRun = (whatIsMissing() !== null || systemSshd() === null) && process.env.CI !== "true";

/** What is told of one trouble: in both languages, and as the view gets it. */
interface Told {
  readonly en: RegExp;
  readonly zh: RegExp;
  /** Of the reason, or of the finding where it is seen for certain. */
  readonly code: string;
  readonly level: Level;
  /** Whether the node's host is read all the same. */
  readonly isHostRead: boolean;
}

/** One thing is wrong with one node of a real cluster; the command line and the view say what, and the rest stays readable. */
describe.skipIf(cannotRun)("one node's trouble, as it is told", () => {
  let lab: EmbeddedCluster;
  let directory: string;
  let data: string;
  let trouble: Trouble;

  beforeAll(async () => {
    lab = await startEmbeddedCluster();
    directory = mkdtempSync(join(tmpdir(), "evenkeel-bad-"));
    data = join(directory, "data");
    trouble = makeTrouble(lab, directory);
    expect(await evenkeel("add", "keel-1", "--name", "demo")).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await lab.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  afterEach(() => trouble.takeBack());

  async function evenkeel(...words: string[]): Promise<{ readonly code: number; readonly said: string }> {
    const lines: string[] = [];
    const tell = (line: string): void => void lines.push(line);
    const code = await runCommand([...words, "--data", data, "--ssh-config", trouble.config], {
      version: "0.0.0",
      standardDirectory: data,
      out: tell,
      err: tell,
    });
    return { code, said: lines.join("\n") };
  }

  async function seen(): Promise<Assessment> {
    const path = join(directory, "report.json");
    const { code, said } = await evenkeel("report", "demo", "--format", "json", "--out", path);
    expect([code, said]).toEqual([0, expect.stringContaining(path)]);
    return (JSON.parse(readFileSync(path, "utf8")) as { readonly report: Report }).report.assessment;
  }

  /** The others are read whole, and nothing of the one that was not is green or has a value. */
  function expectRestReadable(assessment: Assessment, isHostRead: boolean): void {
    for (const { node, reachability, figures } of assessment.nodes) {
      const isRead = node !== victim || isHostRead;
      expect([node, reachability.state === "reachable"]).toEqual([node, isRead]);
      if (isRead) expect(figures.some(({ figure }) => figure.state === "known")).toBe(true);
      else expect(figures.filter(({ figure }) => figure.state === "known")).toEqual([]);
    }
    for (const { node, level, role, figures } of assessment.members) {
      if (node !== victim) {
        expect([node, role.state]).toEqual([node, "known"]);
        continue;
      }
      expect(level).not.toBe("ok");
      // What another member says of it may stand there; a zero of its own may not.
      const own = figures.filter(({ figure }) => figure.state === "known" && figure.evidence.startsWith(`${victim}/`));
      if (!isHostRead) expect(own).toEqual([]);
      expect(figures.some(({ figure }) => figure.state === "missing")).toBe(true);
    }
    expect(assessment.level).not.toBe("ok");
  }

  async function expectTold(told: Told): Promise<void> {
    const { code, said } = await evenkeel("check", "demo");
    const assessment = await seen();
    expectSeen(assessment, told);
    const [first = "", ...lines] = said.split("\n").filter((line) => /^(?:EVENKEEL|\[)/.test(line));
    expect(first).toMatch(/^EVENKEEL (?:WARNING|CRITICAL|UNKNOWN) - demo: /);
    expect(lines.filter((line) => line.startsWith(`[${told.level}] `)).join("\n")).toMatch(told.en);
    // Other trouble of a test machine, such as a full disk, may be the worse.
    const levels = assessment.findings.map(({ level }) => level);
    const expected = levels.includes("critical") ? 2 : levels.includes("degraded") ? 1 : 3;
    expect([code, first.split(" ")[1]]).toEqual([expected, ["", "WARNING", "CRITICAL", "UNKNOWN"][expected]]);
    // A monitoring plugin shows the first line alone, and the window the level: they say the same.
    expect(assessment.level === "unknown").toBe(expected === 3);
    const doubts = levels.filter((level) => level === "unknown").length;
    expect(first.includes(`(${doubts} cannot be told)`)).toBe(doubts > 0);
    if (
      levels.filter((level) => level === "critical" || level === "degraded").length <=
      (told.level === "unknown" ? 0 : 1)
    )
      expect(first).toMatch(told.en);
    expect((await evenkeel("check", "demo", "--language", "zh-CN")).said).toMatch(told.zh);
  }

  function expectSeen(
    assessment: Assessment,
    { code, level, isHostRead }: Pick<Told, "code" | "level" | "isHostRead">,
  ): void {
    const own = assessment.findings.filter(
      ({ subject }) =>
        (subject.kind === "member" && subject.member === victim) ||
        (subject.kind === "node" && subject.node === victim),
    );
    expect(own.filter((one) => one.level === level).map((one) => one.reason?.code ?? one.code)).toContain(code);
    // A host that is not reached is one trouble, not one of the host and another of the member on it.
    const doubts = own.filter(({ reason, explainedBy }) => reason !== undefined && explainedBy === null);
    if (!isHostRead) expect(doubts.map(({ subject }) => subject.kind)).toEqual(["node"]);
    const reachability = assessment.nodes.find(({ node }) => node === victim)?.reachability;
    expect(reachability).toMatchObject(
      isHostRead ? { state: "reachable" } : { state: "unreachable", reason: { code, facts: { node: victim } } },
    );
    expectRestReadable(assessment, isHostRead);
  }

  /** The same with a person at the desktop, who answers every question for a secret wrongly; nothing of that is kept. */
  async function seenWithWrongAnswers(): Promise<Assessment> {
    const { assessment, kept } = await seenWithAnswers("wrong");
    expect(kept).toEqual([]);
    return assessment;
  }

  /** What is seen, and what is kept of answers that are all to be kept. */
  async function seenWithAnswers(
    secret: string,
  ): Promise<{ readonly assessment: Assessment; readonly kept: readonly SecretName[] }> {
    const storage = fakeKeyStorage("me");
    const core = createCore({
      userDataDirectory: data,
      version: "0.0.0",
      electron: "none",
      shell: {
        keyStorage: storage,
        chooseSavePath: () => Promise.resolve(null),
        chooseOpenPath: () => Promise.resolve(null),
      },
      sshConfigPath: trouble.config,
      interactive: true,
      mayRecover: false,
      watch: false,
    });
    core.onEvent((name, payload) => {
      if (name !== "question:raised") return;
      const { questionId } = payload as Question;
      void core.handle("question:answer", { questionId, answer: { kind: "secret", secret, keep: true } });
    });
    try {
      const fleet = await core.handle("fleet:read", undefined);
      const clusterId = (fleet.ok ? fleet.value[0]?.clusterId : undefined) ?? "";
      await core.handle("cluster:refresh", { clusterId });
      const read = await core.handle("cluster:read", { clusterId });
      if (!read.ok || read.value === null) throw new Error(`nothing was read: ${JSON.stringify(read)}`);
      await core.close();
      const vault = createSecretVault({ path: join(data, "secrets.json"), storage, nowMs: () => 0 });
      const { kept } = await vault.read();
      await vault.forget(null);
      return { assessment: read.value, kept: kept.map(({ name }) => name) };
    } finally {
      await core.close();
    }
  }

  it("a host where nothing listens", async () => {
    trouble.configure("Port 1");
    await expectTold({
      en: /127\.0\.0\.\d+ answers, but refuses connections on port 1\. Check that sshd runs on keel-3/,
      zh: /拒绝端口 1 上的连接。请检查 keel-3 上的 sshd/,
      code: "ssh/connection-refused",
      level: "unknown",
      isHostRead: false,
    });
    const path = join(directory, "report.html");
    expect(await evenkeel("report", "demo", "--format", "html", "--out", path)).toMatchObject({ code: 0 });
    const html = readFileSync(path, "utf8");
    expect(html).not.toContain("{{");
    // With the finding, below each of the two tables of figures, and by each witness; not in every cell.
    const told = html.slice(0, html.indexOf("<details>")).split("refuses connections on port 1").length - 1;
    expect(told).toBeLessThan(10);
  });

  it("a host of a cluster that is added, where nothing listens: it is kept without it, and that is told", async () => {
    trouble.configure("Port 1");
    for (const [language, told] of [
      ["en", /Added part-en: keel-1, keel-2\n.*1 not read/],
      ["zh-CN", /已添加 part-zh-CN：keel-1, keel-2\n.*有 1 处未能读取/],
    ] as const) {
      const { code, said } = await evenkeel("add", "keel-1", "--name", `part-${language}`, "--language", language);
      expect([code, said]).toEqual([1, expect.stringMatching(told)]);
    }
  });

  it("a name that nobody knows", async () => {
    trouble.configure("HostName keel-3.invalid");
    await expectTold({
      en: /The name keel-3\.invalid of keel-3 cannot be resolved.*Check HostName/,
      zh: /无法解析 keel-3 的名称 keel-3\.invalid。请检查/,
      code: "ssh/unresolvable",
      level: "unknown",
      isHostRead: false,
    });
  });

  it("a key that the host does not take", async () => {
    trouble.useKey(trouble.strangerKey());
    await expectTold({
      en: /keel-3 refused every login of \S+ that was tried; it takes: publickey.*Check the user, the keys/,
      zh: /keel-3 拒绝了 \S+ 的所有登录尝试；它接受：publickey.*请检查/,
      code: "ssh/login-refused",
      level: "unknown",
      isHostRead: false,
    });
  });

  it("a key whose passphrase nobody gives, and one whose passphrase is wrong", async () => {
    trouble.useKey(trouble.lockedKey());
    await expectTold({
      en: /locked needs its passphrase and none was given\. keel-3 was not logged in to\. Choose Ask again .* or load the key/,
      zh: /locked 需要口令，但没有提供，未登录 keel-3。请在/,
      code: "ssh/passphrase-missing",
      level: "unknown",
      isHostRead: false,
    });
    expect((await evenkeel("check", "demo")).said).toMatch(/A key for keel-3 needs its passphrase/);

    expectSeen(await seenWithWrongAnswers(), { code: "ssh/passphrase-wrong", level: "unknown", isHostRead: false });
  });

  it.skipIf(process.getuid?.() !== 0)("a password that the host does not take", async () => {
    const { address } = lab.nodes[2];
    const account = await makeAccount("/bin/sh", "right");
    trouble.later(() => account.remove());
    const sshd = await startSshd({
      directory: join(directory, "by-password"),
      address,
      port: await freePort([address]),
      authorizedKeys: [],
      config: ["PasswordAuthentication yes", "PubkeyAuthentication no"],
    });
    trouble.later(() => sshd.stop());
    const known = join(directory, "known_by_password");
    writeFileSync(known, `[${address}]:${sshd.port} ${sshd.hostKeys[0] ?? ""}\n`);
    trouble.configure(`Port ${sshd.port}`, `User ${account.name}`, `UserKnownHostsFile ${known}`);
    await expectTold({
      en: /The login of \S+ on keel-3 was given up because a question was not answered/,
      zh: /由于问题未得到回答，已放弃以 \S+ 登录 keel-3/,
      code: "ssh/login-cancelled",
      level: "unknown",
      isHostRead: false,
    });
    expect((await evenkeel("check", "demo")).said).toMatch(/keel-3 asks for a password.*Set up a key/);
    expectSeen(await seenWithWrongAnswers(), { code: "ssh/password-stopped", level: "unknown", isHostRead: false });
    expect(sshd.log().split("Failed password for").length - 1).toBe(2);
  });

  it("a host whose key has changed", async () => {
    const { key, knownHosts } = trouble.changeHostKey();
    await expectTold({
      en: /The host key of keel-3 has changed\..*No connection is made\. Find out why on the host itself/,
      zh: /keel-3 的主机密钥已改变。.*不会建立连接。请在主机本身查明原因/,
      code: "ssh/host-key-changed",
      level: "unknown",
      isHostRead: false,
    });
    expect(readFileSync(knownHosts, "utf8")).toContain(key);
  });

  /** The server reads its rules when it comes to it. */
  const untilSaid = (pattern: RegExp): Promise<void> =>
    expect
      .poll(async () => (await evenkeel("check", "demo")).said, { timeout: 60_000, interval: 500 })
      .toMatch(pattern);

  it("a PostgreSQL that refuses the login", async () => {
    trouble.useHostRules("local all all reject\nhost all all all reject\n");
    await untilSaid(/keel-3 refuses the login/);
    await expectTold({
      en: /PostgreSQL on keel-3 refuses the login of \S+: pg_hba\.conf rejects .*\. Check the user, its password and whom/,
      zh: /keel-3 上的 PostgreSQL 拒绝 \S+ 登录：pg_hba\.conf rejects .*请检查该用户/,
      code: "wire/login-refused",
      level: "unknown",
      isHostRead: true,
    });
  });

  it("a PostgreSQL whose password nobody gives, and one whose password is wrong", async () => {
    trouble.useHostRules("local all all scram-sha-256\nhost all all all scram-sha-256\n");
    await untilSaid(/PostgreSQL on keel-3 wants a password/);
    await expectTold({
      en: /PostgreSQL on keel-3 wants a password of \S+ and there is none to try.*Choose Ask again/,
      zh: /keel-3 上的 PostgreSQL 要求 \S+ 的密码，但没有可尝试的.*请在/,
      code: "wire/password-missing",
      level: "unknown",
      isHostRead: true,
    });
    expectSeen(await seenWithWrongAnswers(), { code: "wire/login-refused", level: "unknown", isHostRead: true });
    const { assessment, kept } = await seenWithAnswers(await passwordOfReader());
    expect(assessment.members.find(({ node }) => node === victim)?.role.state).toBe("known");
    expect(kept).toMatchObject([{ kind: "engine-password", node: victim }]);
  });

  /** Gives the account that the servers are read as a password, until the trouble is taken back. */
  async function passwordOfReader(): Promise<string> {
    const primary = (await lab.primary())?.name ?? "";
    const [row] = await lab.psql(primary, "SELECT rolname FROM pg_roles WHERE rolsuper AND rolname <> 'postgres'");
    const name = `"${String(row?.rolname)}"`;
    await lab.psql(primary, `ALTER ROLE ${name} PASSWORD 'right'`);
    trouble.later(async () => void (await lab.psql(primary, `ALTER ROLE ${name} PASSWORD NULL`)));
    const isThere = `SELECT rolpassword IS NOT NULL AS is FROM pg_authid WHERE rolname = '${String(row?.rolname)}'`;
    await expect.poll(() => lab.psql(victim, isThere)).toEqual([{ is: true }]);
    return "right";
  }

  it("a server that is stopped in mid-air (SIGSTOP)", async () => {
    trouble.hang();
    await expectTold({
      en: /The server on keel-3 has a process \(\d+\) and answers nobody\. Look for a stopped process/,
      zh: /keel-3 上的服务器有进程（\d+），但对谁都不应答/,
      code: "postgresql/ServerHung",
      level: "degraded",
      isHostRead: true,
    });
  });

  describe.skipIf(process.getuid?.() !== 0)("by the account's login shell", () => {
    const noisy = "echo noise of a start file\n";
    // Neither is ended by an `exit` in its start file when it was given a command (fish 3.6, tcsh 6.24).
    it.each([
      ["bash", "/bin/bash", ".bashrc", noisy],
      ["fish", "/usr/bin/fish", ".config/fish/config.fish", `${noisy}exit 0\n`],
      ["tcsh", "/usr/bin/tcsh", ".tcshrc", `${noisy}exit 0\n`],
    ])("%s, whose start file prints and exits: all is read as ever", async (_name, shell, file, text) => {
      trouble.useShell(shell);
      trouble.write(file, text);
      const { members, nodes } = await seen();
      expect(nodes.map(({ reachability }) => reachability.state)).toEqual(["reachable", "reachable", "reachable"]);
      expect(members.map(({ role }) => role.state)).toEqual(["known", "known", "known"]);
    });

    it("a shell whose start file prints without end", async () => {
      trouble.useShell("/bin/bash");
      trouble.write(".bashrc", `[ "$(hostname)" = ${victim} ] && yes a start file that prints and prints\n`);
      await expectTold({
        en: /The login shell of keel-3 printed \S+ MiB and went on .* Look for what prints without end/,
        zh: /keel-3 的登录 shell .*输出了 \S+ MiB 且仍未停止.*请检查/,
        code: "ssh/shell-floods",
        level: "unknown",
        isHostRead: false,
      });
    });

    it.each([
      ["bash, by exit", "/bin/bash", ".bashrc", `[ "$(hostname)" = ${victim} ] && exit 0\n`],
      [
        "fish, by exec",
        "/usr/bin/fish",
        ".config/fish/config.fish",
        `if test (hostname) = ${victim}\n  exec /bin/false\nend\n`,
      ],
      ["tcsh, by exec", "/usr/bin/tcsh", ".tcshrc", `if (\`hostname\` == ${victim}) exec /bin/false\n`],
    ])("a shell that its start file ends: %s", async (_name, shell, file, text) => {
      trouble.useShell(shell);
      trouble.write(file, text);
      await expectTold({
        en: /The login shell of keel-3 ended before \/bin\/sh could start: it said nothing\. .*look for exit or exec in/,
        zh: /keel-3 的登录 shell 在 \/bin\/sh 启动之前就结束了：它什么也没有说。.*请检查/,
        code: "ssh/shell-unusable",
        level: "unknown",
        isHostRead: false,
      });
    });
  });
});
