import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { createLookup, type FolderVariables, type Inventory } from "../../main/import/ansible-inventory";
import { readAnsibleIni } from "../../main/import/ansible-ini";
import type { Value } from "../../main/import/ansible-value";
import { readAnsibleYaml } from "../../main/import/ansible-yaml";
import { readVariableFolders } from "../../main/import/variable-folders";

const run = promisify(execFile);
const hasAnsible = spawnSync("ansible-inventory", ["--version"]).status === 0;
/** Each starts a Python of its own, up to a second of work. */
const count = Number(process.env.EVENKEEL_INVENTORIES ?? 50);

interface Seen {
  /** Null: refused. */
  readonly hosts: Readonly<
    Record<string, { readonly variables: Readonly<Record<string, unknown>>; readonly groups: readonly string[] }>
  > | null;
}

/** What the real `ansible-inventory` makes of a file, and for which hosts and groups. */
async function byAnsible(path: string): Promise<Seen> {
  const environment = {
    PATH: process.env.PATH,
    HOME: dirname(path),
    LC_ALL: "C.UTF-8",
    ANSIBLE_CONFIG: join(dirname(path), "ansible.cfg"),
    ANSIBLE_INVENTORY_UNPARSED_FAILED: "true",
    ANSIBLE_INVENTORY_ENABLED: "yaml,ini",
  };
  const options = { env: environment, cwd: dirname(path), maxBuffer: 2 ** 26 };
  const answer = await run("ansible-inventory", ["-i", path, "--list"], options).catch(() => null);
  if (answer === null) return { hosts: null };
  type Listed = Record<string, { readonly hosts?: readonly string[]; readonly children?: readonly string[] }>;
  const { _meta, ...groups } = JSON.parse(answer.stdout) as Listed & {
    readonly _meta: { readonly hostvars: Record<string, Record<string, unknown>> };
  };
  const members = (name: string): readonly string[] => [
    ...(groups[name]?.hosts ?? []),
    ...(groups[name]?.children ?? []).flatMap(members),
  ];
  const names = new Set(Object.keys(groups).flatMap(members));
  const inGroups = Object.keys(groups).filter((name) => name !== "all" && name !== "ungrouped");
  const hosts = [...names].map((host) => [
    host,
    {
      variables: _meta.hostvars[host] ?? {},
      groups: inGroups.filter((name) => members(name).includes(host)).sort(),
    },
  ]);
  return { hosts: Object.fromEntries(hosts) as NonNullable<Seen["hosts"]> };
}

function shown(value: Value): unknown {
  switch (value.kind) {
    case "plain":
      return value.value;
    case "vault":
      return "sealed";
    case "structure":
      return "structure";
  }
}

function byEvenkeel(inventory: Inventory, folders: FolderVariables): Seen {
  if (inventory.problems.length > 0) return { hosts: null };
  const lookup = createLookup(inventory, folders);
  const hosts = [...inventory.hosts.keys()].map((host) => {
    const variables = [...lookup.variablesOf(host)].map(([name, value]) => [name, shown(value)]);
    return [host, { variables: Object.fromEntries(variables) as object, groups: lookup.groupsOf(host) }];
  });
  return { hosts: Object.fromEntries(hosts) as NonNullable<Seen["hosts"]> };
}

/** Sealed values and structures are compared by being there. */
function levelled(seen: Seen): Seen {
  return JSON.parse(
    JSON.stringify(seen, (_name, value: unknown) => {
      if (Array.isArray(value) && value.length > 0 && typeof value[0] === "number") return "structure";
      if (typeof value === "object" && value !== null && "__ansible_vault" in value) return "sealed";
      return typeof value === "object" && value !== null && "one" in value ? "structure" : value;
    }),
  ) as Seen;
}

const groupName = fc.constantFrom("db", "web", "zk", "prod", "east-1", "a", "b", "all", "ungrouped");
/** `all` and `ungrouped` hold and are held by rules of their own; nobody writes them as children. */
const childName = fc.constantFrom("db", "web", "zk", "prod", "east-1", "a", "b");
const hostName = fc.constantFrom(
  "db01",
  "db[01:03]",
  "web[a:c].example.org",
  "n[1:9:4]r[1:2]",
  "10.0.0.[1:3]",
  "10.0.0.9:2222",
  "db02:2022",
  "[2001:db8::5]:22",
  "zk_1",
  "host.example.org",
  "x[08:11]",
  "数据库",
);
const oddHost = fc.constantFrom("bad[1]", "bad[3:]", "bad[01:100]", "late:", "---", "a[1:3", "c[z:a]");
const variableName = fc.constantFrom(
  "ansible_host",
  "ansible_user",
  "ansible_port",
  "ansible_ssh_common_args",
  "note",
  "rack",
);
/** What a group may say; a word is as bad a priority to Ansible as to us. */
const groupVariable = fc.oneof(
  { weight: 20, arbitrary: variableName },
  { weight: 1, arbitrary: fc.constant("ansible_group_priority") },
);
const iniText = fc.constantFrom(
  "22",
  "0x16",
  "0o26",
  "022",
  "2_2",
  "1.5",
  "True",
  "yes",
  "None",
  '"quoted text"',
  "'single'",
  "plain",
  "{{ other }}",
  "[1, 2]",
  "a=b",
  "-J bastion",
  "10.0.0.1",
  "'a\\tb'",
  "-5",
  "007a",
  "é",
  "true",
  "1e3",
  "x # y",
  "22 # z",
);

/** What a host line says of a value, in the quotation marks that a line of words needs. */
function onHostLine(text: string): string {
  return /[\s#"']/.test(text) ? `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"` : text;
}

const hostLine = fc
  .tuple(
    fc.oneof({ weight: 60, arbitrary: hostName }, { weight: 1, arbitrary: oddHost }),
    fc.array(fc.tuple(variableName, iniText), { maxLength: 3 }),
    fc.constantFrom("", "   # said aside", "\t"),
  )
  .map(([host, variables, tail]) =>
    [host, ...variables.map(([name, text]) => `${name}=${onHostLine(text)}`)].join(" ").concat(tail),
  );
const section = fc.oneof(
  fc.tuple(groupName, fc.array(hostLine, { maxLength: 4 })).map(([name, lines]) => [`[${name}]`, ...lines]),
  fc
    .tuple(groupName, fc.array(fc.tuple(groupVariable, iniText), { maxLength: 3 }), fc.constantFrom("=", " = "))
    .map(([name, variables, middle]) => [`[${name}:vars]`, ...variables.map(([key, text]) => key + middle + text)]),
  fc
    .tuple(fc.oneof(childName, fc.constant("all")), fc.array(childName, { maxLength: 2 }))
    .map(([name, children]) => [`[${name}:children] # below`, ...children]),
);
/** So that most files have no undeclared group in them. */
const declarations = ["db", "web", "zk", "prod", "east-1", "a", "b"].map((name) => `[${name}]`);
const iniFile = fc
  .tuple(fc.array(hostLine, { maxLength: 3 }), fc.array(section, { maxLength: 8 }), fc.boolean())
  .map(([first, sections, isDeclared]) =>
    [...first, "; a remark", ...sections.flat(), ...(isDeclared ? declarations : [])].join("\n").concat("\n"),
  );

const yamlValue = fc.constantFrom<unknown>(
  22,
  "22",
  true,
  "yes",
  null,
  "plain",
  "{{ other }}",
  [1, 2],
  { one: 1 },
  "022",
  1.5,
);
const yamlVariables = fc.dictionary(variableName, yamlValue, { maxKeys: 3 });
const yamlGroupVariables = fc.dictionary(groupVariable, yamlValue, { maxKeys: 3 });
const yamlHosts = fc.dictionary(hostName, fc.option(yamlVariables), { maxKeys: 3 });
const { group: yamlGroup } = fc.letrec<{ group: unknown }>((tie) => ({
  group: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.constant(null),
    fc.record(
      {
        hosts: fc.oneof(yamlHosts, fc.constant("db01")),
        vars: yamlGroupVariables,
        children: fc.dictionary(childName, tie("group"), { maxKeys: 2 }),
      },
      { requiredKeys: [] },
    ),
  ),
}));
const yamlFile = fc
  .dictionary(groupName, yamlGroup, { minKeys: 1, maxKeys: 3 })
  .map((groups) => stringify(groups, { version: "1.1" }));
const folderFiles = fc.dictionary(
  fc.constantFrom(
    "group_vars/all.yml",
    "group_vars/db/1.yml",
    "group_vars/db/2.yaml",
    "group_vars/db.yml",
    "group_vars/web.json",
    "group_vars/east-1",
    "host_vars/db01.yaml",
    "host_vars/db02",
    "host_vars/zk_1/main.yml",
  ),
  yamlVariables.map((variables) => JSON.stringify(variables)),
  { maxKeys: 4 },
);

/** A value no inventory would hold, for which PyYAML and JSON differ, is not made: what is left out here is named above. */
async function compare(
  file: string,
  text: string,
  files: Readonly<Record<string, string>>,
  read: (text: string, file: string) => Inventory,
): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-ansible-"));
  try {
    for (const [name, content] of Object.entries({ ...files, [file]: text, "ansible.cfg": "" })) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), content);
    }
    const path = join(directory, file);
    const inventory = read(text, path);
    const { groups, hosts, budget } = inventory;
    const folders = await readVariableFolders(directory, [...groups.keys()], [...hosts.keys()], budget);
    // An inventory without hosts is refused by Ansible here, and is an empty one to us.
    if (inventory.problems.length === 0 && inventory.hosts.size === 0) return false;
    const expected = levelled(await byAnsible(path));
    expect({ text, files, ...byEvenkeel(inventory, folders.variables) }).toEqual({ text, files, ...expected });
    return expected.hosts !== null;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const insideAndBelowUngrouped = stringify({
  a: { hosts: { db01: null } },
  ungrouped: {
    hosts: { db01: null, db02: null },
    vars: { ansible_user: "ops" },
    children: { a: { hosts: { db03: null } } },
  },
});

describe.skipIf(!hasAnsible)("inventories as ansible-inventory reads them", () => {
  const known = { numRuns: count, endOnFailure: true };

  it(
    "reads INI inventories with their groups, ranges and variables as Ansible does",
    { timeout: 900_000 },
    async () => {
      let taken = 0;
      await fc.assert(
        fc.asyncProperty(iniFile, folderFiles, async (text, files) => {
          if (await compare("hosts", text, files, readAnsibleIni)) taken += 1;
        }),
        known,
      );
      console.log(`${count} INI inventories read as ansible-inventory reads them, ${taken} of them accepted by it`);
      expect(taken).toBeGreaterThan(count / 4);
    },
  );

  it(
    "reads YAML inventories with their groups, ranges and variables as Ansible does",
    { timeout: 900_000 },
    async () => {
      let taken = 0;
      await fc.assert(
        fc.asyncProperty(yamlFile, folderFiles, async (text, files) => {
          if (await compare("hosts.yml", text, files, readAnsibleYaml)) taken += 1;
        }),
        { ...known, examples: [[insideAndBelowUngrouped, {}]] },
      );
      console.log(`${count} YAML inventories read as ansible-inventory reads them, ${taken} of them accepted by it`);
      expect(taken).toBeGreaterThan(count / 4);
    },
  );
});
