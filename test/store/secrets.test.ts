import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SecretName } from "../../contract/secrets";
import { createSecretVault, noKeyStorage, type KeyStorage, type SecretVault } from "../../main/store/secrets";
import { fakeKeyStorage } from "../fake/fake-key-storage";

const secret = "correct horse battery staple";
const ofHost: SecretName = { kind: "password", user: "admin", node: "db-1" };
const ofAll: SecretName = { kind: "password", user: "admin", node: null };
const ofKey: SecretName = { kind: "passphrase", identityFile: "/home/me/.ssh/id_ed25519" };

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-secrets-"));
  path = join(directory, "secrets.json");
});
afterEach(() => rmSync(directory, { recursive: true }));

const vaultOn = (storage: KeyStorage): SecretVault => createSecretVault({ path, storage, nowMs: () => 1 });
const keep = (vault: SecretVault, name: SecretName, text = secret): Promise<void> =>
  vault.keep(name, Buffer.from(text));
const found = async (vault: SecretVault, name: SecretName): Promise<string | undefined> =>
  (await vault.find(name))?.toString();
const everyFile = (): string =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");

/** The ways in which a secret could stand in a file without standing in it word for word. */
function formsOf(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  const shifted = [0, 1, 2].map((skip) => bytes.subarray(skip).toString("base64").slice(0, 12));
  return [text, bytes.toString("hex"), encodeURIComponent(text), ...shifted];
}

describe("kept secrets", () => {
  it("are found again by a later start, by their own name only", async () => {
    await keep(vaultOn(fakeKeyStorage("me")), ofHost);
    await keep(vaultOn(fakeKeyStorage("me")), ofKey, "");
    const later = vaultOn(fakeKeyStorage("me"));
    expect(await found(later, ofHost)).toBe(secret);
    expect(await found(later, ofKey)).toBe("");
    expect(await found(later, ofAll)).toBeUndefined();
    expect(await later.read()).toMatchObject({ problem: null, kept: [{ name: ofHost, keptAt: 1 }, { name: ofKey }] });
  });

  it("stand in no file in any form, and nobody else reads the file", async () => {
    const vault = vaultOn(fakeKeyStorage("me"));
    await keep(vault, ofHost);
    await keep(vault, ofHost, `${secret} anew`);
    for (const form of formsOf(secret)) expect(everyFile()).not.toContain(form);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}.bak`).mode & 0o777).toBe(0o600);
  });

  it("tell nothing of their length", async () => {
    const vault = vaultOn(fakeKeyStorage("me"));
    await keep(vault, ofHost, "short");
    await keep(vault, ofKey, "a good deal longer than that one is");
    const { entries } = JSON.parse(readFileSync(path, "utf8")) as { entries: { sealed: string }[] };
    expect(entries[0]?.sealed.length).toBe(entries[1]?.sealed.length);
  });

  it("are forgotten one by one or all at once, in the copy before too", async () => {
    const vault = vaultOn(fakeKeyStorage("me"));
    for (const name of [ofHost, ofAll, ofKey]) await keep(vault, name);
    await vault.forget(ofHost);
    expect(await found(vault, ofHost)).toBeUndefined();
    expect(await found(vault, ofAll)).toBe(secret);
    expect(everyFile()).not.toContain("db-1");
    await vault.forget(null);
    expect((await vault.read()).kept).toEqual([]);
    expect(everyFile()).not.toContain("admin");
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ format: 1, key: null, entries: [] });
  });

  it("put in the place of another are not opened", async () => {
    const vault = vaultOn(fakeKeyStorage("me"));
    await keep(vault, ofHost);
    const file = JSON.parse(readFileSync(path, "utf8")) as { entries: { name: SecretName }[] };
    if (file.entries[0] !== undefined) file.entries[0].name = { kind: "password", user: "admin", node: "db-2" };
    writeFileSync(path, JSON.stringify(file));
    const later = vaultOn(fakeKeyStorage("me"));
    expect((await later.read()).kept).toHaveLength(1);
    expect(await found(later, { kind: "password", user: "admin", node: "db-2" })).toBeUndefined();
  });

  it("with any byte of seal, nonce or tag changed are not opened", async () => {
    await keep(vaultOn(fakeKeyStorage("me")), ofHost);
    const whole = readFileSync(path, "utf8");
    for (const field of ["nonce", "sealed", "tag", "key"] as const) {
      const value = new RegExp(`"${field}": "([^"]+)"`).exec(whole)?.[1] ?? "";
      const bytes = Buffer.from(value, "base64");
      for (let at = 0; at < bytes.length; at += 1) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        writeFileSync(path, whole.replace(value, changed.toString("base64")));
        expect(await found(vaultOn(fakeKeyStorage("me")), ofHost)).toBeUndefined();
      }
    }
  });
});

describe("where there is no key storage worth the name", () => {
  it.each([
    ["no-desktop", "store/secrets-no-desktop"],
    ["unavailable", "store/secrets-unavailable"],
    ["plain-text", "store/secrets-plain-text"],
  ] as const)("nothing is kept and nothing written: %s", async (why, code) => {
    const storage = why === "no-desktop" ? noKeyStorage : fakeKeyStorage("me");
    if ("is" in storage) storage.is = { kind: "none", why };
    const vault = vaultOn(storage);
    await expect(keep(vault, ofHost)).rejects.toMatchObject({ sentence: { code } });
    expect(existsSync(path)).toBe(false);
    expect(await vault.read()).toEqual({ storage: { kind: "none", why }, kept: [], problem: null });
  });

  it("what was kept before is named, not opened, and can be forgotten", async () => {
    await keep(vaultOn(fakeKeyStorage("me")), ofHost);
    const before = readFileSync(path, "utf8");
    const vault = vaultOn(noKeyStorage);
    expect(await found(vault, ofHost)).toBeUndefined();
    expect(await vault.read()).toMatchObject({
      kept: [{ name: ofHost }],
      problem: { code: "store/secrets-no-desktop" },
    });
    expect(readFileSync(path, "utf8")).toBe(before);
    await vault.forget(ofHost);
    expect((await vault.read()).kept).toEqual([]);
  });

  it("a storage that was locked and is unlocked while the app runs is used from then on", async () => {
    await keep(vaultOn(fakeKeyStorage("me")), ofHost);
    const storage = fakeKeyStorage("me");
    const vault = vaultOn(storage);
    storage.is = { kind: "none", why: "unavailable" };
    expect(await found(vault, ofHost)).toBeUndefined();
    storage.is = { kind: "real", backend: "fake" };
    expect(await found(vault, ofHost)).toBe(secret);
  });
});

describe("a file that is not this desktop's", () => {
  it("is told, left as it is, and moved aside whole when something new is kept", async () => {
    await keep(vaultOn(fakeKeyStorage("another machine")), ofHost);
    const theirs = readFileSync(path, "utf8");
    const vault = vaultOn(fakeKeyStorage("me"));
    expect(await found(vault, ofHost)).toBeUndefined();
    expect((await vault.read()).problem).toMatchObject({ code: "store/secrets-foreign", facts: { path } });
    expect(readFileSync(path, "utf8")).toBe(theirs);
    await keep(vault, ofAll, "mine");
    expect(await found(vault, ofAll)).toBe("mine");
    expect(await vault.read()).toMatchObject({ problem: null, kept: [{ name: ofAll }] });
    const aside = readdirSync(join(directory, "damaged")).map((name) => join(directory, "damaged", name));
    expect(aside.map((one) => readFileSync(one, "utf8"))).toContain(theirs);
    // Back on its own machine it opens.
    rmSync(path);
    rmSync(`${path}.bak`, { force: true });
    writeFileSync(path, theirs);
    expect(await found(vaultOn(fakeKeyStorage("another machine")), ofHost)).toBe(secret);
  });

  it.each([
    ["cut off", (text: string) => text.slice(0, text.length / 2)],
    ["empty", () => ""],
    ["of another format", (text: string) => text.replace('"format": 1', '"format": 2')],
    ["not JSON", () => "\0\0\0\0"],
    ["of another shape", () => "[]"],
  ])("damaged (%s), with the copy before too, is moved aside and told; nothing stands still", async (_name, damage) => {
    await keep(vaultOn(fakeKeyStorage("me")), ofHost);
    const damaged = damage(readFileSync(path, "utf8"));
    writeFileSync(path, damaged);
    rmSync(`${path}.bak`, { force: true });
    const vault = vaultOn(fakeKeyStorage("me"));
    expect(await found(vault, ofHost)).toBeUndefined();
    expect(await vault.read()).toMatchObject({ kept: [], problem: { code: "store/secrets-damaged" } });
    const [aside] = readdirSync(join(directory, "damaged"));
    expect(readFileSync(join(directory, "damaged", aside ?? ""), "utf8")).toBe(damaged);
    await keep(vault, ofHost);
    expect(await found(vault, ofHost)).toBe(secret);
    expect((await vault.read()).problem).toBeNull();
  });

  it("damaged with a good copy before it gives the copy", async () => {
    const vault = vaultOn(fakeKeyStorage("me"));
    await keep(vault, ofHost);
    await keep(vault, ofAll);
    writeFileSync(path, "damaged");
    expect(await found(vaultOn(fakeKeyStorage("me")), ofHost)).toBe(secret);
  });
});

describe("a disk that takes no more", () => {
  it.skipIf(process.getuid?.() !== 0 || process.platform !== "linux")(
    "full: keeping is refused with the reason, what was kept before stays and opens",
    async () => {
      const small = join(directory, "small");
      mkdirSync(small);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k,nr_inodes=16", "tmpfs", small]);
      try {
        path = join(small, "secrets.json");
        const vault = vaultOn(fakeKeyStorage("me"));
        await keep(vault, ofHost);
        const before = readFileSync(path, "utf8");
        expect(() => writeFileSync(join(small, "filling"), Buffer.alloc(65_536))).toThrow();
        await expect(keep(vault, ofAll)).rejects.toMatchObject({ kind: "unwritable" });
        expect(readFileSync(path, "utf8")).toBe(before);
        expect(await found(vaultOn(fakeKeyStorage("me")), ofHost)).toBe(secret);
      } finally {
        execFileSync("umount", [small]);
      }
    },
  );

  it("a path that cannot be written to: keeping is refused with the reason", async () => {
    writeFileSync(join(directory, "file"), "");
    path = join(directory, "file", "secrets.json");
    await expect(keep(vaultOn(fakeKeyStorage("me")), ofHost)).rejects.toMatchObject({ kind: "unwritable" });
    expect((await vaultOn(fakeKeyStorage("me")).read()).problem).toMatchObject({ code: "store/secrets-unreadable" });
  });
});
