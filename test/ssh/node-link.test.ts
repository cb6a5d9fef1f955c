import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "../../contract/inventory";
import { systemClock } from "../../main/clock";
import type { Access } from "../../main/ssh/access";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import { createHostVerifier } from "../../main/ssh/host-verifier";
import { createAccess } from "../../main/ssh/pool";
import type { ResolvedLogin } from "../../main/ssh/resolved-login";
import { SshError } from "../../main/ssh/ssh-error";
import { userInfo } from "node:os";
import { freePort } from "../lab/free-port";
import { startRelay } from "./relay";
import { childrenOf, startSshd, systemSshd, type Sshd } from "../lab/sshd";

const limits = { deadlineMs: 5_000, maxBytes: 100_000 };

describe.skipIf(systemSshd() === null && process.env.CI !== "true")("a node behind a real OpenSSH sshd", () => {
  let directory: string;
  let key: string;
  let sshd: Sshd;
  let noisy: Sshd;
  const opened: Access[] = [];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-ssh-"));
    key = join(directory, "id");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(directory, "stranger")]);
    execFileSync("ssh-keygen", [
      "-q",
      "-t",
      "ed25519",
      "-N",
      "open sesame",
      "-a",
      "4",
      "-f",
      join(directory, "locked"),
    ]);
    const authorizedKeys = ["id", "locked"].map((name) => readFileSync(join(directory, `${name}.pub`), "utf8").trim());
    const shared = { address: "127.0.0.1", authorizedKeys };
    sshd = await startSshd({ ...shared, directory: join(directory, "plain"), port: await freePort(["127.0.0.1"]) });
    const forced = `ForceCommand /bin/sh -c 'echo "Welcome, $USER"; echo noise >&2; eval "$SSH_ORIGINAL_COMMAND"'`;
    noisy = await startSshd({
      ...shared,
      directory: join(directory, "noisy"),
      port: await freePort(["127.0.0.1"]),
      config: [forced, "MaxSessions 1"],
    });
  });

  afterAll(async () => {
    await Promise.all(opened.map((access) => access.close()));
    await sshd.stop();
    await noisy.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function resolved(port: number, identityFile: string, jumps: readonly ResolvedLogin[] = []): ResolvedLogin {
    return {
      host: "node",
      hostName: "127.0.0.1",
      port,
      user: userInfo().username,
      identityFiles: [identityFile],
      areIdentitiesNamed: true,
      identitiesOnly: true,
      identityAgent: null,
      userKnownHostsFiles: [join(directory, "known_hosts")],
      globalKnownHostsFiles: [],
      hostKeyAlias: null,
      strictHostKeyChecking: "accept-new",
      hashKnownHosts: true,
      mayUseTicket: false,
      connectTimeoutMs: 5_000,
      jumps,
      needsSystemSsh: null,
    };
  }

  function reach(
    login: ResolvedLogin,
    answer: Answer = { kind: "refuse" },
  ): { node: ReturnType<Access["node"]>; asked: string[] } {
    const asked: string[] = [];
    const access = createAccess({
      clock: systemClock,
      random: () => 0.5,
      newNonce: randomUUID,
      asker: { ask: (question) => (asked.push(question.kind), Promise.resolve(answer)) },
      hostKeys: hostKeyCheck,
      resolve: () => Promise.resolve(login),
    });
    opened.push(access);
    access.know("node", { host: "node" });
    return { node: access.node("node"), asked };
  }

  const kindOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "no error",
      (error: unknown) => (error instanceof SshError ? error.kind : String(error)),
    );

  it("runs what it shows, byte for byte, and tells how it ended", async () => {
    const { node } = reach(resolved(sshd.port, key));
    await node.ready();
    const command = { argv: ["printf", "%s", "it's $HOME\n!"] as const };
    expect(node.shown(command)).toBe(`printf %s 'it'\\''s $HOME\n!'`);
    expect(await node.run(command, limits)).toMatchObject({
      stdout: "it's $HOME\n!",
      ending: { kind: "exited", code: 0 },
    });
    expect((await node.run({ argv: ["sh", "-c", "echo bad >&2; exit 7"] }, limits)).ending).toEqual({
      kind: "exited",
      code: 7,
    });
  });

  it("says in the reader's language why a link was not made, where that has words", async () => {
    const access = createAccess({
      clock: systemClock,
      random: () => 0.5,
      newNonce: randomUUID,
      asker: { ask: () => Promise.resolve({ kind: "refuse" }) },
      hostKeys: hostKeyCheck,
      resolve: () => Promise.reject(new Error("ssh/system-ssh.socket-closed")),
    });
    opened.push(access);
    access.know("node", { host: "node" });
    const problem = { kind: "link-lost", facts: { problem: "ssh/system-ssh.socket-closed" } };
    await expect(access.node("node").ready()).rejects.toMatchObject(problem);
    const failing = { ...hostKeyCheck, verify: () => Promise.reject(new Error("ssh/others-keep-changing")) };
    const refusals: SshError[] = [];
    const verifier = createHostVerifier(
      resolved(22, key),
      failing,
      { ask: () => Promise.resolve({ kind: "refuse" }) },
      (error) => refusals.push(error),
    );
    expect(await new Promise((answered) => verifier(Buffer.from("a key"), answered))).toBe(false);
    expect(refusals.map(({ facts }) => facts.problem)).toEqual(["ssh/others-keep-changing"]);
  });

  it("answers small reads from one shell that starts no process", async () => {
    const { node } = reach(resolved(sshd.port, key));
    const script = 'read -r line </proc/self/stat; echo "$line"';
    const [first, second] = [await node.read(script, limits), await node.read(script, limits)];
    expect(first.stdout.split(" ")[0]).toBe(second.stdout.split(" ")[0]);
  });

  it("takes no noise of login scripts for an answer, also where one session is allowed", async () => {
    const { node } = reach(resolved(noisy.port, key));
    expect((await node.read("echo quiet", limits)).stdout).toBe("quiet\n");
    const output = await node.run({ argv: ["echo", "quiet"] }, limits);
    expect([output.stdout, output.stderr]).toEqual(["quiet\n", ""]);
    expect((await node.read("echo again", limits)).stdout).toBe("again\n");
  });

  it("bounds a flood and counts what it dropped", async () => {
    const { node } = reach(resolved(sshd.port, key));
    const output = await node.run(
      { argv: ["head", "-c", "50000000", "/dev/zero"] },
      { deadlineMs: 30_000, maxBytes: 1_000 },
    );
    expect([output.stdout.length, output.droppedBytes]).toEqual([1_000, 49_999_000]);
  });

  it("calls a command whose link is cut lost, and never ended", async () => {
    const { node } = reach(resolved(sshd.port, key));
    await node.ready();
    const begun = join(directory, "begun");
    const running = node.run(
      { argv: ["sh", "-c", 'touch "$1"; sleep 30', "sh", begun] },
      { ...limits, deadlineMs: 20_000 },
    );
    // What is cut before it was sent is no command lost, but one never begun.
    await expect.poll(() => existsSync(begun), { timeout: 15_000 }).toBe(true);
    for (const pid of childrenOf(sshd.pid)) process.kill(pid, "SIGKILL");
    expect((await running).ending).toEqual({ kind: "lost" });
    expect(node.state().state).toBe("broken");
  });

  it("refuses a stranger's key, a wrong passphrase and a changed host key, each by its name", async () => {
    expect(await kindOf(reach(resolved(sshd.port, join(directory, "stranger"))).node.ready())).toBe("login-refused");
    const locked = resolved(sshd.port, join(directory, "locked"));
    expect(await kindOf(reach(locked, { kind: "secret", secret: "wrong", keep: false }).node.ready())).toBe(
      "passphrase-wrong",
    );
    expect(await kindOf(reach(locked, { kind: "secret", secret: "open sesame", keep: false }).node.ready())).toBe(
      "no error",
    );

    const changed = join(directory, "known_hosts_changed");
    const other = readFileSync(join(directory, "stranger.pub"), "utf8").split(" ").slice(0, 2).join(" ");
    writeFileSync(changed, `[127.0.0.1]:${sshd.port} ${other}\n`);
    const { node, asked } = reach({ ...resolved(sshd.port, key), userKnownHostsFiles: [changed] });
    expect(await kindOf(node.ready())).toBe("host-key-changed");
    expect(asked).toEqual([]);
  });

  it("asks about an unknown host key and connects to nobody who was refused", async () => {
    const login: ResolvedLogin = {
      ...resolved(sshd.port, key),
      userKnownHostsFiles: [join(directory, "none")],
      strictHostKeyChecking: "ask",
    };
    const { node, asked } = reach(login);
    expect(await kindOf(node.ready())).toBe("host-key-unknown");
    expect(asked).toEqual(["host-key-unknown"]);
  });

  it("goes through a jump host and dials from the target's side", async () => {
    const jump = resolved(sshd.port, key);
    const { node } = reach(resolved(noisy.port, key, [jump]));
    await node.ready();
    const stream = await node.dial({ kind: "tcp", host: "127.0.0.1", port: sshd.port }, limits);
    const greeting = await new Promise<string>((resolve) =>
      stream.once("data", (bytes: Buffer) => resolve(bytes.toString())),
    );
    stream.destroy();
    expect(greeting).toMatch(/^SSH-2\.0-OpenSSH/);
    expect(await kindOf(node.dial({ kind: "tcp", host: "127.0.0.1", port: 1 }, limits))).toBe("dial-refused");
  });

  it("settles everything on a link that goes silent", async () => {
    const frozen = await startRelay(sshd.port);
    const { node } = reach(resolved(frozen.port, key));
    await node.ready();
    frozen.fail("freeze");
    const startedAt = performance.now();
    const settled = await Promise.all([
      kindOf(node.read("echo x", { ...limits, deadlineMs: 60_000 })),
      node.run({ argv: ["true"] }, { ...limits, deadlineMs: 60_000 }).then(
        ({ ending }) => ending.kind,
        (error: unknown) => (error instanceof SshError ? error.kind : String(error)),
      ),
      kindOf(node.dial({ kind: "tcp", host: "127.0.0.1", port: sshd.port }, { deadlineMs: 60_000 })),
    ]);
    expect(settled.filter((kind) => kind === "no error" || kind === "exited")).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(25_000);
    frozen.close();
  });
});
