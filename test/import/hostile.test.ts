import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FoundHosts } from "../../main/import/found";
import { readHosts } from "../../main/import/read-hosts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-hostile-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function put(name: string, text: string | Buffer): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

async function read(path: string): Promise<FoundHosts> {
  return (await readHosts(path, null, { path: "/nowhere", aliases: () => Promise.resolve([]) })).found;
}
const codes = (found: FoundHosts): readonly string[] => found.unreadable.map(({ what }) => what.code);
const lines = (count: number, line: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => line(at)).join("\n");

/** What each of these took before was minutes, all memory, or the process. */
describe("a file that means harm", () => {
  it("is not waited for where it is a pipe or a device, by itself or among the variables", async () => {
    const pipe = join(directory, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const path of ["/dev/zero", pipe])
      expect([path, codes(await read(path))]).toEqual([path, ["import/no-plain-file"]]);
    const hosts = put("hosts", "db1\n");
    mkdirSync(join(directory, "group_vars"));
    for (const path of ["/dev/zero", pipe]) {
      symlinkSync(path, join(directory, "group_vars", "all"));
      const found = await read(hosts);
      expect([codes(found), found.hosts, found.unreadHosts]).toEqual([["import/no-plain-file"], [], ["db1"]]);
      rmSync(join(directory, "group_vars", "all"));
    }
  });

  it("takes no host from folders of variables whose links lead in a circle, or from one folder to very many", async () => {
    const hosts = put("hosts", "db1\n");
    mkdirSync(join(directory, "group_vars", "all"), { recursive: true });
    for (const name of ["a", "b"]) symlinkSync(".", join(directory, "group_vars", "all", name));
    const circle = await read(hosts);
    expect([codes(circle), circle.hosts]).toEqual([["import/unreadable"], []]);
    rmSync(join(directory, "group_vars"), { recursive: true });
    for (let level = 0; level < 25; level += 1) {
      mkdirSync(join(directory, `level${level}`));
      for (const name of ["a", "b"]) symlinkSync(`../level${level + 1}`, join(directory, `level${level}`, name));
    }
    mkdirSync(join(directory, "level25"));
    mkdirSync(join(directory, "group_vars"));
    symlinkSync("../level0", join(directory, "group_vars", "all"));
    const many = await read(hosts);
    expect([codes(many), many.hosts, many.isPartial]).toEqual([["import/too-much"], [], true]);
  });

  it("is refused where its YAML is nested deep, or comes to more than can be read", async () => {
    const nested = put("deep.yml", `a: ${"[".repeat(20_000)}${"]".repeat(20_000)}`);
    expect((await read(nested)).unreadable[0]?.what.facts).toEqual({ problem: "import/yaml.deep" });
    const itself = put("itself.yml", "all: &a\n  children:\n    b: *a\n    c: *a\n");
    expect(codes(await read(itself))).toEqual(["import/too-much"]);
    const level = (at: number): string => `g${at + 1}: &g${at + 1} {children: {a${at}: *g${at}, b${at}: *g${at}}}`;
    expect(codes(await read(put("levels.yml", `g0: &g0 {hosts: {x: }}\n${lines(40, level)}\n`)))).toEqual([
      "import/too-much",
    ]);
    expect(codes(await read(put("large.yml", `all: {hosts: {${"a: ,".repeat(2 ** 20)}}}`)))).toEqual([
      "import/too-large",
    ]);
  });

  it("is read where one mapping is joined into others again and again, or many aliases lead to one", async () => {
    const joined = (at: number): string => `    l${at + 1}: &l${at + 1} {<<: [${`*l${at}, `.repeat(10)}]}`;
    const text = `all:\n  hosts:\n    l0: &l0 {ansible_port: 22}\n${lines(12, joined)}\n`;
    const found = await read(put("joined.yml", text));
    expect([found.hosts.at(-1)?.login, codes(found)]).toEqual([{ host: "l12", port: 22 }, []]);
    const aliases = `all:\n  hosts:\n    h: &v {ansible_user: ops}\n${lines(5_000, (at) => `    h${at}: *v`)}\n`;
    const many = await read(put("aliases.yml", aliases));
    expect([many.hosts.length, many.hosts.every(({ login }) => login.user === "ops")]).toEqual([5_001, true]);
  });

  it("is refused where a few lines name millions of hosts, or groups lead through one another without end", async () => {
    expect(
      codes(
        await read(
          put(
            "hosts",
            lines(3_000, (at) => `h${at}x[0:9999]`),
          ),
        ),
      ),
    ).toEqual(["import/too-much"]);
    const upwards = `[g0]\nh\n${lines(20_000, (at) => `[g${at + 1}:children]\ng${at}`)}`;
    expect(codes(await read(put("hosts", upwards)))).toEqual(["import/too-much"]);
    const downwards = `${lines(10_000, (at) => `[g${at}:children]\ng${at + 1}`)}\n[g10000]\nh\n`;
    expect((await read(put("hosts", downwards))).hosts[0]?.groups.length).toBe(10_001);
    const side = await read(
      put(
        "hosts",
        lines(5_000, (at) => `[g${at}]\nh${at}`),
      ),
    );
    expect([side.hosts.length, codes(side)]).toEqual([5_000, []]);
  });

  it("is read in one go where a line is long and almost means something", async () => {
    const broken = ["import/host-pattern-broken"];
    expect(codes(await read(put("hosts", `[::${"a".repeat(60)}!]:22\n`)))).toEqual(broken);
    const ranges = await read(put("hosts", `h${"[0:0]".repeat(20_000)}\n`));
    expect(codes(ranges)).toEqual(broken);
    // What is quoted of it is short.
    expect(JSON.stringify(ranges.unreadable).length).toBeLessThan(1_000);
    const blanks = " ".repeat(200_000);
    expect(codes(await read(put("hosts", `[all:vars]\nx=a${blanks}b\n`)))).toEqual([]);
    expect(codes(await read(put("hosts", `db1 ansible_ssh_args="-o 'User=a${blanks}b'"\n`)))).toEqual([
      "import/login-wrong",
    ]);
  });

  it("is refused where a table has more rows than can be read, whole or broken", async () => {
    for (const row of ["a\n", "a,1\n", '"a"b\n'])
      expect([row, codes(await read(put("table.csv", `name,port\n${row.repeat(120_000)}`)))]).toEqual([
        row,
        ["import/too-much"],
      ]);
  });

  it("tells the first five hundred of its problems, and how many more there are", async () => {
    const { unreadable } = await read(put("hosts", "a b\n".repeat(3_000)));
    expect([unreadable.length, unreadable.at(-1)?.what]).toEqual([
      501,
      { code: "import/more-problems", facts: { count: 2_500 } },
    ]);
  });

  it("gives no host a name that could not be kept, and no column a meaning it has not", async () => {
    const name = "x".repeat(300);
    const found = await read(
      put("names.yml", `all: {hosts: {"${name}": {ansible_host: a}, "a\\nb": {ansible_host: b}, db1: }}`),
    );
    expect([found.hosts.map((host) => host.name), codes(found)]).toEqual([["db1"], ["import/name-wrong"]]);
    const table = await read(put("table.csv", "name,constructor,__proto__\ndb1,x,y\n"));
    expect(table.hosts.map(({ login }) => login)).toEqual([{ host: "db1" }]);
    expect(table.notTaken.map(({ what }) => what.facts.column)).toEqual(["constructor", "__proto__"]);
  });
});
