import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import type { ImportProblem } from "../../contract/hosts";
import type { FolderVariables } from "./ansible-inventory";
import type { Value, Variables } from "./ansible-value";
import { readBounded } from "./bounded-file";
import { problem } from "./found";
import { stepsOfVariable, TooMuch, type Budget } from "./too-much";
import { mostYamlBytes, readYaml } from "./yaml-reader";

/** The file's own name first, then with these ends; the first that is there is taken. */
const ends = ["", ".yml", ".yaml", ".json"];
/** In the directories of groups and hosts together. */
const mostNames = 10_000;

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
  budget: Budget,
): Promise<FoundFolders> {
  const reader = createReader(budget);
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

function createReader(budget: Budget): Reader {
  const unreadable: ImportProblem[] = [];
  const sealed: ImportProblem[] = [];
  /** Of all files together, so that many of them take no longer than one. */
  let leftBytes = mostYamlBytes;
  let leftNames = mostNames;

  /** A file, or the files of a directory in the order of their names, hidden ones and backups left out. */
  async function filesOf(path: string): Promise<readonly string[]> {
    if (!(await stat(path)).isDirectory()) return [path];
    const files: string[] = [];
    const names = [...(await readdir(path))].sort();
    // Links to one another can make more of a few directories than there is time for.
    leftNames -= 1 + names.length;
    if (leftNames < 0) throw new TooMuch({ file: path, line: null });
    for (const name of names) {
      if (name.startsWith(".") || name.endsWith("~")) continue;
      const below = join(path, name);
      const isDirectory = (await stat(below)).isDirectory();
      if (isDirectory ? extname(name) === "" : ends.includes(extname(name))) files.push(...(await filesOf(below)));
    }
    return files;
  }

  /** What cannot be read is told, and everything else is read all the same. */
  async function orUnreadable<T>(file: string, work: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof TooMuch) throw error;
      unreadable.push(problem({ file, line: null }, "import/unreadable", { problem: (error as Error).message }));
      return otherwise;
    }
  }

  async function fileVariables(file: string): Promise<Variables> {
    const whole = { file, line: null };
    const found = await readBounded(file, leftBytes);
    if (found.kind !== "read") {
      const isTooLarge = found.kind === "too-large";
      const what = isTooLarge ? "import/folders-too-large" : "import/no-plain-file";
      unreadable.push(problem(whole, what, isTooLarge ? { mostBytes: mostYamlBytes } : {}));
      return new Map();
    }
    leftBytes -= found.bytes.length;
    // Bytes that are no text would be read as other characters, and a name with them as another name.
    const text = textIn(found.bytes);
    if (text === null) {
      unreadable.push(problem(whole, "import/not-text"));
      return new Map();
    }
    if (text.startsWith("$ANSIBLE_VAULT;")) {
      sealed.push(problem({ file, line: null }, "import/file-sealed"));
      return new Map();
    }
    const yaml = readYaml(text, file, budget);
    if ("what" in yaml) {
      unreadable.push(yaml);
      return new Map();
    }
    const entries = yaml.root === null ? [] : yaml.entries(yaml.root);
    if (entries === null) unreadable.push(problem({ file, line: null }, "import/variables-no-mapping"));
    budget.spend((entries ?? []).length * stepsOfVariable, whole);
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

/** Null where the bytes are none of UTF-8. */
function textIn(bytes: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // The one thing a fatal decoder throws for.
    return null;
  }
}
