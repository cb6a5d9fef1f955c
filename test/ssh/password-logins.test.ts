import { execFileSync } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../main/clock";
import type { ResolvedLogin } from "../../main/ssh/resolved-login";
import { createSessionSecrets } from "../../main/ssh/session-secrets";
import { createShellWorker } from "../../main/ssh/shell-worker";
import { SshError } from "../../main/ssh/ssh-error";
import { freePort } from "../lab/free-port";
import { startSshd, systemSshd, type Sshd } from "../lab/sshd";
import { connectTo, createPerson, kindsOf, loginTo, outcomeOf, refusalOf, secret } from "./person";

/** Real accounts and real PAM rules, which only root can make; they are taken away again at the end. */
const isRoot = process.getuid?.() === 0;
const address = "127.0.0.1";

describe.skipIf(!isRoot && process.env.CI !== "true")("logins by password on a real sshd with PAM", () => {
  const accounts = ["evk-plain", "evk-otp", "evk-expired", "evk-gone", "evk-nologin", "evk-locked"] as const;
  const password = "correct horse";
  const otpSecret = "3132333435363738393031323334353637383930";
  let directory: string;
  let pam: Sshd;
  let otherPam: Sshd;
  let twoFactor: Sshd;
  let keyAndCode: Sshd;
  const servers: Sshd[] = [];
  const services: string[] = [];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-pam-"));
    chmodSync(directory, 0o755);
    // Left behind by a run that was ended by force.
    removeAccounts();
    for (const account of accounts) {
      execFileSync("useradd", ["--no-create-home", "--home-dir", "/", "--shell", "/bin/sh", account]);
      execFileSync("chpasswd", [], { input: `${account}:${password}\n` });
    }
    execFileSync("chage", ["-d", "0", "evk-expired"]);
    execFileSync("chage", ["-E", "1", "evk-gone"]);
    execFileSync("usermod", ["-s", "/usr/sbin/nologin", "evk-nologin"]);
    execFileSync("usermod", ["-L", "evk-locked"]);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(directory, "id")]);
    writeFileSync(join(directory, "users.oath"), `HOTP evk-otp - ${otpSecret}\n`, { mode: 0o600 });
    const others = Array.from({ length: 12 }, (_, index) => `ListenAddress 127.0.0.${index + 2}`);
    const plain = ["auth required pam_unix.so"];
    const oath = [...plain, `auth required pam_oath.so usersfile=${join(directory, "users.oath")} window=20 digits=6`];
    pam = await start("plain", plain, ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes", ...others]);
    otherPam = await start("other", plain, ["KbdInteractiveAuthentication yes", ...others]);
    twoFactor = await start("code", oath, ["KbdInteractiveAuthentication yes"]);
    keyAndCode = await start("both", oath, [
      "KbdInteractiveAuthentication yes",
      "AuthenticationMethods publickey,keyboard-interactive",
    ]);
  });

  afterAll(async () => {
    for (const server of servers) await server.stop();
    for (const service of services) rmSync(service, { force: true });
    removeAccounts();
    rmSync(directory, { recursive: true, force: true });
  });

  /** PAM finds its rules by the program's name, so each server runs under a name, and with rules, of its own. */
  async function start(name: string, auth: readonly string[], config: readonly string[]): Promise<Sshd> {
    const program = join(directory, `evk-sshd-${process.pid}-${name}`);
    symlinkSync(systemSshd() ?? "", program);
    const service = `/etc/pam.d/evk-sshd-${process.pid}-${name}`;
    const rest = ["account required pam_unix.so", "password required pam_unix.so", "session required pam_permit.so"];
    writeFileSync(service, [...auth, ...rest, ""].join("\n"));
    services.push(service);
    const home = join(directory, name);
    mkdirSync(home, { mode: 0o755 });
    const server = await startSshd({
      directory: home,
      address,
      port: await freePort([address]),
      authorizedKeys: [readFileSync(join(directory, "id.pub"), "utf8").trim()],
      program,
      config: ["UsePAM yes", "MaxStartups 200", "MaxAuthTries 6", ...config],
    });
    servers.push(server);
    return server;
  }

  function removeAccounts(): void {
    const passwd = readFileSync("/etc/passwd", "utf8");
    for (const account of accounts)
      if (passwd.includes(`\n${account}:`)) execFileSync("userdel", [account], { stdio: "ignore" });
  }

  const login = (server: Sshd, user: string, said: Partial<ResolvedLogin> = {}): ResolvedLogin =>
    loginTo(server.port, { user, userKnownHostsFiles: [join(directory, "known_hosts")], ...said });
  const withKey = (): Partial<ResolvedLogin> => ({ identityFiles: [join(directory, "id")] });

  it("logs in with a password, asked for once a session for each host", async () => {
    const person = createPerson(() => secret(password));
    const secrets = createSessionSecrets();
    for (let round = 0; round < 2; round += 1)
      expect(await outcomeOf(login(pam, "evk-plain"), { asker: person, secrets })).toBe("connected");
    expect(kindsOf(person)).toEqual(["password"]);
  });

  it("sends a password to another host only where the person said so", async () => {
    for (const keep of [false, true]) {
      const person = createPerson(() => secret(password, keep));
      const secrets = createSessionSecrets();
      for (const hostName of ["127.0.0.2", "127.0.0.3", "127.0.0.4"])
        await outcomeOf(login(pam, "evk-plain", { hostName }), { asker: person, secrets });
      expect(kindsOf(person)).toEqual(keep ? ["password"] : ["password", "password", "password"]);
    }
  });

  it("tries a wrong password twice in all, however many hosts there are, and waits for the person", async () => {
    const failed = (): number =>
      `${pam.log()}${otherPam.log()}`.split(/Failed (?:password|keyboard-interactive\/pam) for/).length - 1;
    const before = failed();
    const person = createPerson(() => secret("wrong", true));
    const secrets = createSessionSecrets();
    const hosts = [pam, otherPam].flatMap((server) =>
      Array.from({ length: 12 }, (_, index) => login(server, "evk-plain", { hostName: `127.0.0.${index + 2}` })),
    );
    const fleet = (): Promise<readonly string[]> =>
      Promise.all(hosts.map((host) => outcomeOf(host, { asker: person, secrets })));
    const first = await fleet();
    const second = await fleet();
    expect([failed() - before, kindsOf(person).length]).toEqual([2, 2]);
    expect(new Set([...first, ...second])).toEqual(new Set(["password-stopped"]));
    expect(secrets.stopped()).toEqual([{ user: "evk-plain", refusals: 2 }]);
    secrets.askAgain();
    const right = createPerson(() => secret(password, true));
    expect(await outcomeOf(login(pam, "evk-plain"), { asker: right, secrets })).toBe("connected");
  });

  it("asks nobody else for a password the person would not give", async () => {
    const person = createPerson(() => ({ kind: "refuse" }));
    const secrets = createSessionSecrets();
    const hosts = ["127.0.0.2", "127.0.0.3"].map((hostName) => login(pam, "evk-plain", { hostName }));
    const outcomes = await Promise.all(hosts.map((host) => outcomeOf(host, { asker: person, secrets })));
    expect(outcomes.sort()).toEqual(["login-cancelled", "password-stopped"]);
    expect(kindsOf(person)).toEqual(["password"]);
  });

  it("asks for a password and then a one-time code, as the server puts it", async () => {
    const person = createPerson((question) =>
      question.kind === "password" ? secret(password) : { kind: "replies", replies: [code(0)] },
    );
    expect(await outcomeOf(login(twoFactor, "evk-otp"), { asker: person })).toBe("connected");
    expect(person.asked.map((question) => (question.kind === "prompts" ? question.prompts : question.kind))).toEqual([
      "password",
      [{ text: "One-time password (OATH) for `evk-otp': ", echo: false }],
    ]);
  });

  it("goes on with what a server asks after a key: a password and a one-time code", async () => {
    const person = createPerson((question) =>
      question.kind === "password" ? secret(password) : { kind: "replies", replies: [code(1)] },
    );
    expect(await outcomeOf(login(keyAndCode, "evk-otp", withKey()), { asker: person })).toBe("connected");
    expect(kindsOf(person)).toEqual(["password", "prompts"]);
  });

  it("says that an account has expired, in the server's own words", async () => {
    const error = await refusalOf(login(pam, "evk-gone", withKey()));
    expect(error.kind).toBe("login-ended");
    expect(error.facts.said).toMatch(/account has expired/);
  });

  it("says that a password has expired, however the login was made", async () => {
    const expired = login(pam, "evk-expired", withKey());
    expect(await shellOutcome(expired)).toBe("password-expired");
  });

  it("says that an account has no shell", async () => {
    expect(await shellOutcome(login(pam, "evk-nologin", withKey()))).toBe("account-unusable");
  });

  async function shellOutcome(asked: ResolvedLogin): Promise<string> {
    const connection = await connectTo(asked);
    const parts = {
      node: "node",
      clock: systemClock,
      newNonce: randomUUID,
      onIdle: () => undefined,
      onAbandoned: () => undefined,
    };
    const worker = createShellWorker(await connection.openShell(), parts);
    const error: unknown = await worker.read(":", { deadlineMs: 5_000, maxBytes: 1_000 }).catch((one: unknown) => one);
    connection.close();
    return error instanceof SshError ? error.kind : "it answered";
  }

  it("refuses the login of a locked account", async () => {
    const person = createPerson(() => secret(password));
    const error = await refusalOf(login(pam, "evk-locked"), { asker: person });
    expect(["login-refused", "password-stopped"]).toContain(error.kind);
  });

  it("keeps no secret in an error", async () => {
    const person = createPerson(() => secret("my secret passphrase"));
    const error = await refusalOf(login(pam, "evk-plain"), { asker: person });
    expect(JSON.stringify([error.message, error.stack, error.facts, error.cause])).not.toContain(
      "my secret passphrase",
    );
  });

  it("overwrites the secrets it held when it is closed", async () => {
    const secrets = createSessionSecrets();
    const held = Buffer.from(password);
    secrets.given("evk-plain", "host", { bytes: held, judged: undefined }, true);
    secrets.wipe();
    expect(held.every((byte) => byte === 0)).toBe(true);
    expect((await secrets.turn("evk-plain", "host")).read().known).toBeNull();
  });

  /** A one-time code by counter (RFC 4226). */
  function code(counter: number): string {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(counter));
    const digest = createHmac("sha1", Buffer.from(otpSecret, "hex")).update(bytes).digest();
    const at = (digest[digest.length - 1] ?? 0) & 15;
    return String((digest.readUInt32BE(at) & 0x7fff_ffff) % 1_000_000).padStart(6, "0");
  }
});
