import { execFile, execFileSync } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addKnownHost, filedName, namesHost, readKnownHosts, removeKnownHost } from "../../main/ssh/known-hosts";
import { fingerprintOf } from "../../main/ssh/public-key";

/** Files compared; EVENKEEL_KNOWN_HOSTS_FILES lowers it for a quick look. */
const fileCount = Number(process.env.EVENKEEL_KNOWN_HOSTS_FILES ?? 5_000);
const atOnce = 4;

const cases = { title: "finds the same lines in known_hosts as ssh-keygen -F" };

describe("known_hosts, read as ssh-keygen -F reads it", () => {
  let directory: string;
  let keys: readonly string[];

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-known-hosts-"));
    keys = [
      ["ed25519"],
      ["rsa", "-b", "2048"],
      ["rsa", "-b", "1024"],
      ["ecdsa", "-b", "256"],
      ["ecdsa", "-b", "384"],
      ["ecdsa", "-b", "521"],
    ].map(([type = "", ...size], index) => {
      const path = join(directory, `key${index}`);
      execFileSync("ssh-keygen", ["-q", "-t", type, ...size, "-N", "", "-C", "", "-f", path]);
      return readFileSync(`${path}.pub`, "utf8").trim();
    });
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it(`${cases.title}, in ${fileCount} generated files`, async () => {
    const differences: string[] = [];
    let found = 0;
    const draw = createDraw(20_240_613);
    const batches = joined(Array.from({ length: fileCount }, () => generate(draw, keys)));
    for (let at = 0; at < batches.length; at += atOnce)
      await Promise.all(
        batches.slice(at, at + atOnce).map(async ({ text, name }, index) => {
          const path = join(directory, `known_hosts_${index}`);
          writeFileSync(path, text, "latin1");
          const theirs = await sshKeygen(path, name);
          const lines = (await readKnownHosts([path])).filter((line) => namesHost(line, name));
          const ours = lines.map(
            (line) => `${line.line} ${line.marker} ${fingerprintOf(Buffer.from(line.key, "base64"))}`,
          );
          found += theirs.length;
          if (ours.join("\n") !== theirs.join("\n"))
            differences.push(`${name}\n${text}\nours ${ours.join("|")}\ntheirs ${theirs.join("|")}`);
        }),
      );
    console.log(
      `known_hosts: ${fileCount} files put to ssh-keygen in ${batches.length} calls, ${found} lines found, ${differences.length} differences`,
    );
    expect(differences.slice(0, 3)).toEqual([]);
    expect(found).toBeGreaterThan(fileCount / 4);
  }, 300_000);

  /**
   * What `ssh-keygen -l -F` says of a file.
   * ```
   * # Host db-1 found: line 3 CA
   * db-1 ED25519 SHA256:… comment
   * ```
   */
  function sshKeygen(path: string, name: string): Promise<readonly string[]> {
    return new Promise((resolve) =>
      execFile("ssh-keygen", ["-l", "-F", name, "-f", path], { encoding: "latin1" }, (_error, stdout) => {
        const words = { CA: "cert-authority", REVOKED: "revoked", "": "plain" } as const;
        const found = [
          ...stdout.matchAll(/^# Host .* found: line (\d+) (CA|REVOKED|)\s*\n\S+ \S+ (SHA256:[A-Za-z0-9+/]+)/gm),
        ];
        resolve(found.map(([, line, marker, print]) => `${line} ${words[marker as keyof typeof words]} ${print}`));
      }),
    );
  }

  describe("writes", () => {
    const plain = (): string => join(directory, `written-${randomBytes(4).toString("hex")}`);
    const [type, key] = ["ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"];

    it("a new file for its owner alone, and leaves an old one's mode", async () => {
      const [fresh, old] = [plain(), plain()];
      writeFileSync(old, "");
      chmodSync(old, 0o644);
      for (const file of [fresh, old]) await addKnownHost(file, "db-1", type, key, false);
      expect([fresh, old].map((file) => (statSync(file).mode & 0o777).toString(8))).toEqual(["600", "644"]);
    });

    it("after whatever stands there, and changes none of it", async () => {
      const file = plain();
      const foreign = "# kept\r\n@cert-authority * ssh-rsa nonsense\n\xff\xfe broken\nlast line without an end";
      writeFileSync(file, foreign, "latin1");
      await addKnownHost(file, "db-1", type, key, false);
      expect(readFileSync(file, "latin1")).toBe(`${foreign}\ndb-1 ${type} ${key}\n`);
    });

    it("hashed names where HashKnownHosts asks for them, which ssh-keygen finds", async () => {
      const file = plain();
      await addKnownHost(file, "[db-1]:2222", type, key, true);
      expect(readFileSync(file, "utf8")).toMatch(/^\|1\|\S{28}\|\S{28} ssh-ed25519 /);
      expect(await sshKeygen(file, "[db-1]:2222")).toHaveLength(1);
      expect(await sshKeygen(file, "db-1")).toHaveLength(0);
    });

    it("loses nothing when many write at once, also another program", async () => {
      const file = plain();
      const names = Array.from({ length: 40 }, (_, index) => `host-${index}`);
      const theirs = succeeds("sh", ["-c", `for n in $(seq 40); do echo "other-$n ${type} ${key}" >>"$0"; done`, file]);
      await Promise.all([theirs, ...names.map((name) => addKnownHost(file, name, type, key, false))]);
      const found = new Set((await readKnownHosts([file])).map((line) => line.names));
      expect([names, names.map((_, index) => `other-${index + 1}`)].flat().filter((name) => !found.has(name))).toEqual(
        [],
      );
    });

    it("takes out what ssh-keygen -R takes out, and keeps the file as it was beside it", async () => {
      const draw = createDraw(7);
      let compared = 0;
      for (let index = 0; index < 200; index += 1) {
        const { text, name } = generate(draw, keys);
        const [ours, theirs] = [plain(), plain()];
        for (const file of [ours, theirs]) writeFileSync(file, text, "latin1");
        const gone = await removeKnownHost(ours, name);
        // ssh-keygen leaves a file with a broken line alone; here the broken line stays and the host's own goes.
        if (!(await succeeds("ssh-keygen", ["-R", name, "-f", theirs]))) continue;
        compared += gone.length;
        expect(readFileSync(ours, "latin1").replace(/\n*$/, "")).toBe(
          readFileSync(theirs, "latin1").replace(/\n*$/, ""),
        );
        if (gone.length > 0) expect(readFileSync(`${ours}.old`, "latin1")).toBe(text);
        else expect(existsSync(`${ours}.old`)).toBe(false);
      }
      expect(compared).toBeGreaterThan(20);
    });

    it("loses no line that is added while another is taken out", async () => {
      const file = plain();
      writeFileSync(file, `old ${type} ${key}\n`);
      const added = Array.from({ length: 20 }, (_, index) => addKnownHost(file, `new-${index}`, type, key, false));
      await Promise.all([...added, removeKnownHost(file, "old")]);
      const names = (await readKnownHosts([file])).map((line) => line.names);
      expect([names.includes("old"), names.filter((name) => name.startsWith("new-")).length]).toEqual([false, 20]);
    });
  });
});

function succeeds(program: string, words: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => execFile(program, [...words], (error) => resolve(error === null)));
}

interface Generated {
  readonly text: string;
  readonly name: string;
}

/** Files in which the same name is looked for, put together up to one without a final newline: a line means the same in any file. */
function joined(files: readonly Generated[]): readonly Generated[] {
  const byName = new Map<string, Generated[]>();
  for (const file of files) {
    const batches = byName.get(file.name) ?? [];
    const last = batches.at(-1);
    if (last === undefined || !last.text.endsWith("\n")) batches.push(file);
    else batches[batches.length - 1] = { name: file.name, text: last.text + file.text };
    byName.set(file.name, batches);
  }
  return [...byName.values()].flat();
}

interface Draw {
  below(limit: number): number;
  of<T>(list: readonly T[]): T;
  chance(share: number): boolean;
}

/** The same draws for the same seed, on every machine (mulberry32). */
function createDraw(seed: number): Draw {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { below, of: (list) => list[below(list.length)] as (typeof list)[number], chance: (share) => next() < share };
}

const hosts = [
  ["db-1", 22],
  ["db-2", 22],
  ["db-1", 2222],
  ["DB-1.example.net", 22],
  ["db-1.example.net", 22],
  ["10.0.0.5", 22],
  ["10.0.0.5", 2200],
  ["fe80::1", 22],
  ["2001:db8::7", 2222],
] as const;

/** One known_hosts text, and a name to look for that is mostly in it. */
function generate(draw: Draw, keys: readonly string[]): Generated {
  const [host, port] = draw.of(hosts);
  const name = filedName(host, port);
  const lines = Array.from({ length: 1 + draw.below(6) }, () => line(draw, name, keys));
  const end = draw.chance(0.2) ? "\r\n" : "\n";
  return { text: lines.join(end) + (draw.chance(0.2) ? "" : end), name };
}

function line(draw: Draw, name: string, keys: readonly string[]): string {
  if (draw.chance(0.06))
    return draw.of(["", "   ", "# comment", " \t# db-1 ssh-rsa x", "\t", "|1|", "@", "db-1", "@revoked"]);
  const gap = (): string => draw.of([" ", " ", " ", "  ", "\t", " \t "]);
  const marker = draw.chance(0.2)
    ? draw.of([
        "@revoked",
        "@cert-authority",
        "@revoked",
        "@unknown",
        "@REVOKED",
        "@revoked @revoked",
        "@",
        "@revoked,",
      ])
    : "";
  const lead = draw.chance(0.1) ? draw.of([" ", "\t", "  "]) : "";
  const comment = draw.chance(0.3) ? gap() + draw.of(["comment", "user@host two words", "# x", "\xe9\xff"]) : "";
  return `${lead}${marker}${marker === "" ? "" : gap()}${names(draw, name)}${gap()}${key(draw, keys)}${comment}`;
}

function names(draw: Draw, name: string): string {
  if (draw.chance(0.25)) return hashed(draw, draw.chance(0.75) ? name : draw.of(hosts)[0]);
  return Array.from({ length: 1 + draw.below(3) }, () => pattern(draw, name)).join(",");
}

function pattern(draw: Draw, name: string): string {
  const bare = name.replace(/^\[(.*)\]:\d+$/, "$1");
  return draw.of([
    name,
    name,
    name.toUpperCase(),
    bare,
    `[${bare}]:*`,
    "*",
    "db-?",
    "db-*",
    "*.example.net",
    "10.0.0.*",
    "[*]:2222",
    "\\[*",
    `!${name}`,
    "!db-*",
    "!",
    "",
    `${name}x`,
    "other",
    "a".repeat(1022),
    "*".repeat(1023),
    `!${"b".repeat(1024)}`,
  ]);
}

function hashed(draw: Draw, name: string): string {
  const salt = Buffer.from(Array.from({ length: draw.chance(0.9) ? 20 : 16 }, () => draw.below(256)));
  const digest = createHmac("sha1", salt).update(name).digest("base64");
  const whole = `|1|${salt.toString("base64")}|${digest}`;
  return draw.chance(0.85)
    ? whole
    : draw.of([
        `${whole},db-1`,
        `|2|${whole.slice(3)}`,
        whole.slice(0, -2),
        `|1||${digest}`,
        `${whole}|`,
        whole.toLowerCase(),
      ]);
}

function key(draw: Draw, keys: readonly string[]): string {
  const [type = "", base64 = ""] = draw.of(keys).split(" ");
  if (draw.chance(0.75)) return `${type}${draw.of([" ", " ", "\t", "  "])}${base64}`;
  return draw.of([
    `${type} ${base64.slice(0, -4)}`,
    `${type} ${base64.slice(0, 30)}`,
    `${type} ${base64}AAAA`,
    `${type} ${base64.replace("A", "!")}`,
    `${type} ${base64.replace(/=+$/, "")}x`,
    `${type} ====`,
    type,
    `${type} # ${base64}`,
    `ssh-unknown ${base64}`,
    `ssh-rsa ${base64}`,
    `rsa-sha2-512 ${base64}`,
    `ssh-ed25519 ${base64}`,
    `${type.toUpperCase()} ${base64}`,
    `ecdsa-sha2-nistp384 ${base64}`,
    `2048 35 ${"1234567890".repeat(8)}`,
    base64,
  ]);
}
