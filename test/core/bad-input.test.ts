import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Assessment } from "../../contract/assessment";
import type { Question } from "../../contract/inventory";
import type { Report } from "../../contract/report";
import { runCommand } from "../../main/cli/command";
import { createCore } from "../../main/core";
import { noKeyStorage } from "../../main/store/secrets";
import { startEmbeddedCluster, whatIsMissing, type EmbeddedCluster } from "../lab/embedded/embedded-cluster";
import { serverOf } from "../lab/embedded/postmaster";

const cannotRun = whatIsMissing() !== null && process.env.CI !== "true";
const victim = "keel-3";

/** One thing is wrong with one node of a real cluster; the command line says what, and the rest stays readable. */
describe.skipIf(cannotRun)("one node's trouble, as the command line tells it", () => {
  let lab: EmbeddedCluster;
  let directory: string;
  let config: string;
  let data: string;

  beforeAll(async () => {
    lab = await startEmbeddedCluster();
    directory = mkdtempSync(join(tmpdir(), "evenkeel-bad-"));
    data = join(directory, "data");
    config = join(directory, "ssh_config");
    writeFileSync(config, readFileSync(lab.sshConfigPath, "utf8"));
    expect(await evenkeel("add", "keel-1", "--name", "demo")).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await lab.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  beforeEach(() => writeFileSync(config, readFileSync(lab.sshConfigPath, "utf8")));
  const undo: (() => void | Promise<void>)[] = [];
  afterEach(async () => {
    for (const one of undo.splice(0)) await one();
  });

  async function evenkeel(...words: string[]): Promise<{ readonly code: number; readonly said: string }> {
    const lines: string[] = [];
    const tell = (line: string): void => void lines.push(line);
    const code = await runCommand([...words, "--data", data, "--ssh-config", config], {
      version: "0.0.0",
      standardDirectory: data,
      out: tell,
      err: tell,
    });
    return { code, said: lines.join("\n") };
  }

  /** What a first matching line says wins, so the victim's own lines go before. */
  function configured(...lines: string[]): void {
    const text = readFileSync(config, "utf8");
    writeFileSync(config, `Host ${victim}\n${lines.map((line) => `  ${line}\n`).join("")}\n${text}`);
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

  async function expectTold(pattern: RegExp, isHostRead: boolean): Promise<void> {
    const { code, said } = await evenkeel("check", "demo");
    expect(said).toMatch(pattern);
    expect(code).toBeGreaterThan(0);
    expect(said).not.toMatch(/EVENKEEL OK/);
    expectRestReadable(await seen(), isHostRead);
  }

  it("a host where nothing listens", async () => {
    configured("Port 1");
    await expectTold(/keel-3.*refuses connections on port 1|refuses connections on port 1.*keel-3/s, false);
  });

  it("a name that nobody knows", async () => {
    configured("HostName keel-3.invalid");
    await expectTold(/The name keel-3\.invalid of keel-3 cannot be resolved/, false);
  });

  it("a key that the host does not take", async () => {
    const key = join(directory, "stranger");
    if (!existsSync(key)) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    // ssh_config adds identity files up, so the right one is taken out.
    writeFileSync(config, readFileSync(config, "utf8").replace(...ofVictim(`IdentityFile ${lab.identityFile}`, key)));
    await expectTold(/keel-3 refused every login of \S+ that was tried; it takes: publickey/, false);
  });

  it("a key whose passphrase nobody gives, and one whose passphrase is wrong", async () => {
    const key = join(directory, "locked");
    execFileSync("cp", [lab.identityFile, key]);
    execFileSync("ssh-keygen", ["-q", "-p", "-f", key, "-P", "", "-N", "open sesame"]);
    writeFileSync(config, readFileSync(config, "utf8").replace(...ofVictim(`IdentityFile ${lab.identityFile}`, key)));
    await expectTold(/locked needs its passphrase and none was given\. keel-3 was not logged in to/, false);
    expect((await evenkeel("check", "demo")).said).toMatch(/A key for keel-3 needs its passphrase/);

    const core = createCore({
      userDataDirectory: data,
      version: "0.0.0",
      electron: "none",
      shell: { keyStorage: noKeyStorage, chooseSavePath: () => Promise.resolve(null) },
      sshConfigPath: config,
      interactive: true,
      mayRecover: false,
      watch: false,
    });
    core.onEvent((name, payload) => {
      if (name !== "question:raised") return;
      const { questionId } = payload as Question;
      void core.handle("question:answer", { questionId, answer: { kind: "secret", secret: "wrong", keep: false } });
    });
    try {
      const fleet = await core.handle("fleet:read", undefined);
      const clusterId = (fleet.ok ? fleet.value[0]?.clusterId : undefined) ?? "";
      await core.handle("cluster:refresh", { clusterId });
      const read = await core.handle("cluster:read", { clusterId });
      const assessment = read.ok ? read.value : null;
      const wrong = assessment?.nodes.find(({ node }) => node === victim)?.reachability;
      expect(wrong).toMatchObject({ state: "unreachable", reason: { code: "ssh/passphrase-wrong" } });
      if (assessment !== null) expectRestReadable(assessment, false);
    } finally {
      await core.close();
    }
  });

  it("a host whose key has changed", async () => {
    const known = readFileSync(lab.knownHostsPath, "utf8");
    const other = join(directory, "other");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", other]);
    const key = readFileSync(`${other}.pub`, "utf8").split(" ").slice(0, 2).join(" ");
    const own = lab.nodes[2];
    const changed = join(directory, "known_hosts");
    const lines = known.split("\n").filter((line) => !line.includes(`[${own.address}]:${own.sshPort} `));
    writeFileSync(changed, [...lines.filter(Boolean), `[${own.address}]:${own.sshPort} ${key}`, ""].join("\n"));
    configured(`UserKnownHostsFile ${changed}`);
    await expectTold(/The host key of keel-3 has changed\..*No connection is made/s, false);
    expect(readFileSync(changed, "utf8")).toContain(key);
  });

  it("a PostgreSQL that refuses the login", async () => {
    const rules = join(lab.nodes[2].dataDirectory, "pg_hba.conf");
    const before = readFileSync(rules, "utf8");
    const reload = (): void => void process.kill(serverOf(lab.nodes[2].dataDirectory)?.postmaster ?? 0, "SIGHUP");
    writeFileSync(rules, "local all all reject\nhost all all all reject\n");
    reload();
    undo.push(() => {
      writeFileSync(rules, before);
      reload();
    });
    await expect
      .poll(async () => (await evenkeel("check", "demo")).said, { timeout: 60_000, interval: 500 })
      .toMatch(/keel-3 refuses the login/);
    await expectTold(/keel-3 refuses the login of \S+: .*pg_hba/, true);
  });

  it("a server that is stopped in mid-air (SIGSTOP)", async () => {
    lab.hang(victim);
    undo.push(() => lab.resume(victim));
    await expectTold(/The server on keel-3 has a process \(\d+\) and answers nobody/, true);
  });

  describe.skipIf(process.getuid?.() !== 0)("by the account's login shell", () => {
    const passwd = (): string => join(lab.directory, "passwd");
    const home = (): string => join(lab.directory, "home");

    /** Changes the shell of the nodes' account in place, since the nodes have the very file mounted. */
    function useShell(shell: string): void {
      const before = readFileSync(passwd(), "utf8");
      writeFileSync(passwd(), before.replace(/^(keel:.*:)[^:\n]*$/m, `$1${shell}`));
      undo.push(() => writeFileSync(passwd(), before));
    }

    function write(file: string, text: string): void {
      const path = join(home(), file);
      execFileSync("mkdir", ["-p", join(path, "..")]);
      appendFileSync(path, text);
      undo.push(() => rmSync(path));
    }

    const noisy = "echo noise of a start file\n";
    // Neither is ended by an `exit` in its start file when it was given a command (fish 3.6, tcsh 6.24).
    it.each([
      ["fish", "/usr/bin/fish", ".config/fish/config.fish", `${noisy}exit 0\n`],
      ["tcsh", "/usr/bin/tcsh", ".tcshrc", `${noisy}exit 0\n`],
    ])("%s, whose start file prints and exits: all is read as ever", async (_name, shell, file, text) => {
      useShell(shell);
      write(file, text);
      const { members, nodes } = await seen();
      expect(nodes.map(({ reachability }) => reachability.state)).toEqual(["reachable", "reachable", "reachable"]);
      expect(members.map(({ role }) => role.state)).toEqual(["known", "known", "known"]);
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
      useShell(shell);
      write(file, text);
      await expectTold(/The login shell of keel-3 ended before \/bin\/sh could start/, false);
    });
  });

  /** A replacement for one line of the victim's own block, which stands last. */
  function ofVictim(line: string, key: string): [RegExp, string] {
    return [
      new RegExp(`(Host ${victim}\\n(?:  .*\\n)*?)  ${line.replaceAll("/", "\\/")}\\n`),
      `$1  IdentityFile ${key}\n`,
    ];
  }
});
