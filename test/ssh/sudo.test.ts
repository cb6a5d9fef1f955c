import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Access, Command, DurableState } from "../../main/ssh/access";
import type { Given } from "../../main/ssh/asker";
import { sudoersFor } from "../../main/ssh/sudo";
import type { Sshd } from "../lab/sshd";
import { canMakeAccounts, makeAccount, type Account } from "./accounts";
import { cannotRun, realSsh, type RealSsh } from "./real-node";

const hasSudo = existsSync("/usr/bin/sudo") && canMakeAccounts;
const limits = { deadlineMs: 30_000, maxBytes: 64 << 10 };
const password = "correct horse 'battery'";
const given: Given = { kind: "secret", secret: password, keep: false };
const whoAmI: Command = { argv: ["/usr/bin/id", "-un"], runAs: "root" };

describe.skipIf((cannotRun || !hasSudo) && process.env.CI !== "true")("sudo on a node", () => {
  let ssh: RealSsh;
  let sshd: Sshd;
  let account: Account;
  let rules: string;

  beforeAll(async () => {
    ssh = realSsh();
    chmodSync(ssh.directory, 0o755);
    sshd = await ssh.sshd();
    chmodSync(sshd.directory, 0o755);
    account = await makeAccount("/bin/bash", password);
    rules = `/etc/sudoers.d/evenkeel-test-${account.name}`;
  });
  afterEach(() => rmSync(rules, { force: true }));
  afterAll(async () => {
    await ssh.close();
    rmSync(rules, { force: true });
    await account.remove();
  });

  function allow(...lines: readonly string[]): void {
    // sudo reads the folder at every start; the file must be whole and strict from its first moment.
    const draft = join(ssh.directory, "sudoers");
    writeFileSync(draft, lines.map((line) => `${line}\n`).join(""), { mode: 0o440 });
    execFileSync("visudo", ["-cqf", draft]);
    execFileSync("install", ["-m", "440", draft, rules]);
  }

  function reach(answer?: Given): { access: Access; asked: string[]; node: ReturnType<Access["node"]> } {
    const reached = ssh.access(ssh.login(sshd.port, { user: account.name }), answer);
    return { ...reached, node: reached.access.node("node") };
  }

  const durably = (node: ReturnType<Access["node"]>, command = whoAmI): Promise<DurableState> =>
    node.runDurably(`test-${randomUUID()}`, command, limits);

  it("asks for nothing where the rule says NOPASSWD for the very command", async () => {
    allow(`${account.name} ALL=(root) NOPASSWD: /usr/bin/id -un`);
    const { node, asked } = reach();
    expect((await node.run(whoAmI, limits)).stdout).toBe("root\n");
    expect(await durably(node)).toMatchObject({ kind: "done", output: "root\n" });
    expect(asked).toEqual([]);
  });

  it("asks for nothing where NOPASSWD for the command stands beside a rule that wants a password", async () => {
    allow(`${account.name} ALL=(ALL) ALL`, `${account.name} ALL=(root) NOPASSWD: /usr/bin/id -un`);
    const { node, asked } = reach();
    expect(await durably(node)).toMatchObject({ kind: "done", output: "root\n" });
    expect((await node.run(whoAmI, limits)).stdout).toBe("root\n");
    expect(asked).toEqual([]);
  });

  it("asks a person once a session for the password, and gives it to no command line, environment or file", async () => {
    allow(`${account.name} ALL=(ALL) ALL`);
    const { node, asked } = reach(given);
    const watched: Command = {
      argv: [
        "/bin/sh",
        "-c",
        "id -un; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c 'correct hors[e]'",
      ],
      runAs: "root",
    };
    expect(await durably(node, watched)).toMatchObject({ kind: "done", output: "root\n0\n" });
    expect((await node.run(whoAmI, limits)).stdout).toBe("root\n");
    expect(await durably(node)).toMatchObject({ kind: "done", output: "root\n" });
    expect(asked).toEqual(["sudo-password"]);
    const state = join(account.home, ".local/state/evenkeel");
    const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    const kept = files.filter((file) =>
      readFileSync(join(file.parentPath, file.name), "utf8").includes("correct horse"),
    );
    expect([files.length > 5, kept]).toEqual([true, []]);
  });

  it("gives the input of a command to the command, and not to sudo", async () => {
    allow(`${account.name} ALL=(ALL) ALL`);
    const { node } = reach(given);
    const cat: Command = { argv: ["/bin/cat"], runAs: "root", stdin: "line\nnot a password\n" };
    expect(await durably(node, cat)).toMatchObject({ kind: "done", output: cat.stdin });
    expect((await node.run(cat, limits)).stdout).toBe(cat.stdin);
  });

  it("is given two wrong passwords at most, and says that they were wrong", async () => {
    allow(`${account.name} ALL=(ALL) ALL`);
    const { node, asked } = reach({ kind: "secret", secret: "wrong", keep: false });
    expect(await durably(node)).toMatchObject({ kind: "refused", error: { kind: "sudo-password-wrong" } });
    expect(asked).toEqual(["sudo-password", "sudo-password"]);
    await durably(node);
    expect(asked).toHaveLength(4);
  });

  it("tells of each password whether it was right, once a command ran with it or sudo refused it", async () => {
    allow(`${account.name} ALL=(ALL) ALL`);
    const verdicts: boolean[] = [];
    const judged = (isRight: boolean): void => void verdicts.push(isRight);
    for (const act of [durably, async (node: ReturnType<Access["node"]>) => node.run(whoAmI, limits)] as const) {
      await act(reach({ ...given, judged }).node);
      expect(verdicts.splice(0)).toEqual([true]);
      await act(reach({ kind: "secret", secret: "wrong", keep: false, judged }).node);
      expect(verdicts.splice(0)).toEqual([false, false]);
      // Right, and no answer to the question whether it is: nothing ran.
      allow(`${account.name} ALL=(root) /usr/bin/true`);
      await act(reach({ ...given, judged }).node);
      expect(verdicts.splice(0)).toEqual([]);
      allow(`${account.name} ALL=(ALL) ALL`);
    }
  });

  it("runs nothing where nobody gives the password, and prints the line that would allow it", async () => {
    allow(`${account.name} ALL=(ALL) ALL`);
    const { node } = reach();
    expect(await durably(node)).toMatchObject({
      kind: "refused",
      error: {
        kind: "sudo-password-missing",
        facts: { sudoers: `${account.name} ALL=(root) NOPASSWD: /usr/bin/id -un` },
      },
    });
  });

  it("says that an account is not in sudoers, or not allowed this command", async () => {
    const { node } = reach(given);
    expect(await durably(node)).toMatchObject({ kind: "refused", error: { kind: "sudo-not-allowed" } });
    allow(`${account.name} ALL=(root) NOPASSWD: /usr/bin/true`);
    expect(await durably(reach(given).node)).toMatchObject({ kind: "refused", error: { kind: "sudo-not-allowed" } });
  });

  it("says that sudo wants a terminal", async () => {
    allow(`Defaults:${account.name} requiretty`, `${account.name} ALL=(root) NOPASSWD: ALL`);
    const { node } = reach();
    expect(await durably(node)).toMatchObject({ kind: "refused", error: { kind: "sudo-needs-terminal" } });
  });

  it("is not misled by a lecture, nor by a prompt that is not its own", async () => {
    allow(
      `Defaults:${account.name} lecture=always, badpass_message="password for root?"`,
      `${account.name} ALL=(ALL) ALL`,
    );
    const { node, asked } = reach(given);
    expect(await durably(node)).toMatchObject({ kind: "done", output: "root\n" });
    expect(asked).toEqual(["sudo-password"]);
  });

  it("runs under use_pty as well", async () => {
    allow(`Defaults:${account.name} use_pty`, `${account.name} ALL=(root) NOPASSWD: ALL`);
    expect(await durably(reach().node)).toMatchObject({
      kind: "done",
      output: expect.stringMatching(/^root\r?\n$/) as unknown,
    });
  });

  it("lets the account run exactly the commands whose printed lines were added, whatever their words", async () => {
    const commands: readonly Command[] = [
      { argv: ["/usr/bin/printf", "%s", "a b, c:d=e\\f *?[x] !#\"'"], runAs: "root" },
      { argv: ["/bin/sh", "-c", 'cat > "$1" && : > "$2"\necho done', "sh", "/dev/null", "/dev/null"], runAs: "root" },
      { argv: ["/usr/bin/id"], runAs: "root" },
    ];
    allow(...sudoersFor(account.name, commands).trim().split("\n"));
    const { node, asked } = reach();
    for (const command of commands)
      expect(await durably(node, command)).toMatchObject({ kind: "done", ending: { code: 0 } });
    expect(await durably(node, whoAmI)).toMatchObject({ kind: "refused", error: { kind: "sudo-not-allowed" } });
    expect(asked).toEqual([]);
  });
});
