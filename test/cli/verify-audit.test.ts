import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../../main/cli/command";
import { systemClock } from "../../main/clock";
import { openJournal, verifyJournal } from "../../main/recovery/journal";
import { world } from "../recovery/world";

/** The lines of a run with its undo, as the runner writes them, on a real disk. */
describe("evenkeel verify-audit", () => {
  let directory: string;
  let path: string;
  let lines: readonly string[];
  let head: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-audit-"));
    path = join(directory, "journal.log");
    const here = world([
      { name: "a", undo: "by" },
      { name: "b", undo: "by" },
    ]);
    const { runId } = await here.run();
    await here.approve(await here.planUndo(runId));
    await here.idle();
    const journal = openJournal(path, systemClock);
    for (const run of here.journal.lines) journal.write(run);
    head = journal.head();
    journal.close();
    lines = readFileSync(path, "utf8").trimEnd().split("\n");
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  async function verify(text: string, ...more: readonly string[]): Promise<readonly [number, string]> {
    const edited = join(directory, "edited.log");
    writeFileSync(edited, text);
    const out: string[] = [];
    const code = await runCommand(["verify-audit", edited, ...more], {
      version: "0",
      standardDirectory: directory,
      out: (line) => out.push(line),
      err: (line) => out.push(line),
    });
    return [code, out.join("\n")];
  }
  const textOf = (edited: readonly string[]): string => edited.map((line) => `${line}\n`).join("");

  it("finds an untouched journal whole and prints its head", async () => {
    const [code, said] = await verify(textOf(lines), "--head", head);
    expect([code, said.includes(head)]).toEqual([0, true]);
  });

  it("detects a flipped byte, a deleted, a doubled and a swapped line, at every line", async () => {
    let edits = 0;
    for (const [at, line] of lines.entries()) {
      const middle = Math.floor(line.length / 2);
      const flipped = line.slice(0, middle) + String.fromCharCode(line.charCodeAt(middle) ^ 1) + line.slice(middle + 1);
      const edited: readonly (readonly string[])[] = [
        lines.with(at, flipped),
        ...(at < lines.length - 1 ? [lines.toSpliced(at, 1)] : []),
        lines.toSpliced(at, 0, line),
        ...(at > 0 ? [lines.with(at - 1, line).with(at, lines[at - 1] ?? "")] : []),
        lines.with(at, line.slice(0, middle)),
      ];
      for (const one of edited) {
        expect([at, (await verify(textOf(one)))[0]]).toEqual([at, 2]);
        edits += 1;
      }
    }
    expect(edits).toBe(lines.length * 5 - 2);
  });

  it("detects every cut of the tail by the head that was kept elsewhere, and only by it", async () => {
    for (let length = 0; length < lines.length; length += 1) {
      expect((await verify(textOf(lines.slice(0, length))))[0]).toBe(0);
      expect((await verify(textOf(lines.slice(0, length)), "--head", head))[0]).toBe(2);
    }
  });

  it("takes an older head for what it is: lines were added since", async () => {
    const older = verifyJournal(textOf(lines.slice(0, 3))).head;
    expect((await verify(textOf(lines), "--head", older))[0]).toBe(0);
  });

  it("detects a journal written wholly anew by the head that was kept", async () => {
    const anew = join(directory, "anew.log");
    const journal = openJournal(anew, { nowMs: () => 1, monotonicMs: () => 1 });
    for (const run of verifyJournal(textOf(lines)).runs) journal.write({ ...run, operator: "somebody else" });
    journal.close();
    expect((await verify(readFileSync(anew, "utf8"), "--head", head))[0]).toBe(2);
  });

  it("says what is missing when there is no file", async () => {
    const out: string[] = [];
    const say = (line: string): void => void out.push(line);
    const parts = { version: "0", standardDirectory: directory, out: say, err: say };
    expect([await runCommand(["verify-audit", join(directory, "none")], parts), out[0]]).toEqual([
      3,
      expect.stringContaining("There is no file"),
    ]);
  });
});
