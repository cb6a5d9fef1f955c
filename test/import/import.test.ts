import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ImportedHost } from "../../contract/hosts";
import type { Cluster } from "../../contract/inventory";
import { runCommand } from "../../main/cli/command";
import { systemClock } from "../../main/clock";
import { readHosts } from "../../main/import/read-hosts";
import type { FoundHosts } from "../../main/import/found";
import { openJournal } from "../../main/recovery/journal";
import { world } from "../recovery/world";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-import-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function put(name: string, text: string | Buffer): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

async function read(name: string, text: string | Buffer): Promise<FoundHosts> {
  const own = { path: join(directory, "config"), aliases: () => Promise.resolve(["one", "two"]) };
  return (await readHosts(put(name, text), null, own)).found;
}

const logins = (found: FoundHosts): object => Object.fromEntries(found.hosts.map(({ name, login }) => [name, login]));
const said = (problems: FoundHosts["unreadable"]): readonly (readonly [number | null, string])[] =>
  problems.map(({ line, what }) => [line, what.code]);

describe("hosts of Ansible inventories", () => {
  it("takes address, user, port, key and jump host from the variables", async () => {
    const found = await read(
      "hosts",
      `[db]
db[01:02] ansible_host=10.0.0.1 ansible_port=2222
db03:2200 ansible_ssh_user=root ansible_user=ops
[db:vars]
ansible_user=ops
ansible_ssh_private_key_file=~/.ssh/fleet
ansible_ssh_common_args='-o ProxyCommand="ssh -W %h:%p -q ops@bastion" -o ControlMaster=auto -C'
[web]
web1 ansible_ssh_common_args="-J a@one:2200,two" ansible_ssh_extra_args='-o User=late -o Port=1'
`,
    );
    const ofDb = { user: "ops", identityFile: "~/.ssh/fleet", jump: "ops@bastion" };
    expect(logins(found)).toEqual({
      db01: { host: "10.0.0.1", port: 2222, ...ofDb },
      db02: { host: "10.0.0.1", port: 2222, ...ofDb },
      db03: { host: "db03", port: 2200, ...ofDb, user: "root" },
      web1: { host: "web1", user: "late", port: 1, jump: "a@one:2200,two" },
    });
    expect(found.hosts[0]?.groups).toEqual(["db"]);
    expect([found.unreadable, found.notTaken]).toEqual([[], []]);
  });

  it("leaves out what is sealed by ansible-vault or a template, with file, line and what to do", async () => {
    const found = await read(
      "hosts.yml",
      `all:
  hosts:
    sealed:
      ansible_user: !vault |
        $ANSIBLE_VAULT;1.1;AES256
        6162
    made:
      ansible_host: "{{ inventory_hostname }}.example.org"
    plain:
      note: "{{ free }}"
      ansible_password: !vault |
        $ANSIBLE_VAULT;1.1;AES256
        6162
`,
    );
    expect(Object.keys(logins(found))).toEqual(["plain"]);
    expect(found.unreadHosts).toEqual(["sealed", "made"]);
    expect(said(found.unreadable)).toEqual([
      [4, "import/variable-sealed"],
      [8, "import/variable-template"],
    ]);
    expect(said(found.notTaken)).toEqual([[11, "import/password"]]);
  });

  it("leaves out a login it does not understand whole, and never weakens the check of host keys", async () => {
    const found = await read(
      "hosts",
      `a ansible_ssh_common_args='-o StrictHostKeyChecking=no -A'
b ansible_ssh_common_args='-o ProxyCommand="nc %h %p"'
c ansible_ssh_common_args='-F /etc/other'
d ansible_ssh_private_key_file=keys/d
e ansible_port=70000
f ansible_host=-oProxyCommand=x
g ansible_connection=local
h ansible_ssh_common_args='-J "un'"'"'closed'
i ansible_ssh_private_key_file=/k1 ansible_ssh_common_args='-i /k2'
j ansible_ssh_common_args='-J -oProxyCommand=x'
`,
    );
    expect(Object.keys(logins(found))).toEqual(["a"]);
    expect(said(found.unreadable)).toEqual([
      [2, "import/argument-unread"],
      [3, "import/argument-unread"],
      [4, "import/key-relative"],
      [5, "import/login-wrong"],
      [6, "import/login-wrong"],
      [8, "import/arguments-quote"],
      [9, "import/several-keys"],
      [10, "import/login-wrong"],
    ]);
    expect(said(found.notTaken)).toEqual([
      [1, "import/argument-not-taken"],
      [1, "import/argument-not-taken"],
      [7, "import/not-ssh"],
    ]);
  });

  it("goes on after a line that cannot be read, and names it without its words", async () => {
    const found = await read("hosts", 'a\nb ansible_password="s3cret\n[web:nodes]\nx\n[late:vars]\nc=d\n');
    expect(logins(found)).toEqual({ a: { host: "a" } });
    expect(said(found.unreadable)).toEqual([
      [2, "import/quote-open"],
      [3, "import/section-unknown"],
      [4, "import/variable-broken"],
      [3, "import/group-undeclared"],
      [5, "import/group-undeclared"],
    ]);
    expect(found.isPartial).toBe(true);
    expect(JSON.stringify(found)).not.toContain("s3cret");
  });

  it("takes no host whose variables stand in a file that cannot be read", async () => {
    put("group_vars/db.yml", "ansible_port: [");
    put("host_vars/a/vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n");
    const found = await read("hosts", "[db]\na\n");
    expect([found.hosts, found.unreadHosts]).toEqual([[], ["a"]]);
    expect(said(found.unreadable)).toEqual([[1, "import/yaml-broken"]]);
    expect(said(found.notTaken)).toEqual([[null, "import/file-sealed"]]);
  });

  it("tells of a file of variables that is not there to be read, or no text, and takes no host", async () => {
    mkdirSync(join(directory, "host_vars"));
    symlinkSync("/nowhere", join(directory, "host_vars", "a.yml"));
    put("group_vars/db.yml", Buffer.from([0x61, 0x3a, 0x20, 0xff, 0x0a]));
    const found = await read("hosts", "[db]\na\n");
    expect([found.hosts, found.unreadHosts]).toEqual([[], ["a"]]);
    expect(found.unreadable.map(({ file, what }) => [file.slice(directory.length), what.code])).toEqual([
      ["/group_vars/db.yml", "import/not-text"],
      ["/host_vars/a.yml", "import/unreadable"],
    ]);
  });

  it("refuses what is no file of hosts, each by its name", async () => {
    const program = put("inventory.py", "#!/bin/sh\necho {}\n");
    chmodSync(program, 0o755);
    const own = { path: "/nowhere", aliases: () => Promise.resolve([]) };
    const codeOf = async (path: string): Promise<string> =>
      (await readHosts(path, null, own)).found.unreadable.map(({ what }) => what.code).join();
    expect(await codeOf(program)).toBe("import/is-program");
    expect(await codeOf(directory)).toBe("import/is-directory");
    expect(await codeOf(join(directory, "none"))).toBe("import/no-file");
    expect(await codeOf(put("utf16.csv", Buffer.from("\ufeffname\r\na\r\n", "utf16le")))).toBe("import/not-text");
    expect(await codeOf(put("sealed.yml", "$ANSIBLE_VAULT;1.1;AES256\n61\n"))).toBe("import/file-sealed");
    expect(await codeOf(put("plugin.yml", "plugin: aws_ec2\n"))).toBe("import/yaml-plugin");
    expect(await codeOf(put("ssh_config", "Host a\n"))).toBe("import/ssh-config-elsewhere");
  });
});

describe("hosts of tables and of ssh_config", () => {
  it("reads CSV with commas, semicolons or tabs, quotes, a byte order mark and Windows line ends", async () => {
    const expected = { "db 1": { host: "10.0.0.1", user: 'o"ps', port: 22 }, db2: { host: "db2" } };
    for (const separator of [",", ";", "\t"]) {
      const rows = [
        ["Name", "Address", "user", "Port", "group", "rack"],
        ['"db 1"', "10.0.0.1", '"o""ps"', "22", '"b, a"', "r1"],
        [],
        ["db2", "", "", "", "", '"two\r\nlines"'],
      ];
      const text = rows.map((row) => row.join(separator)).join("\r\n");
      const found = await read("hosts.csv", `\ufeff${text}\r\n`);
      expect(logins(found)).toEqual(expected);
      expect(found.hosts[0]?.groups).toEqual(["a", "b"]);
      expect(said(found.notTaken)).toEqual([[1, "import/csv-column"]]);
      expect(found.unreadable).toEqual([]);
    }
  });

  it("names the row of a table that is no host, and takes the others", async () => {
    const text = 'name,port\na,22\nb,99999\nc\nd,22\nd,23\n-e,1\n,22\n"f"x,22\n';
    const found = await read("hosts.csv", text);
    expect(Object.keys(logins(found))).toEqual(["a"]);
    expect(said(found.unreadable)).toEqual([
      [9, "import/csv-broken"],
      [3, "import/csv-row"],
      [4, "import/csv-row"],
      [6, "import/csv-name-twice"],
      [7, "import/csv-row"],
      [8, "import/csv-row"],
    ]);
    expect(said((await read("no.csv", "rack,user\nr1,ops\n")).unreadable)).toEqual([[1, "import/csv-no-name"]]);
    expect(said((await read("two.csv", "host,ip,name\n")).unreadable)).toEqual([[1, "import/csv-column-twice"]]);
  });

  it("takes the aliases of the ssh_config in use, which stays what says how to reach them", async () => {
    expect(logins(await read("config", "Host one two\n"))).toEqual({ one: { host: "one" }, two: { host: "two" } });
  });
});

describe("evenkeel import", () => {
  let lines: string[];
  const evenkeel = (...argv: readonly string[]): Promise<number> => {
    lines = [];
    const tell = (line: string): void => void lines.push(line);
    return runCommand([...argv, "--data", join(directory, "data"), "--ssh-config", put("config", "Host own\n")], {
      version: "0",
      standardDirectory: directory,
      out: tell,
      err: tell,
    });
  };
  const kept = (): readonly ImportedHost[] =>
    JSON.parse(readFileSync(join(directory, "data", "hosts.json"), "utf8")) as readonly ImportedHost[];

  it("shows what an import would change, and changes nothing until it is accepted", async () => {
    const path = put("hosts", "db1 ansible_user=ops\ndb2\n");
    expect(await evenkeel("import", path)).toBe(1);
    expect(lines).toEqual([
      "+ db1: ops@db1",
      "+ db2: db2",
      "2 new, 0 changed, 0 gone, 0 as before, 0 not read.",
      "Nothing was changed. Give --accept to apply this.",
    ]);
    expect(() => kept()).toThrow("ENOENT");
    expect(await evenkeel("import", path, "--accept")).toBe(0);
    expect(lines.at(-1)).toBe("Applied: 2 new, 0 changed, 0 removed.");
    put("hosts", "db1 ansible_user=root ansible_port=2222\ndb3\n");
    expect(await evenkeel("import", path, "--accept")).toBe(0);
    expect(lines.slice(0, 3)).toEqual(["+ db3: db3", "~ db1: user ops -> root; port - -> 2222", "- db2"]);
    expect(kept().map(({ name }) => name)).toEqual(["db1", "db3"]);
    expect(await evenkeel("import", path)).toBe(0);
    expect(lines).toEqual(["0 new, 0 changed, 0 gone, 2 as before, 0 not read."]);
  });

  it("takes no host out because a part of the file could not be read", async () => {
    const path = put("hosts", "a\nb\nc\n");
    expect(await evenkeel("import", path, "--accept")).toBe(0);
    put("hosts", "a\nb ansible_user={{x}}\nd 'open\n");
    expect(await evenkeel("import", path, "--accept")).toBe(1);
    expect(lines[0]).toContain(`! ${path}:3: `);
    expect(lines[1]).toContain(`! ${path}:2: `);
    expect(lines[2]).toBe("= c: kept, because a part of the file could not be read");
    expect(kept().map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(await evenkeel("import", join(directory, "none"))).toBe(3);
  });

  it("changes nothing while a recovery is under way, and says on which cluster", async () => {
    const here = world([{ name: "a", undo: "by" }]);
    await here.run();
    const journal = openJournal(join(directory, "data", "journal.log"), systemClock);
    const cluster: Cluster = {
      clusterId: here.last().clusterId,
      name: "orders",
      engine: "postgresql",
      nodes: [{ node: "db1", login: { host: "db1" } }],
      members: [{ member: "db1", node: "db1", settings: {} }],
      addedAt: 0,
    };
    put("data/inventory.json", JSON.stringify([cluster]));
    for (const run of here.journal.lines.filter(({ state }) => state === "running")) journal.write(run);
    const path = put("hosts", "db1 ansible_user=ops\n");
    expect(await evenkeel("import", path, "--accept")).toBe(3);
    expect(lines.at(-1)).toContain("A recovery is under way on orders. Nothing was changed");
    expect(() => kept()).toThrow("ENOENT");
    for (const run of here.journal.lines) journal.write(run);
    journal.close();
    expect(await evenkeel("import", path, "--accept")).toBe(0);
    expect(kept().map(({ name }) => name)).toEqual(["db1"]);
  });
});
