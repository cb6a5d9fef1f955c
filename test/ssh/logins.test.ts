import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "../../contract/inventory";
import { systemClock } from "../../main/clock";
import type { Sighting } from "../../main/engine/engine";
import { hostEngine } from "../../main/engine/registry";
import { gather } from "../../main/monitor/gather";
import { createTakeReadings } from "../../main/probe/run-probes";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import { createAccess } from "../../main/ssh/pool";
import type { ResolvedLogin } from "../../main/ssh/resolved-login";
import { freePort } from "../lab/free-port";
import { startSshd, systemSshd, type Sshd, type SshdOptions } from "../lab/sshd";
import { createPerson, loginTo, outcomeOf, refusalOf } from "./person";

const inCi = process.env.CI === "true";
const isRoot = process.getuid?.() === 0;
const address = "127.0.0.1";

describe.skipIf(systemSshd() === null && !inCi)("logins by key on a real sshd", () => {
  let directory: string;
  let sshd: Sshd;
  let agent: { process: ChildProcess; socket: string };

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-logins-"));
    for (const name of ["authority", "stranger", "id"]) makeKey(name, "ed25519");
    for (const type of ["ed25519", "ecdsa", "rsa"]) makeKey(`certified_${type}`, type);
    sshd = await start("sshd", [
      `TrustedUserCAKeys ${join(directory, "authority.pub")}`,
      "MaxAuthTries 4",
      "PubkeyAcceptedAlgorithms -ssh-rsa,ssh-rsa-cert-v01@openssh.com",
    ]);
    agent = await startAgent(join(directory, "agent.sock"));
  });
  afterAll(async () => {
    agent.process.kill();
    await sshd.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function start(name: string, config: readonly string[], more: Partial<SshdOptions> = {}): Promise<Sshd> {
    const authorizedKeys = [readFileSync(join(directory, "id.pub"), "utf8").trim()];
    const port = await freePort([address]);
    const shared = ["MaxStartups 100"];
    return startSshd({
      directory: join(directory, name),
      address,
      port,
      authorizedKeys,
      ...more,
      config: [...config, ...shared],
    });
  }
  function makeKey(name: string, type: string): string {
    const path = join(directory, name);
    execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", name, "-f", path]);
    return path;
  }
  const add = (...words: readonly string[]): unknown =>
    execFileSync("ssh-add", ["-q", ...words], { env: { ...process.env, SSH_AUTH_SOCK: agent.socket }, stdio: "pipe" });
  const file = (name: string): string => join(directory, name);
  const login = (said: Partial<ResolvedLogin>, to = sshd): ResolvedLogin =>
    loginTo(to.port, { userKnownHostsFiles: [file("known_hosts")], ...said });

  describe("by agent", () => {
    it("offers the agent's keys, of every kind it can sign with", async () => {
      add("-D");
      add(file("id"));
      const byAgent = login({ identityAgent: agent.socket, identitiesOnly: false });
      expect(await outcomeOf(byAgent)).toBe("connected");
    });

    it("offers only the configured keys where IdentitiesOnly says so, also when only their public half is here", async () => {
      add("-D");
      for (const name of ["certified_rsa", "certified_ecdsa", "certified_ed25519", "stranger", "id"]) add(file(name));
      writeFileSync(file("half.pub"), readFileSync(file("id.pub")));
      const all = login({ identityAgent: agent.socket, identitiesOnly: false });
      expect((await refusalOf(all)).kind).toMatch(/login-(ended|refused)/);
      const chosen = { identityAgent: agent.socket, identitiesOnly: true } as const;
      expect(await outcomeOf(login({ ...chosen, identityFiles: [file("half")] }))).toBe("connected");
      expect(await outcomeOf(login({ ...chosen, identityFiles: [file("half.pub")] }))).toBe("connected");
    });

    it("logs in with a certificate that the agent holds", async () => {
      for (const type of ["ed25519", "ecdsa", "rsa"]) {
        add("-D");
        const key = makeKey(`agent_${type}`, type);
        certify(key, "-n", user);
        add(key);
        rmSync(`${key}-cert.pub`);
        expect([type, await outcomeOf(login({ identityAgent: agent.socket, identitiesOnly: false }))]).toEqual([
          type,
          "connected",
        ]);
      }
    });

    it("goes on with key files where the agent is gone, locked or refuses", async () => {
      const withKey = { identityFiles: [file("id")], identitiesOnly: false } as const;
      expect(await outcomeOf(login({ ...withKey, identityAgent: file("nowhere.sock") }))).toBe("connected");
      const mute = createServer((socket) => socket.end()).listen(file("mute.sock"));
      expect(await outcomeOf(login({ ...withKey, identityAgent: file("mute.sock") }))).toBe("connected");
      mute.close();
    });
  });

  const user = execFileSync("id", ["-un"], { encoding: "utf8" }).trim();

  function certify(key: string, ...words: readonly string[]): void {
    execFileSync("ssh-keygen", ["-q", "-s", file("authority"), "-I", "somebody", ...words, `${key}.pub`]);
  }

  describe("by certificate", () => {
    it("logs in with a user certificate beside its key: ed25519, ecdsa, rsa", async () => {
      for (const type of ["ed25519", "ecdsa", "rsa"]) {
        const key = file(`certified_${type}`);
        certify(key, "-n", user, "-V", "+1h");
        expect([type, await outcomeOf(login({ identityFiles: [key] }))]).toEqual([type, "connected"]);
      }
    });

    const problems = [
      {
        title: "says that a certificate has expired",
        kind: "certificate-expired",
        words: ["-n", user, "-V", "-2h:-1h"],
      },
      {
        title: "says that a certificate is not valid yet",
        kind: "certificate-not-yet-valid",
        words: ["-n", user, "-V", "+1h:+2h"],
      },
      {
        title: "says for whom a certificate is good",
        kind: "certificate-other-accounts",
        words: ["-n", "somebody-else"],
      },
      { title: "says that a certificate is a host's", kind: "certificate-not-for-users", words: ["-h", "-n", user] },
    ];
    for (const { title, kind, words } of problems)
      it(title, async () => {
        const key = file("certified_ed25519");
        certify(key, ...words);
        const error = await refusalOf(login({ identityFiles: [key] }));
        expect([error.kind, error.facts.keyId]).toEqual([kind, "somebody"]);
      });

    it("tells from an hour before its end until when the certificate that logged in is good", async () => {
      const key = file("certified_ed25519");
      const lastsMinutes = { "+30m": 30, "+3h": 180 };
      for (const [validity, minutes] of Object.entries(lastsMinutes)) {
        certify(key, "-n", user, "-V", validity);
        const findings = await certificateFindings(login({ identityFiles: [key] }));
        const wanted = minutes < 60 ? [expect.closeTo(Date.now() + minutes * 60_000, -6) as number] : [];
        expect(findings.map(({ facts }) => facts.until)).toEqual(wanted);
      }
      expect(await certificateFindings(login({ identityFiles: [file("id")] }))).toEqual([]);
    });

    it("falls back to the plain key where the certificate is refused", async () => {
      certify(file("id"), "-n", "somebody-else");
      expect(await outcomeOf(login({ identityFiles: [file("id")] }))).toBe("connected");
      rmSync(file("id-cert.pub"));
    });
  });

  it.skipIf(!isRoot && !inCi)("refuses root where PermitRootLogin says no", async () => {
    const rootless = await start("rootless-sshd", ["PermitRootLogin no"]);
    const { kind } = await refusalOf(login({ identityFiles: [file("id")] }, rootless));
    await rootless.stop();
    expect(kind).toBe("login-refused");
  });

  it("says what the server takes when every key is refused", async () => {
    const { kind, facts } = await refusalOf(login({ identityFiles: [file("stranger")] }));
    expect([kind, facts.methods]).toEqual(["login-refused", "publickey"]);
  });

  it("shows what the server says before a login once, made inert and bounded", async () => {
    writeFileSync(file("banner"), `Authorised use only\u001b[2J\u202e\npassword: \n${"x".repeat(30_000)}\n`);
    const strict = await start("banner-sshd", [`Banner ${file("banner")}`]);
    const { facts } = await refusalOf(login({ identityFiles: [file("stranger")] }, strict));
    await strict.stop();
    const said = String(facts.said);
    expect(said).toMatch(/^Authorised use only\\u\{1b\}\[2J\\u\{202e\}\npassword: \nx+$/);
    expect(said.length).toBeLessThanOrEqual(16_384);
  });

  it("survives a greeting of 8 MiB before the handshake", async () => {
    // A fake: no real server greets like this.
    const flood = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.write(`${"noise ".repeat(20)}\r\n`.repeat(70_000));
    });
    await new Promise<void>((resolve) => flood.listen(0, address, resolve));
    const bound = flood.address();
    const port = bound !== null && typeof bound === "object" ? bound.port : 0;
    expect(await outcomeOf(loginTo(port, { userKnownHostsFiles: [file("known_hosts")] }))).toBe("not-ssh");
    flood.close();
  });

  it("asks through a fake server's rounds of prompts, shows them as they stand, and answers none by itself", async () => {
    const rounds = [
      [{ prompt: "Password for the vault:", echo: false }],
      [],
      [
        { prompt: "Token \u001b[31m", echo: true },
        { prompt: "x".repeat(20_000), echo: false },
      ],
    ];
    const server = await fakeServer(rounds, (replies) => replies.join("|") === "one||two|three");
    const replies: Answer[] = [
      { kind: "replies", replies: ["one"] },
      { kind: "replies", replies: ["two", "three"] },
    ];
    const person = createPerson(() => replies.shift() ?? { kind: "refuse" });
    const asked = loginTo(server.port, { userKnownHostsFiles: [file("fake_known_hosts")] });
    expect(await outcomeOf(asked, { asker: person })).toBe("connected");
    const shown = person.asked.flatMap((question) => (question.kind === "prompts" ? question.prompts : []));
    expect(shown.map(({ text, echo }) => [text.length, echo])).toEqual([
      [23, false],
      [11, true],
      [1_000, false],
    ]);
    server.close();
  });

  it("ends a login that asks without end", async () => {
    const server = await fakeServer(
      Array.from({ length: 40 }, () => [{ prompt: "More:", echo: true }]),
      () => false,
    );
    const person = createPerson(() => ({ kind: "replies", replies: ["again"] }));
    const asked = loginTo(server.port, { userKnownHostsFiles: [file("fake_known_hosts_2")] });
    expect(await outcomeOf(asked, { asker: person })).toBe("login-ended");
    expect(person.asked.length).toBeLessThanOrEqual(12);
    server.close();
  });

  /** A fake: ssh2's own server, which can ask for whatever a test wants. */
  async function fakeServer(
    rounds: readonly { prompt: string; echo: boolean }[][],
    isRight: (replies: readonly string[]) => boolean,
  ): Promise<{ port: number; close: () => void }> {
    const server = new ssh2.Server({ hostKeys: [readFileSync(join(sshd.directory, "host_ed25519"))] }, (client) => {
      client.on("error", () => undefined);
      client.on("authentication", (context) => {
        if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"]);
        const given: string[] = [];
        const next = (at: number): void => {
          const prompts = rounds[at];
          if (prompts === undefined) return isRight(given) ? context.accept() : context.reject();
          context.prompt(prompts, (answers) => {
            given.push(...(prompts.length === 0 ? [""] : answers));
            next(at + 1);
          });
        };
        next(0);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    const bound = server.address() as { port: number };
    return { port: bound.port, close: () => void server.close() };
  }
});

async function startAgent(socket: string): Promise<{ process: ChildProcess; socket: string }> {
  const process = spawn("ssh-agent", ["-D", "-a", socket], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => process.stdout.once("data", resolve));
  return { process, socket };
}

/** What is found of the certificate of a login, read through it as a cycle reads a host. */
async function certificateFindings(resolved: ResolvedLogin): Promise<readonly Sighting[]> {
  const access = createAccess({
    clock: systemClock,
    random: Math.random,
    newNonce: randomUUID,
    asker: createPerson(),
    hostKeys: hostKeyCheck,
    resolve: () => Promise.resolve(resolved),
  });
  access.know("node", { host: "node" });
  try {
    await access.node("node").ready();
    const take = createTakeReadings({ clock: systemClock, wire: {} as never });
    return await hostEngine.open(async (engine) => {
      const { members } = await gather(
        { access, take },
        engine,
        [{ member: "node", node: "node", settings: {} }],
        null,
      );
      const rule = engine.health.find(({ code }) => code === "linux/LoginCertificateEnds");
      return rule?.find(engine.snapshot(members)) ?? [];
    });
  } finally {
    await access.close();
  }
}
