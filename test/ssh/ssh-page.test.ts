import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const testRoot = join(root, "test");

interface Row {
  readonly what: string;
  readonly how: string;
  readonly file: string;
}

/**
 * The rows of every table of a page, heads and rules left out.
 * ```
 * | asks about an unknown host key | The fingerprint is shown. | `ssh/node-link.test.ts` |
 * ```
 */
function rowsOf(page: string): readonly Row[] {
  const cells = page
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|[\s|:-]+\|$/.test(line))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("\\|", "|")),
    );
  return cells
    .filter(([what]) => what !== "what")
    .map(([what = "", how = "", file = ""]) => ({ what, how, file: file.replaceAll("`", "") }));
}

/** Titles of tests as written: `it("…")`, `it.skipIf(…)("…")`, and `title: "…"` in a table of cases that a suite runs. */
function titlesOf(source: string): ReadonlySet<string> {
  const written = /(?:\bit(?:\.\w+(?:\([^)\n]*\))?)?\(|\btitle:)\s*("(?:[^"\\\n]|\\.)*")/g;
  return new Set([...source.matchAll(written)].map((found) => JSON.parse(found[1] ?? '""') as string));
}

function rowsWithoutTest(page: string, titles: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  return rowsOf(page)
    .filter(({ what, how, file }) => how === "" || titles.get(file)?.has(what) !== true)
    .map(({ what, file }) => `${what} (${file})`);
}

const titles = new Map(
  ["ssh", "import"]
    .map((folder) => join(testRoot, folder))
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => path.endsWith(".ts"))
    .map((path) => [relative(testRoot, path).replaceAll("\\", "/"), titlesOf(readFileSync(path, "utf8"))] as const),
);

describe("docs/ssh.md", () => {
  it("has no row without a test of that name", () => {
    const page = readFileSync(join(root, "docs/ssh.md"), "utf8");
    expect(rowsOf(page).length).toBeGreaterThan(0);
    expect(rowsWithoutTest(page, titles)).toEqual([]);
  });

  it("and the check notices a row nobody tests", () => {
    const known = new Map([
      ["ssh/a.test.ts", titlesOf('it("does it", () => {}); const one = { title: "of a \\"table\\"" };')],
    ]);
    const row = (what: string, file: string): string =>
      `| what | how | test |\n| --- | --- | --- |\n| ${what} | so | \`${file}\` |`;
    expect(rowsWithoutTest(row("does it", "ssh/a.test.ts"), known)).toEqual([]);
    expect(rowsWithoutTest(row('of a "table"', "ssh/a.test.ts"), known)).toEqual([]);
    expect(rowsWithoutTest(row("does it", "ssh/b.test.ts"), known)).toHaveLength(1);
    expect(rowsWithoutTest(row("does it not", "ssh/a.test.ts"), known)).toHaveLength(1);
  });
});
