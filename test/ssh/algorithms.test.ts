import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allowedAlgorithms, openToPrefixTruncation, readCryptoAbilities } from "../../main/ssh/algorithms";
import { say } from "../../contract/say";
import { catalogues } from "../../main/catalogue";
import { freePort } from "../lab/free-port";
import { startSshd, systemSshd, type SshdOptions } from "../lab/sshd";
import { connectTo, loginTo, refusalOf } from "./person";

interface Profile {
  readonly title: string;
  readonly config: readonly string[];
  /** What cannot be agreed on, and what the server alone offers; left out where it connects. */
  readonly refused?: { readonly what: string; readonly theirs: string };
  readonly hostKeyTypes?: SshdOptions["hostKeyTypes"];
}

const kex = "ssh/offer.exchange";
const profiles: readonly Profile[] = [
  { title: "a server of AES-GCM alone", config: ["Ciphers aes256-gcm@openssh.com"] },
  { title: "a server of AES-CTR alone", config: ["Ciphers aes128-ctr"] },
  { title: "a server of ChaCha20 alone, with strict key exchange", config: ["Ciphers chacha20-poly1305@openssh.com"] },
  { title: "a server of encrypt-then-MAC alone", config: ["Ciphers aes192-ctr", "MACs hmac-sha2-512-etm@openssh.com"] },
  { title: "a server of Diffie-Hellman group 14 alone", config: ["KexAlgorithms diffie-hellman-group14-sha256"] },
  { title: "a server of P-521 alone", config: ["KexAlgorithms ecdh-sha2-nistp521"] },
  {
    title: "a server with an RSA host key and SHA-2",
    config: ["HostKeyAlgorithms rsa-sha2-256"],
    hostKeyTypes: ["rsa"],
  },
  {
    title: "refuses a server of CBC alone",
    config: ["Ciphers aes256-cbc"],
    refused: { what: "ssh/offer.cipher", theirs: "aes256-cbc" },
  },
  {
    title: "refuses a server of SHA-1 key exchange alone",
    config: ["KexAlgorithms diffie-hellman-group14-sha1"],
    refused: { what: kex, theirs: "diffie-hellman-group14-sha1" },
  },
  {
    title: "refuses a server of large Diffie-Hellman groups alone",
    config: ["KexAlgorithms diffie-hellman-group16-sha512,diffie-hellman-group18-sha512"],
    refused: { what: kex, theirs: "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512" },
  },
  {
    title: "names the system's ssh for a server of post-quantum key exchange alone",
    config: ["KexAlgorithms sntrup761x25519-sha512@openssh.com"],
    refused: { what: kex, theirs: "sntrup761x25519-sha512@openssh.com" },
  },
  {
    title: "refuses a server of HMAC-SHA1 alone",
    config: ["Ciphers aes128-ctr", "MACs hmac-sha1"],
    refused: { what: "ssh/offer.mac", theirs: "hmac-sha1" },
  },
  {
    title: "refuses a host key signed with SHA-1 alone",
    config: ["HostKeyAlgorithms ssh-rsa"],
    hostKeyTypes: ["rsa"],
    refused: { what: "ssh/offer.host-key", theirs: "ssh-rsa" },
  },
];

describe.skipIf(systemSshd() === null && process.env.CI !== "true")("algorithms, by real servers that know few", () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-algorithms-"));
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(directory, "id")]);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  for (const [index, { title, config, refused, hostKeyTypes }] of profiles.entries())
    it(title, async () => {
      const sshd = await startSshd({
        directory: join(directory, String(index)),
        address: "127.0.0.1",
        port: await freePort(["127.0.0.1"]),
        authorizedKeys: [readFileSync(join(directory, "id.pub"), "utf8").trim()],
        config,
        ...(hostKeyTypes && { hostKeyTypes }),
      });
      const login = loginTo(sshd.port, {
        identityFiles: [join(directory, "id")],
        userKnownHostsFiles: [join(directory, "known_hosts")],
      });
      try {
        if (refused === undefined) return (await connectTo(login)).close();
        const { kind, facts } = await refusalOf(login);
        const theirs = String(facts.theirs).replace(/,?kex-strict-s-v00@openssh\.com/, "");
        expect([kind, facts.what, theirs]).toEqual(["no-common-algorithm", refused.what, refused.theirs]);
        expect(String(facts.ours).length).toBeGreaterThan(10);
      } finally {
        await sshd.stop();
      }
    });

  it("names the jump host that has none in common, and the host whose login can be made by another client", async () => {
    const sshd = await startSshd({
      directory: join(directory, "old-bastion"),
      address: "127.0.0.1",
      port: await freePort(["127.0.0.1"]),
      authorizedKeys: [],
      config: ["KexAlgorithms diffie-hellman-group1-sha1"],
    });
    const known = { userKnownHostsFiles: [join(directory, "known_hosts")] };
    try {
      const bastion = loginTo(sshd.port, { host: "bastion", ...known });
      const error = await refusalOf(loginTo(sshd.port, { jumps: [bastion], ...known }));
      expect([error.kind, error.node, error.facts.hop]).toEqual(["no-common-algorithm", "node", "bastion"]);
      const said = say(catalogues.en, "en", error.sentence);
      expect(said).toMatch(/^bastion and Evenkeel have no key exchange in common\. bastion offers: /);
      expect(said).toMatch(/in the sshd_config of bastion, or choose the system's ssh for node under Reached by/);
      const own = await refusalOf(bastion);
      expect([own.node, own.facts.hop]).toEqual(["bastion", "bastion"]);
    } finally {
      await sshd.stop();
    }
  });

  it("is offered only what the runtime's crypto library can do", () => {
    const none = { ciphers: new Set<string>(), curves: new Set<string>(), x25519: false, group14: false };
    expect(allowedAlgorithms(none)).toMatchObject({ kex: [], cipher: [] });
    const boring = { ...readCryptoAbilities(), ciphers: new Set(["aes-128-gcm", "aes-128-ctr"]) };
    expect(allowedAlgorithms(boring).cipher).toEqual(["aes128-gcm@openssh.com", "aes128-ctr"]);
  });

  it("refuses what is open to cut-off first packets: ChaCha20 and encrypt-then-MAC without strict key exchange", () => {
    const chacha = "chacha20-poly1305@openssh.com";
    const etm = "hmac-sha2-256-etm@openssh.com";
    expect(openToPrefixTruncation({ cipher: chacha, mac: "", isStrict: false })).toBe(chacha);
    expect(openToPrefixTruncation({ cipher: "aes128-ctr", mac: etm, isStrict: false })).toBe(etm);
    expect(openToPrefixTruncation({ cipher: chacha, mac: "", isStrict: true })).toBeNull();
    expect(openToPrefixTruncation({ cipher: "aes128-gcm@openssh.com", mac: "", isStrict: false })).toBeNull();
    expect(openToPrefixTruncation({ cipher: "aes128-ctr", mac: "hmac-sha2-256", isStrict: false })).toBeNull();
  });
});
