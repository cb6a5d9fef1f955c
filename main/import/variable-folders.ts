import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import type { ImportProblem } from "../../contract/hosts";
import type { FolderVariables } from "./ansible-inventory";
import type { Value, Variables } from "./ansible-value";
import { problem } from "./found";
import { readYaml } from "./yaml-reader";

/** The file's own name first, then with these ends; the first that is there is taken. */
const ends = ["", ".yml", ".yaml", ".json"];
/** Together; more is no set of variables any more, and it stands in this process's memory. */
const mostBytes = 16 * 2 ** 20;

export interface FoundFolders {
  readonly variables: FolderVariables;
  /** Files that could not be read: nobody knows what they would have said. */
  readonly unreadable: readonly ImportProblem[];
  /** Files that are sealed as a whole. */
  readonly sealed: readonly ImportProblem[];
}

/** Reads `group_vars` and `host_vars` beside an inventory, for these groups and hosts. */
export async function readVariableFolders(
  directory: string,
  groups: readonly string[],
  hosts: readonly string[],
): Promise<FoundFolders> {
  const reader = createReader();
  const ofGroups = await reader.folder(join(directory, "group_vars"), groups);
  const ofHosts = await reader.folder(join(directory, "host_vars"), hosts);
  return {
    variables: { group: (name) => ofGroups.get(name) ?? new Map(), host: (name) => ofHosts.get(name) ?? new Map() },
    unreadable: reader.unreadable,
    sealed: reader.sealed,
  };
}

interface Reader {
  readonly folder: (path: string, names: readonly string[]) => Promise<ReadonlyMap<string, Variables>>;
  readonly unreadable: ImportProblem[];
  readonly sealed: ImportProblem[];
}

function createReader(): Reader {
  const unreadable: ImportProblem[] = [];
  const sealed: ImportProblem[] = [];
  let leftBytes = mostBytes;

  /** What cannot be read is told, and everything else is read all the same. */
  async function orUnreadable<T>(file: string, work: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      unreadable.push(problem({ file, line: null }, "import/unreadable", { problem: (error as Error).message }));
      return otherwise;
    }
  }

  async function fileVariables(file: string): Promise<Variables> {
    const { size } = await stat(file);
    leftBytes -= size;
    if (leftBytes < 0) {
      unreadable.push(problem({ file, line: null }, "import/folders-too-large", { mostBytes }));
      return new Map();
    }
    // Bytes that are no text would be read as other characters, and a name with them as another name.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file));
    if (text.startsWith("$ANSIBLE_VAULT;")) {
      sealed.push(problem({ file, line: null }, "import/file-sealed"));
      return new Map();
    }
    const yaml = readYaml(text, file);
    if ("what" in yaml) {
      unreadable.push(yaml);
      return new Map();
    }
    const entries = yaml.root === null ? [] : yaml.entries(yaml.root);
    if (entries === null) unreadable.push(problem({ file, line: null }, "import/variables-no-mapping"));
    return new Map((entries ?? []).map(({ key, value }): [string, Value] => [key ?? "", yaml.value(value)]));
  }

  return {
    unreadable,
    sealed,
    folder: async (path, names) => {
      const found = new Map<string, Variables>();
      const present = new Set(await orUnreadable(path, () => namesIn(path), []));
      for (const name of names) {
        const end = ends.find((one) => present.has(`${name}${one}`));
        // A name with a slash is a chroot of Ansible's and has no folder.
        if (end === undefined || name.includes("/")) continue;
        const joined = new Map<string, Value>();
        const at = join(path, `${name}${end}`);
        for (const file of await orUnreadable(at, () => filesOf(at), []))
          for (const [key, value] of await orUnreadable(file, () => fileVariables(file), new Map()))
            joined.set(key, value);
        found.set(name, joined);
      }
      return found;
    },
  };
}

async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}

/** A file, or the files of a directory in the order of their names, hidden ones and backups left out. */
async function filesOf(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const files: string[] = [];
  for (const name of [...(await readdir(path))].sort()) {
    if (name.startsWith(".") || name.endsWith("~")) continue;
    const below = join(path, name);
    const isDirectory = (await stat(below)).isDirectory();
    if (isDirectory ? extname(name) === "" : ends.includes(extname(name))) files.push(...(await filesOf(below)));
  }
  return files;
}
