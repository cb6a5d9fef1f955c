import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { durableScriptSha256 } from "../../main/ssh/durable-run";
import { durableScript } from "../../main/ssh/durable-script";
import { quote } from "../../main/ssh/quote";

/** What may be /bin/sh on a node. */
const shells = [["/bin/dash"], ["/bin/bash", "--posix"], ["/bin/busybox", "sh"], ["/bin/mksh"]] as const;
const isRoot = process.getuid?.() === 0;

/** The script run by a shell of this machine, as the launcher does on a node, but with a base of the test's own. */
describe("the script that runs a command once", () => {
  let directory: string;
  beforeAll(() => (directory = mkdtempSync(join(tmpdir(), "evenkeel-durable-"))));
  afterAll(() => {
    // A keeper that was killed leaves its reader waiting for a command that never comes.
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
      if (commandLineOf(pid).includes(directory)) process.kill(Number(pid), "SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  function ask(
    act: string,
    words: readonly string[],
    script = durableScript,
    shell: readonly string[] = ["/bin/sh"],
  ): string {
    const set = Object.entries({ ek_script: script, ek_effect: effect, ek_listing: "", ek_spec: "spec", ek_stdin: "" });
    const input = `{\n${set.map(([name, value]) => `${name}=${quote([value])}\n`).join("")}eval "$ek_script"\nek_${act} ${quote(words)}\n}\n`;
    const [program = "", ...flags] = shell;
    return spawnSync(program, [...flags, "-s"], { input, encoding: "utf8", timeout: 60_000 }).stdout.replaceAll(
      / +\n/g,
      "\n",
    );
  }
  let effect = "";
  const claim = (base: string, id: string, script?: string, shell?: readonly string[]): string =>
    ask("claim", [base, id, "20", "1000", "nonce"], script, shell);
  const newBase = (): string => mkdtempSync(join(directory, "base-"));
  const countIn = (path: string): number => (existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0);

  for (const shell of shells)
    it.skipIf(!existsSync(shell[0]))(`tells the same under ${shell.join(" ")}`, () => {
      const base = newBase();
      const marks = join(base, "marks");
      effect = `echo ran >> ${marks}; echo out; exit 3`;
      expect(claim(base, "a", undefined, shell)).toBe("done 3 - 0\nout\n");
      expect(claim(base, "a", undefined, shell)).toBe("done 3 - 0\nout\n");
      expect(ask("withdraw", [base, "b"], undefined, shell)).toBe("refused withdrawn\n");
      expect(claim(base, "b", undefined, shell)).toBe("refused withdrawn\n");
      expect(ask("report", [base, "c"], undefined, shell)).toBe("none\n");
      effect = "kill -TERM $$";
      expect(claim(base, "d", undefined, shell)).toMatch(/^done 143 - 0\n/);
      expect(countIn(marks)).toBe(1);
    });

  it("whoever kills it before whichever line, the command runs once at most and no end is made up", () => {
    const lines = durableScript.split("\n");
    const bodies = ["ek_claim() {", "ek_keep() {", "ek_effect() {"];
    let cut = 0;
    let ran = 0;
    for (const [at] of lines.entries()) {
      const owner = lines.slice(0, at).findLast((line) => /^ek_\w+\(\) \{$/.test(line)) ?? "";
      if (!bodies.includes(owner) || lines[at] === "}" || isBeside(lines, at)) continue;
      const killed = [...lines.slice(0, at), "kill -9 $$", ...lines.slice(at)].join("\n");
      // Between two words of one statement nothing can be put; such a line is not a place.
      if (spawnSync("/bin/sh", ["-n"], { input: killed }).status !== 0) continue;
      const base = newBase();
      const marks = join(base, "marks");
      effect = `echo ran >> ${marks}; exit 3`;
      cut += 1;
      const first = claim(base, "a", killed);
      const before = countIn(marks);
      const state = ask("report", [base, "a"]).split("\n")[0] ?? "";
      expect([
        at,
        first === "" || /^done (3|137) -/.test(first) || /^(dead|claimed|refused|alive)/.test(first) || first,
      ]).toEqual([at, true]);
      if (state.startsWith("done"))
        expect([at, state, before]).toEqual([at, expect.stringMatching(/^done (3|137) -/), expect.any(Number)]);
      if (state.startsWith("done 3")) expect([at, before]).toEqual([at, 1]);
      if (/^(none|refused)/.test(state)) expect([at, state, before]).toEqual([at, state, 0]);
      // A second desktop, with the script whole: what was claimed is never begun again.
      if (state !== "none") claim(base, "a");
      expect([at, countIn(marks) <= 1]).toEqual([at, true]);
      if (state !== "none") expect([at, countIn(marks)]).toEqual([at, before]);
      ran += before;
      rmSync(base, { recursive: true, force: true });
    }
    console.log(`killed before ${cut} lines: the command had run ${ran} times, twice never`);
    expect(cut).toBeGreaterThan(40);
  }, 240_000);

  it.skipIf(!isRoot)(
    "runs nothing where the disk is full, at whichever byte it fills",
    () => {
      const mount = join(directory, "full");
      mkdirSync(mount);
      const marks = join(directory, "full-marks");
      effect = `echo ran >> ${marks}`;
      let refused = 0;
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=200k,nr_inodes=40", "tmpfs", mount]);
      try {
        for (let left = 0; left <= 40; left += 1) {
          rmSync(marks, { force: true });
          for (const name of readdirSync(mount)) rmSync(join(mount, name), { recursive: true, force: true });
          // Fill all pages but `left`: every file takes one, so each count of pages ends at another write.
          writeFileSync(join(mount, "fill"), Buffer.alloc(4096 * Math.max(0, 50 - left)));
          const said = claim(mount, "a").split("\n")[0] ?? "";
          if (said.startsWith("refused")) {
            refused += 1;
            expect([left, said, countIn(marks)]).toEqual([left, said, 0]);
          } else
            expect([left, said, countIn(marks)]).toEqual([left, expect.stringMatching(/^done 0 - (\d+|held)$/), 1]);
        }
      } finally {
        execFileSync("umount", ["-l", mount]);
      }
      console.log(`full disk: refused at ${refused} of 41 sizes, nothing ran at any of them`);
      expect(refused).toBeGreaterThan(3);
      expect(refused).toBeLessThan(40);
    },
    120_000,
  );

  it.skipIf(!isRoot)("runs nothing where its records cannot be written", () => {
    const mount = join(directory, "read-only");
    mkdirSync(mount);
    const marks = join(directory, "read-only-marks");
    effect = `echo ran >> ${marks}`;
    execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", mount]);
    try {
      expect(claim(mount, "a")).toMatch(/^refused base .*Read-only file system/);
      expect(claim(join(mount, "deeper"), "a")).toMatch(/^refused base /);
    } finally {
      execFileSync("umount", ["-l", mount]);
    }
    expect(countIn(marks)).toBe(0);
  });

  it("has one winner when many claim the same id at once", async () => {
    const base = newBase();
    const marks = join(base, "marks");
    effect = `echo ran >> ${marks}`;
    const script = join(directory, "claim.sh");
    const set = Object.entries({
      ek_script: durableScript,
      ek_effect: effect,
      ek_listing: "",
      ek_spec: "s",
      ek_stdin: "",
    });
    const text = set.map(([name, value]) => `${name}=${quote([value])}\n`).join("");
    writeFileSync(script, `${text}eval "$ek_script"\nek_claim ${base} "$1" 20 1000 nonce\n`);
    for (let round = 0; round < 5; round += 1) {
      execFileSync("/bin/sh", ["-c", `for n in 1 2 3 4 5 6 7 8; do sh ${script} r${round} >/dev/null & done; wait`]);
      expect(countIn(marks)).toBe(round + 1);
    }
    await Promise.resolve();
  });

  it("is the text whose checksum the documentation prints, and small enough to read", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/ssh.md"), "utf8");
    expect(page).toContain(durableScriptSha256);
    expect(Buffer.byteLength(durableScript)).toBeLessThanOrEqual(8 << 10);
  });
});

/** In a block of ek_keep that runs beside it: `$$` is the keeper's there, and may be another's by the time it is killed. */
function isBeside(lines: readonly string[], at: number): boolean {
  const opened = lines.slice(0, at).lastIndexOf("  {");
  return opened >= 0 && lines.findIndex((line, index) => index > opened && /^ {2}\} .*&$/.test(line)) >= at;
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It ended meanwhile.
    return "";
  }
}
