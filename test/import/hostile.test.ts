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

  it("is refused where aliases or ranges give many groups or hosts many variables, at the first that is too much", async () => {
    const variables = Array.from({ length: 20_000 }, (_, at) => `a${at}: 1`).join(", ");
    const refused = { code: "import/too-much", facts: {} };
    const groups = `g0: {vars: &v {${variables}}}\n${lines(300, (at) => `g${at + 1}: {vars: *v}`)}\n`;
    // Of fifty million steps each takes four hundred thousand, and a thousand or two for itself.
    const ofGroups = put("groups.yml", groups);
    expect((await read(ofGroups)).unreadable).toEqual([{ file: ofGroups, line: 125, what: refused }]);
    const hosts = `all:\n  hosts:\n    h0: &v {${variables}}\n${lines(300, (at) => `    h${at + 1}: *v`)}\n`;
    const ofHosts = put("hosts.yml", hosts);
    expect((await read(ofHosts)).unreadable).toEqual([{ file: ofHosts, line: 121, what: refused }]);
    const ranged = put("hosts", `db1\nh[0:9999] ${lines(400, (at) => `a${at}=1`).replaceAll("\n", " ")}\n`);
    expect((await read(ranged)).unreadable).toEqual([{ file: ranged, line: 2, what: refused }]);
    const noText = `g0: {vars: &v {${"? [] : 1, ".repeat(5_000)}}}\n${lines(300, (at) => `g${at + 1}: {vars: *v}`)}\n`;
    expect((await read(put("no-text.yml", noText))).unreadable).toMatchObject([{ line: 1, what: refused }]);
  });

  it("is refused where the YAML among the variables is more than may be read, or comes to more, in all its files together", async () => {
    const hosts = put("hosts", "db1\n");
    const comment = (bytes: number): string => `# ${"x".repeat(bytes)}\n`;
    put("group_vars/all/a.yml", `${comment(3 * 2 ** 20)}ansible_user: ops\n`);
    expect((await read(hosts)).hosts[0]?.login.user).toBe("ops");
    const second = put("group_vars/all/b.yml", `${comment(2 ** 20)}ansible_port: 2222\n`);
    const large = await read(hosts);
    expect([large.hosts, large.unreadHosts]).toEqual([[], ["db1"]]);
    const what = { code: "import/folders-too-large", facts: { mostBytes: 4 * 2 ** 20 } };
    expect(large.unreadable).toEqual([{ file: second, line: null, what }]);
    rmSync(join(directory, "group_vars"), { recursive: true });
    // Four million steps each.
    const joined = `a: &v {${Array.from({ length: 2_000 }, (_, at) => `a${at}: 1`).join(", ")}}\n<<: [${"*v, ".repeat(2_000)}]\n`;
    for (let at = 0; at < 14; at += 1) put(`host_vars/db1/${String(at).padStart(2, "0")}.yml`, joined);
    const many = await read(hosts);
    expect([many.hosts, many.unreadable]).toMatchObject([
      [],
      [{ file: join(directory, "host_vars/db1/12.yml"), line: 2, what: { code: "import/too-much" } }],
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
