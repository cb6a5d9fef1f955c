import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readKeyFile } from "../../main/ssh/key-file";
import { createSessionSecrets } from "../../main/ssh/session-secrets";
import { freePort } from "../lab/free-port";
import { startSshd, systemSshd, type Sshd } from "../lab/sshd";
import { createPerson, kindsOf, loginTo, outcomeOf, refusalOf, secret } from "./person";
import { securityKeyFile } from "./security-key";

const passphrase = "päss phrase";
const hasPuttygen = existsSync("/usr/bin/puttygen");

const kinds = [
  { title: "ed25519 keys", type: "ed25519", bits: "256" },
  { title: "ecdsa keys on P-256", type: "ecdsa", bits: "256" },
  { title: "ecdsa keys on P-384", type: "ecdsa", bits: "384" },
  { title: "ecdsa keys on P-521", type: "ecdsa", bits: "521" },
  { title: "rsa keys, signing with SHA-2 alone", type: "rsa", bits: "2048" },
] as const;
const formats = [
  { title: "OpenSSH's format, with and without a passphrase", format: "RFC4716", types: ["ed25519", "ecdsa", "rsa"] },
  { title: "PEM, with and without a passphrase", format: "PEM", types: ["ecdsa", "rsa"] },
  { title: "PKCS#8, with and without a passphrase", format: "PKCS8", types: ["ecdsa", "rsa"] },
  {
    title: "PuTTY's format, version 2, with and without a passphrase",
    format: "ppk2",
    types: ["ed25519", "ecdsa", "rsa"],
  },
  {
    title: "PuTTY's format, version 3, with and without a passphrase",
    format: "ppk3",
    types: ["ed25519", "ecdsa", "rsa"],
  },
] as const;

describe.skipIf(systemSshd() === null && process.env.CI !== "true")("keys that real OpenSSH and PuTTY wrote", () => {
  let directory: string;
  let sshd: Sshd;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-keys-"));
    for (const { type, bits } of kinds)
      execFileSync("ssh-keygen", ["-q", "-t", type, "-b", bits, "-N", "", "-C", "c", "-f", at(type, bits)]);
    sshd = await startSshd({
      directory: join(directory, "sshd"),
      address: "127.0.0.1",
      port: await freePort(["127.0.0.1"]),
      authorizedKeys: kinds.map(({ type, bits }) => readFileSync(`${at(type, bits)}.pub`, "utf8").trim()),
      config: ["MaxStartups 100", "CASignatureAlgorithms -ssh-rsa", "PubkeyAcceptedAlgorithms -ssh-rsa,ssh-rsa-cert*"],
    });
  });
  afterAll(async () => {
    await sshd.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const at = (type: string, bits: string): string => join(directory, `id_${type}_${bits}`);

  /** The same key written anew in another format. The public half stays behind, so that nothing but the file tells of it. */
  function written(type: string, bits: string, format: string, sealed: boolean, ...more: readonly string[]): string {
    const path = join(directory, `${type}_${bits}_${format}_${sealed}_${more.join("")}`.replaceAll(/[^\w-]/g, ""));
    if (format.startsWith("ppk")) {
      const words = join(directory, "passphrase");
      writeFileSync(words, sealed ? passphrase : "");
      const version = ["--ppk-param", `version=${format.slice(3)}`];
      const how = ["-O", "private", ...version, "-o", path, "--new-passphrase", words];
      execFileSync("puttygen", [at(type, bits), ...how]);
      return path;
    }
    copyFileSync(at(type, bits), path);
    chmodSync(path, 0o600);
    execFileSync("ssh-keygen", [
      "-q",
      "-p",
      "-m",
      format,
      "-P",
      "",
      "-N",
      sealed ? passphrase : "",
      ...more,
      "-f",
      path,
    ]);
    return path;
  }

  for (const { title, type, bits } of kinds)
    for (const { title: formatTitle, format } of formats.filter(({ types }) => types.some((one) => one === type)))
      it.skipIf(format.startsWith("ppk") && !hasPuttygen && process.env.CI !== "true")(
        `${title} log in: ${formatTitle}`,
        async () => {
          for (const sealed of [false, true]) {
            const person = createPerson(() => secret(passphrase));
            const login = loginTo(sshd.port, { identityFiles: [written(type, bits, format, sealed)], ...knownHosts() });
            expect(await outcomeOf(login, { asker: person })).toBe("connected");
            expect(kindsOf(person)).toEqual(sealed ? ["passphrase"] : []);
          }
        },
      );

  const knownHosts = (): { userKnownHostsFiles: string[] } => ({
    userKnownHostsFiles: [join(directory, "known_hosts")],
  });

  it("opens every cipher that ssh-keygen can lock a key with", async () => {
    const ciphers = execFileSync("ssh", ["-Q", "cipher"], { encoding: "utf8" }).trim().split("\n");
    const opened: string[] = [];
    for (const cipher of ciphers) {
      const path = written("ed25519", "256", "RFC4716", true, "-Z", cipher, "-a", "2");
      const reading = await readKeyFile(readFileSync(path, "utf8"), Buffer.from(passphrase));
      const wrong = await readKeyFile(readFileSync(path, "utf8"), Buffer.from("wrong"));
      if (reading.kind === "key" && wrong.kind === "wrong-passphrase") opened.push(cipher);
    }
    expect(opened).toEqual(ciphers);
  });

  it("lets everything else have its turn while a passphrase is worked out", async () => {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    const files = [written("ed25519", "256", "RFC4716", true, "-a", "40")];
    if (hasPuttygen) files.push(written("ed25519", "256", "ppk3", true));
    for (const file of files) {
      let turns = 0;
      const counter = setInterval(() => (turns += 1), 1);
      delay.enable();
      expect((await readKeyFile(readFileSync(file, "utf8"), Buffer.from(passphrase))).kind).toBe("key");
      delay.disable();
      clearInterval(counter);
      expect(turns).toBeGreaterThan(10);
    }
    console.log(
      `keys: longest wait of anything else while passphrases were worked out: ${Math.round(delay.max / 1e6)} ms`,
    );
  });

  it("refuses a wrong passphrase after two tries, and asks for one that is right once for all hosts", async () => {
    const file = written("ecdsa", "384", "RFC4716", true);
    const login = loginTo(sshd.port, { identityFiles: [file], ...knownHosts() });
    const wrong = createPerson(() => secret("wrong"));
    expect(await outcomeOf(login, { asker: wrong })).toBe("passphrase-wrong");
    expect(kindsOf(wrong)).toEqual(["passphrase", "passphrase"]);
    const right = createPerson(() => secret(passphrase));
    const secrets = createSessionSecrets();
    const many = Array.from({ length: 6 }, () => outcomeOf(login, { asker: right, secrets }));
    expect([...(await Promise.all(many)), kindsOf(right)]).toEqual([...many.map(() => "connected"), ["passphrase"]]);
  });

  it("asks for a passphrase only when the server takes the key", async () => {
    const file = join(directory, "stranger");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-f", file]);
    const person = createPerson(() => secret(passphrase));
    expect(await outcomeOf(loginTo(sshd.port, { identityFiles: [file], ...knownHosts() }), { asker: person })).toBe(
      "login-refused",
    );
    expect(kindsOf(person)).toEqual([]);
  });

  it("names the system's ssh for a key in a security device", async () => {
    const file = join(directory, "id_ed25519_sk");
    writeFileSync(file, securityKeyFile());
    const error = await refusalOf(loginTo(sshd.port, { identityFiles: [file], ...knownHosts() }));
    expect([error.kind, error.facts.keyType]).toEqual(["key-needs-system-ssh", "sk-ssh-ed25519@openssh.com"]);
  });

  it("says what a key file holds when it is none that logs in", async () => {
    const files: Readonly<Record<string, string>> = {
      "ssh.com's format":
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56w\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n",
      "a key of type dsa": execFileSync("openssl", ["genpkey", "-genparam", "-algorithm", "DSA"], { encoding: "utf8" }),
    };
    const path = join(directory, "odd");
    writeFileSync(path, files["ssh.com's format"] ?? "");
    const odd = await refusalOf(loginTo(sshd.port, { identityFiles: [path], ...knownHosts() }));
    expect([odd.kind, odd.facts.what]).toEqual(["key-unsupported", "ssh/key.ssh-com"]);
    execFileSync("ssh-keygen", ["-q", "-t", "dsa", "-N", "", "-f", `${path}-dsa`]);
    const dsa = await refusalOf(loginTo(sshd.port, { identityFiles: [`${path}-dsa`], ...knownHosts() }));
    expect([dsa.kind, dsa.facts.what]).toEqual(["key-unsupported", "ssh/key.of-type"]);
    writeFileSync(path, "hello");
    expect((await refusalOf(loginTo(sshd.port, { identityFiles: [path], ...knownHosts() }))).kind).toBe(
      "key-unreadable",
    );
  });

  it("reads a damaged key file to its end without failing", async () => {
    const text = readFileSync(written("rsa", "2048", "RFC4716", false), "utf8");
    const seen = new Set<string>();
    for (let length = 0; length < text.length; length += 7)
      seen.add((await readKeyFile(text.slice(0, length), null)).kind);
    expect([...seen]).toEqual(["broken"]);
  });
});
