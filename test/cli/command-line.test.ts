import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runCommand } from "../../main/cli/command";

/** What a monitoring system gets of a command line that does nothing: its code, and a first line it can show. */
describe("the command line, before any cluster", () => {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-cli-"));
  mkdirSync(join(directory, "data"));
  afterAll(() => rmSync(directory, { recursive: true }));

  async function evenkeel(...argv: readonly string[]): Promise<{ code: number; out: string[]; err: string[] }> {
    const out: string[] = [];
    const err: string[] = [];
    const code = await runCommand([...argv, "--data", join(directory, "data")], {
      version: "1.2.3",
      standardDirectory: directory,
      out: (line) => void out.push(line),
      err: (line) => void err.push(line),
    });
    return { code, out, err };
  }

  it.each([["--help"], ["-h"], ["help"]])("%s lists every command, in both languages", async (asked) => {
    for (const language of ["en", "zh-CN"]) {
      const { code, out } = await evenkeel(asked, "--language", language);
      expect(code).toBe(0);
      for (const command of ["add", "check", "report", "list", "login", "import", "verify-audit", "--version"])
        expect(out.join("\n")).toContain(command);
      expect(out.join("\n")).toContain(
        language === "en" ? "exit 0 ok, 1 warning, 2 critical, 3 unknown" : "退出码 0 正常",
      );
    }
  });

  it("--version is the version and nothing else", async () => {
    expect(await evenkeel("--version")).toEqual({ code: 0, out: ["1.2.3"], err: [] });
  });

  it.each([
    ["no command", [], /^EVENKEEL UNKNOWN - The command line is not understood\. evenkeel --help/],
    ["an unknown command", ["chekc", "db"], /^EVENKEEL UNKNOWN - The command line is not understood/],
    ["an unknown option", ["check", "db", "--loud"], /^EVENKEEL UNKNOWN - The command line is not understood/],
    ["no cluster named", ["check"], /^EVENKEEL UNKNOWN - The command line is not understood/],
    ["in Chinese", ["check", "--language", "zh-CN"], /^EVENKEEL UNKNOWN - 无法理解该命令行/],
    ["a language there is not", ["check", "db", "--language", "de"], /^EVENKEEL UNKNOWN - There is no language de\./],
    ["a cluster there is not", ["check", "db"], /^EVENKEEL UNKNOWN - There is no cluster db/],
    ["a report of one", ["report", "db", "--out", join(directory, "r")], /^EVENKEEL UNKNOWN - There is no cluster db/],
  ] as const)("ends with 3 and says so first: %s", async (_name, argv, first) => {
    const { code, out } = await evenkeel(...argv);
    expect(code).toBe(3);
    expect(out[0]).toMatch(first);
  });

  it("keeps what others call themselves in one line, and inert", async () => {
    const { out } = await evenkeel("check", "db\n[ok] all is well\u001b]0;owned\u0007\u001b[2J");
    expect(out).toHaveLength(1);
    expect(out[0]).toContain("db\\u{a}[ok] all is well\\u{1b}]0;owned\\u{7}\\u{1b}[2J");
  });

  it.each([
    ["en", "Give 1 to 65535, or nothing in quotation marks for what ssh_config says."],
    ["zh-CN", "请给出 1 到 65535，或用空引号表示按 ssh_config。"],
  ])("refuses a port there is not in its own words: %s", async (language, toDo) => {
    writeFileSync(
      join(directory, "data", "inventory.json"),
      JSON.stringify([
        {
          clusterId: "db",
          name: "db",
          engine: "postgresql",
          nodes: [{ node: "db1", login: { host: "db1" } }],
          members: [{ member: "db1", node: "db1", settings: {} }],
          addedAt: 0,
        },
      ]),
    );
    for (const port of ["0", "00", "65536", "70000", "-1", "22x", "0x16", "1e3", " 22"]) {
      const { code, out, err } = await evenkeel("login", "db", `--port=${port}`, "--language", language);
      expect([port, code, out, err.map((line) => line.endsWith(toDo))]).toEqual([port, 3, [], [true]]);
    }
    const taken = await evenkeel("login", "db", "--port", "65535", "--language", language);
    expect(taken).toEqual({ code: 0, out: ["db1\tdb1\t-\t65535\tauto"], err: [] });
  });
});
