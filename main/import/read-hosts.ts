import { basename, dirname, extname } from "node:path";
import type { ImportFormat, ImportProblem } from "../../contract/hosts";
import { ansibleHosts } from "./ansible-hosts";
import type { Inventory } from "./ansible-inventory";
import { readAnsibleIni } from "./ansible-ini";
import { readAnsibleYaml } from "./ansible-yaml";
import { readBounded } from "./bounded-file";
import { readCsvHosts } from "./csv-hosts";
import { nothingRead, problem, type FoundHosts } from "./found";
import { TooMuch } from "./too-much";
import { readVariableFolders } from "./variable-folders";
import { mostYamlBytes } from "./yaml-reader";

export interface ReadFile {
  readonly format: ImportFormat;
  readonly found: FoundHosts;
}

/** The ssh_config in use: its path and the aliases in it. */
export interface OwnConfig {
  readonly path: string;
  readonly aliases: () => Promise<readonly string[]>;
}

const mostBytes = 16 * 2 ** 20;
const mostProblems = 500;

/** Reads the hosts a file names. Never throws for what is in the file, or for a file that cannot be read. */
export async function readHosts(path: string, asked: ImportFormat | null, own: OwnConfig): Promise<ReadFile> {
  const text = await textOf(path);
  if (typeof text !== "string") return { format: asked ?? formatOf(path, ""), found: text };
  const format = asked ?? formatOf(path, text);
  const found = await hostsIn(text, path, format, own).catch((error: unknown) => {
    if (error instanceof TooMuch) return nothingRead(problem(error.at ?? { file: path, line: null }, error.message));
    throw error;
  });
  return { format, found: { ...found, unreadable: few(found.unreadable, path), notTaken: few(found.notTaken, path) } };
}

async function hostsIn(text: string, path: string, format: ImportFormat, own: OwnConfig): Promise<FoundHosts> {
  switch (format) {
    case "csv":
      return readCsvHosts(text, path);
    case "ssh-config":
      return sshConfigHosts(path, own);
    case "ansible-ini":
      return joined(readAnsibleIni(text, path), path);
    case "ansible-yaml":
      if (text.length > mostYamlBytes)
        return nothingRead(problem({ file: path, line: null }, "import/too-large", { mostBytes: mostYamlBytes }));
      return joined(readAnsibleYaml(text, path), path);
  }
}

/** A person reads the first of them and mends the file. */
function few(problems: readonly ImportProblem[], path: string): readonly ImportProblem[] {
  if (problems.length <= mostProblems) return problems;
  const count = problems.length - mostProblems;
  return [...problems.slice(0, mostProblems), problem({ file: path, line: null }, "import/more-problems", { count })];
}

async function textOf(path: string): Promise<string | FoundHosts> {
  const whole = { file: path, line: null };
  try {
    const file = await readBounded(path, mostBytes);
    switch (file.kind) {
      case "directory":
        return nothingRead(problem(whole, "import/is-directory"));
      case "no-plain-file":
        return nothingRead(problem(whole, "import/no-plain-file"));
      case "too-large":
        return nothingRead(problem(whole, "import/too-large", { mostBytes }));
      case "read":
    }
    const { bytes, isExecutable } = file;
    if (isExecutable && bytes.subarray(0, 2).toString() === "#!")
      return nothingRead(problem(whole, "import/is-program"));
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (text.includes("\0")) return nothingRead(problem(whole, "import/not-text"));
    return text.startsWith("$ANSIBLE_VAULT;") ? nothingRead(problem(whole, "import/file-sealed")) : text;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return nothingRead(problem(whole, "import/not-text"));
    if (code === "ENOENT") return nothingRead(problem(whole, "import/no-file"));
    return nothingRead(problem(whole, "import/unreadable", { problem: message }));
  }
}

/** By the name's end, else by what the first line that says something looks like. */
function formatOf(path: string, text: string): ImportFormat {
  const end = extname(path).toLowerCase();
  if (end === ".csv" || end === ".tsv") return "csv";
  if (end === ".yml" || end === ".yaml" || end === ".json") return "ansible-yaml";
  if (end === ".ini") return "ansible-ini";
  if (/^(?:config|ssh_config)$/.test(basename(path))) return "ssh-config";
  const first = text.split("\n").find((line) => !/^\s*(?:[#;].*)?$/.test(line)) ?? "";
  if (/^\s*(?:Host|Match|Include)\s/i.test(first)) return "ssh-config";
  return /^(?:---|[\w"']+:\s*$)/.test(first) ? "ansible-yaml" : "ansible-ini";
}

async function joined(inventory: Inventory, path: string): Promise<FoundHosts> {
  const groups = [...inventory.groups.keys()];
  const folders = await readVariableFolders(dirname(path), groups, [...inventory.hosts.keys()], inventory.budget);
  const found = ansibleHosts(inventory, folders.variables, path);
  // A file of variables that cannot be read may hold the port or the user of any host: none of the hosts is known then.
  const isUnsure = folders.unreadable.length > 0;
  return {
    hosts: isUnsure ? [] : found.hosts,
    unreadHosts: isUnsure ? [...inventory.hosts.keys()] : found.unreadHosts,
    isPartial: found.isPartial,
    unreadable: [...found.unreadable, ...folders.unreadable],
    notTaken: [...found.notTaken, ...folders.sealed],
  };
}

/** Aliases of the config in use, which stays what says how to reach them; another file would be read without the rest of it. */
async function sshConfigHosts(path: string, own: OwnConfig): Promise<FoundHosts> {
  if (path !== own.path)
    return nothingRead(problem({ file: path, line: null }, "import/ssh-config-elsewhere", { own: own.path }));
  const aliases = await own.aliases();
  return {
    hosts: aliases.map((name) => ({ name, login: { host: name }, groups: [], source: path })),
    unreadHosts: [],
    isPartial: false,
    unreadable: [],
    notTaken: [],
  };
}
