import { execFile, execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostKeyCheck, HostKeyVerdict } from "../../main/ssh/host-key-check";
import { createHostVerifier } from "../../main/ssh/host-verifier";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import type { ResolvedLogin } from "../../main/ssh/resolved-login";
import type { SshError } from "../../main/ssh/ssh-error";
import { freePort } from "../lab/free-port";
import { startSshd, systemSshd, type Sshd } from "../lab/sshd";
import { connectTo, createPerson, kindsOf, loginTo, outcomeOf, refusalOf } from "./person";

describe.skipIf(systemSshd() === null && process.env.CI !== "true")("host keys, as OpenSSH judges them", () => {
  let directory: string;
  let sshd: Sshd;
  let twin: Sshd;
  let identityFiles: readonly string[];
  const strangers: Record<string, string> = {};
  let files = 0;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-host-keys-"));
    const identity = makeKey("id", "ed25519");
    identityFiles = [identity];
    for (const type of ["ed25519", "rsa", "ecdsa"]) strangers[type] = publicOf(makeKey(`stranger_${type}`, type));
    const authorizedKeys = [publicOf(identity)];
    const shared = {
      address: "127.0.0.1",
      authorizedKeys,
      config: ["RekeyLimit 1M", "MaxStartups 100", "LogLevel DEBUG1"],
    };
    sshd = await startSshd({ ...shared, directory: join(directory, "one"), port: await freePort(["127.0.0.1"]) });
    twin = await startSshd({
      ...shared,
      directory: join(directory, "two"),
      port: await freePort(["127.0.0.1"]),
      hostKeyTypes: ["ed25519", "ecdsa", "rsa"],
    });
  });

  afterAll(async () => {
    await sshd.stop();
    await twin.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function makeKey(name: string, type: string): string {
    const path = join(directory, name);
    execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "", "-f", path]);
    return path;
  }
  const publicOf = (path: string): string => readFileSync(`${path}.pub`, "utf8").trim();
  const exchangesOf = (server: Sshd): number => server.log().split("SSH2_MSG_NEWKEYS received").length - 1;
  const keyOf = (server: Sshd, type: string): string => server.hostKeys.find((line) => line.startsWith(type)) ?? "";

  function knownHosts(...lines: readonly string[]): string {
    const path = join(directory, `known_hosts_${(files += 1)}`);
    writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
    return path;
  }

  function login(server: Sshd, file: string, said: Partial<ResolvedLogin> = {}): ResolvedLogin {
    return loginTo(server.port, { identityFiles, userKnownHostsFiles: [file], strictHostKeyChecking: "yes", ...said });
  }

  /** Whether the real client connects with the same files; what it does in BatchMode, where nobody is asked. */
  function realSsh(server: Sshd, file: string, mode: string): Promise<boolean> {
    const options = [
      ["UserKnownHostsFile", file],
      ["GlobalKnownHostsFile", "/dev/null"],
      ["StrictHostKeyChecking", mode],
      ["BatchMode", "yes"],
      ["IdentityAgent", "none"],
      ["IdentitiesOnly", "yes"],
      ["IdentityFile", identityFiles[0] ?? ""],
    ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    const words = ["-F", "none", ...options, "-p", String(server.port), `${userInfo().username}@127.0.0.1`, "true"];
    return new Promise((resolve) => execFile("ssh", words, (error) => resolve(error === null)));
  }

  describe("the 20 cells of mode and key", () => {
    const states = ["new", "same", "changed", "revoked", "other type"] as const;
    /** `no` in a config is read as `ask`: stricter than ssh, which connects, on purpose. */
    const stricter = new Set(["no new", "no changed", "no revoked", "no other type"]);
    const modes = [
      { title: "StrictHostKeyChecking yes", mode: "yes" },
      { title: "StrictHostKeyChecking ask", mode: "ask" },
      { title: "StrictHostKeyChecking accept-new", mode: "accept-new" },
      { title: "StrictHostKeyChecking no", mode: "no" },
    ] as const;
    for (const { title, mode } of modes)
      for (const state of states)
        it(`${title}, key ${state}: as ssh does${stricter.has(`${mode} ${state}`) ? ", and stricter" : ""}`, async () => {
          const host = `[127.0.0.1]:${sshd.port}`;
          const own = `${host} ${keyOf(sshd, "ssh-ed25519")}`;
          const lines = {
            new: [],
            same: [own],
            changed: [`${host} ${strangers.ed25519}`],
            revoked: [own, `@revoked * ${keyOf(sshd, "ssh-ed25519")}`],
            "other type": [`${host} ${strangers.rsa}`],
          }[state];
          const theirs = await realSsh(sshd, knownHosts(...lines), mode);
          const person = createPerson();
          const strictHostKeyChecking = mode === "no" ? "ask" : mode;
          const ours = await outcomeOf(login(sshd, knownHosts(...lines), { strictHostKeyChecking }), { asker: person });
          const isStricter = stricter.has(`${mode} ${state}`);
          expect([ours === "connected", theirs]).toEqual(isStricter ? [false, true] : [theirs, theirs]);
          const refused = {
            new: "host-key-unknown",
            same: "",
            changed: "host-key-changed",
            revoked: "host-key-revoked",
            "other type": "host-key-changed",
          };
          if (ours !== "connected") expect(ours).toBe(refused[state]);
          expect(kindsOf(person)).toEqual(
            state === "new" && strictHostKeyChecking === "ask" ? ["host-key-unknown"] : [],
          );
        });
  });

  describe("a check that does not prove the key", () => {
    const verdicts: readonly (readonly [string, () => unknown])[] = [
      ["false", () => false],
      ["true", () => true],
      ["null", () => null],
      ["undefined", () => undefined],
      ["zero", () => 0],
      ["an empty text", () => ""],
      ["the word match", () => "match"],
      ["an error as a value", () => new Error("no")],
      ["a promise of false", () => Promise.resolve(false)],
      ["a promise of a match-like list", () => Promise.resolve(["match"])],
      ["an unknown verdict", () => Promise.resolve({ kind: "perhaps" })],
      ["a refusing verdict", () => Promise.resolve({ kind: "unknown", fingerprint: "", keyType: "" })],
      ["a throw", () => raise(new Error("broken"))],
      ["a rejection", () => Promise.reject(new Error("broken"))],
      ["a store that cannot be read", () => Promise.reject(Object.assign(new Error("EIO"), { code: "EIO" }))],
    ];
    for (const [name, verify] of verdicts)
      it(`lets nobody in: ${name}`, async () => {
        const hostKeys = { offerOrder: hostKeyCheck.offerOrder, verify } as unknown as HostKeyCheck;
        expect(await outcomeOf(login(sshd, knownHosts()), { hostKeys })).toMatch(/^host-key-/);
      });

    it("lets nobody in: a check that never answers", async () => {
      const hostKeys: HostKeyCheck = { ...hostKeyCheck, verify: () => new Promise(() => undefined) };
      const hasty = login(sshd, knownHosts(), { connectTimeoutMs: -14_500 });
      expect(await outcomeOf(hasty, { hostKeys })).toBe("silent");
    });

    it("answers with exactly true or exactly false, and once", async () => {
      const answers: unknown[] = [];
      for (const verdict of [
        { kind: "match" },
        { kind: "unknown", fingerprint: "", keyType: "" },
      ] as HostKeyVerdict[]) {
        const check: HostKeyCheck = { ...hostKeyCheck, verify: () => Promise.resolve(verdict) };
        const verifier = createHostVerifier(login(sshd, ""), check, createPerson(), () => undefined);
        expect(await new Promise((resolve) => answers.push(verifier(Buffer.from("key"), resolve)))).toBe(
          verdict.kind === "match",
        );
      }
      expect(answers).toEqual([undefined, undefined]);
    });

    it("refuses another key at a rekey", async () => {
      const check: HostKeyCheck = { ...hostKeyCheck, verify: () => Promise.resolve({ kind: "match" }) };
      const refusals: SshError[] = [];
      const verifier = createHostVerifier(login(sshd, ""), check, createPerson(), (error) => refusals.push(error));
      await new Promise((resolve) => verifier(Buffer.from("key"), resolve));
      let accepted: boolean | null = null;
      verifier(Buffer.from("other"), (answer) => (accepted = answer));
      expect([accepted, refusals.map(({ kind }) => kind)]).toEqual([false, ["host-key-unchecked"]]);
    });
  });

  it("is asked nothing at a rekey, and loses no byte to it", async () => {
    let checks = 0;
    const hostKeys: HostKeyCheck = {
      ...hostKeyCheck,
      verify: (...asked) => {
        checks += 1;
        return hostKeyCheck.verify(...asked);
      },
    };
    const person = createPerson(() => ({ kind: "accept" }));
    const asking = login(sshd, knownHosts(), { strictHostKeyChecking: "ask" });
    const connection = await connectTo(asking, { asker: person, hostKeys });
    const exchangedBefore = exchangesOf(sshd);
    const shell = await connection.openShell();
    const bytes = await new Promise<number>((resolve) => {
      let count = 0;
      shell.on("data", (chunk: Buffer) => (count += chunk.length)).on("close", () => resolve(count));
      shell.end("exec head -c 20000000 /dev/zero\n");
    });
    connection.close();
    expect([bytes, checks, kindsOf(person)]).toEqual([20_000_000, 1, ["host-key-unknown"]]);
    expect(exchangesOf(sshd) - exchangedBefore).toBeGreaterThan(10);
  });

  it("connects silently to a host known by one of its keys, whichever type it is", async () => {
    for (const type of ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"]) {
      const file = knownHosts(`[127.0.0.1]:${twin.port} ${keyOf(twin, type)}`);
      expect([type, await outcomeOf(login(twin, file)), await realSsh(twin, file, "yes")]).toEqual([
        type,
        "connected",
        true,
      ]);
    }
  });

  it("refuses the swapped keys of two targets behind one bastion", async () => {
    const bastion = login(sshd, knownHosts(`[127.0.0.1]:${sshd.port} ${keyOf(sshd, "ssh-ed25519")}`));
    const other = await startSshd({
      directory: join(directory, "three"),
      address: "127.0.0.1",
      port: await freePort(["127.0.0.1"]),
      authorizedKeys: [publicOf(identityFiles[0] ?? "")],
    });
    const own = [twin, other].map((server) => `[127.0.0.1]:${server.port} ${keyOf(server, "ssh-ed25519")}`);
    const swapped = [
      `[127.0.0.1]:${twin.port} ${keyOf(other, "ssh-ed25519")}`,
      `[127.0.0.1]:${other.port} ${keyOf(twin, "ssh-ed25519")}`,
    ];
    const outcomes = async (lines: readonly string[]): Promise<readonly string[]> =>
      Promise.all([twin, other].map((server) => outcomeOf(login(server, knownHosts(...lines), { jumps: [bastion] }))));
    expect(await outcomes(own)).toEqual(["connected", "connected"]);
    expect(await outcomes(swapped)).toEqual(["host-key-changed", "host-key-changed"]);
    await other.stop();
  });

  it("files a host under its HostKeyAlias, and under [name]:port where it has none", async () => {
    const file = knownHosts();
    const said = { strictHostKeyChecking: "accept-new" } as const;
    await outcomeOf(login(sshd, file, said));
    await outcomeOf(login(sshd, file, { ...said, hostKeyAlias: "Db-1" }));
    const key = keyOf(sshd, "ssh-ed25519");
    expect(readFileSync(file, "utf8")).toBe(`[127.0.0.1]:${sshd.port} ${key}\ndb-1 ${key}\n`);
  });

  it("takes a key known without the port, as ssh does, and no other", async () => {
    const same = knownHosts(`127.0.0.1 ${keyOf(sshd, "ssh-ed25519")}`);
    const other = knownHosts(`127.0.0.1 ${strangers.ed25519}`);
    expect([await outcomeOf(login(sshd, same)), await realSsh(sshd, same, "yes")]).toEqual(["connected", true]);
    expect([await outcomeOf(login(sshd, other)), await realSsh(sshd, other, "yes")]).toEqual([
      "host-key-unknown",
      false,
    ]);
  });

  it("reads user and global files together, and a revoked line in either overrules all", async () => {
    const own = `[127.0.0.1]:${sshd.port} ${keyOf(sshd, "ssh-ed25519")}`;
    const revoked = `@revoked * ${keyOf(sshd, "ssh-ed25519")}`;
    const outcome = (user: string, global: string): Promise<string> =>
      outcomeOf(login(sshd, user, { globalKnownHostsFiles: [global] }));
    expect(await outcome(knownHosts(), knownHosts(own))).toBe("connected");
    expect(await outcome(knownHosts(own), knownHosts(revoked))).toBe("host-key-revoked");
    expect(await outcome(knownHosts(revoked), knownHosts(own))).toBe("host-key-revoked");
  });

  it("never takes a @cert-authority line for a host's own key", async () => {
    const file = knownHosts(`@cert-authority * ${keyOf(sshd, "ssh-ed25519")}`);
    for (const strictHostKeyChecking of ["yes", "ask", "accept-new"] as const)
      expect(await outcomeOf(login(sshd, file, { strictHostKeyChecking }))).toBe("host-certificate-needed");
    expect(await realSsh(sshd, file, "yes")).toBe(false);
  });

  it("names the system's ssh where a host shows certificates only", async () => {
    const certified = await startSshd({
      directory: join(directory, "certified"),
      address: "127.0.0.1",
      port: await freePort(["127.0.0.1"]),
      authorizedKeys: [],
      config: certificateOnly(join(directory, "certified")),
    });
    const error = await refusalOf(login(certified, knownHosts()));
    await certified.stop();
    expect([error.kind, error.facts.hop]).toEqual(["host-certificate-needed", error.node]);
  });

  function certificateOnly(home: string): readonly string[] {
    mkdirSync(home);
    const key = join(home, "certified");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    execFileSync("ssh-keygen", ["-q", "-s", identityFiles[0] ?? "", "-I", "x", "-h", "-n", "127.0.0.1", `${key}.pub`]);
    const algorithm = "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com";
    return [algorithm, `HostKey ${key}`, `HostCertificate ${key}-cert.pub`];
  }

  it("refuses to connect where known_hosts cannot be read", async () => {
    const closed = join(directory, "a-directory");
    mkdirSync(closed);
    const error = await refusalOf(login(sshd, closed));
    expect([error.kind, error.facts.file]).toEqual(["known-hosts-unusable", closed]);
  });

  it("refuses a new key it could not write down", async () => {
    const closed = join(directory, "closed");
    writeFileSync(closed, "");
    chmodSync(closed, 0o400);
    const missing = join(closed, "known_hosts");
    const error = await refusalOf(login(sshd, missing, { strictHostKeyChecking: "accept-new" }));
    expect(error.kind).toBe("known-hosts-unusable");
  });

  it("says both fingerprints and where the known one stands when a key has changed", async () => {
    const file = knownHosts("# mine", `[127.0.0.1]:${sshd.port} ${strangers.ed25519}`);
    const { facts } = await refusalOf(login(sshd, file));
    const fingerprints = (line: string): string =>
      execFileSync("ssh-keygen", ["-l", "-f", "-"], { input: `${line}\n`, encoding: "utf8" }).split(" ")[1] ?? "";
    expect(facts).toEqual({
      fingerprint: fingerprints(keyOf(sshd, "ssh-ed25519")),
      keyType: "ssh-ed25519",
      known: fingerprints(strangers.ed25519 ?? ""),
      knownType: "ssh-ed25519",
      where: `${file}:2`,
    });
  });
});

function raise(error: Error): never {
  throw error;
}
