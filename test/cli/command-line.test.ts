import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runCommand } from "../../main/cli/command";

/** What a monitoring system gets of a command line that does nothing: its code, and a first line it can show. */
describe("the command line, before any cluster", () => {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-cli-"));
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
});
