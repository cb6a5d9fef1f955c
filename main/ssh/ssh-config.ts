import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, isAbsolute, join } from "node:path";
import type { Fact } from "../../contract/sentence";
import { matchesPattern } from "./known-hosts";
import { SshError } from "./ssh-error";

/** The desktop as ssh_config sees it. */
export interface Desktop {
  readonly homeDirectory: string;
  readonly user: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The lines of the user's config and then the system's, in the order in which OpenSSH reads them. */
export interface SshConfig {
  readonly blocks: readonly Block[];
  readonly desktop: Desktop;
}

/** Where something stands; lines are counted from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

export interface Block {
  readonly condition: Condition;
  /** Where it begins. */
  readonly at: Place;
  readonly entries: readonly Entry[];
}
export type Condition =
  | { readonly kind: "always" }
  | { readonly kind: "host"; readonly patterns: readonly string[] }
  | { readonly kind: "match"; readonly criteria: readonly string[] };
/** An Include inside a block counts only where that block does; the blocks it opens end with it. */
export type Entry =
  | { readonly kind: "setting"; readonly keyword: string; readonly words: readonly string[]; readonly at: Place }
  | { readonly kind: "include"; readonly blocks: readonly Block[] };

const systemConfig = "/etc/ssh/ssh_config";
const deepestInclude = 16;

/** The files a login is resolved from, in the order in which they count. With a file of one's own choice OpenSSH leaves the system's out (`ssh -F`). */
export function configFiles(path: string | null, desktop: Desktop): readonly string[] {
  return path === null ? [join(desktop.homeDirectory, ".ssh", "config"), systemConfig] : [path];
}

/** Reads ssh_config files with what they include. A missing file holds nothing; an unreadable or broken one is refused by name and line. */
export async function readSshConfig(path: string | null, desktop: Desktop): Promise<SshConfig> {
  const blocks: Block[] = [];
  for (const file of configFiles(path, desktop)) blocks.push(...(await readBlocks(file, desktop, 0)));
  return { blocks, desktop };
}

async function readBlocks(file: string, desktop: Desktop, depth: number): Promise<Block[]> {
  const text = await textOf(file);
  let current: Block & { entries: Entry[] } = { condition: { kind: "always" }, at: { file, line: 1 }, entries: [] };
  const blocks = [current];
  const begin = (condition: Condition, at: Place): void => void blocks.push((current = { condition, at, entries: [] }));
  for (const [index, raw] of text.split("\n").entries()) {
    const at = { file, line: index + 1 };
    const [first, ...rest] = wordsOf(raw, at);
    if (first === undefined) continue;
    const keyword = first.toLowerCase();
    if (keyword === "host") begin({ kind: "host", patterns: rest }, at);
    else if (keyword === "match") begin({ kind: "match", criteria: rest }, at);
    else if (keyword === "include")
      current.entries.push({ kind: "include", blocks: await readIncluded(rest, at, desktop, depth) });
    else current.entries.push({ kind: "setting", keyword, words: rest, at });
  }
  return blocks;
}

async function readIncluded(
  patterns: readonly string[],
  from: Place,
  desktop: Desktop,
  depth: number,
): Promise<Block[]> {
  if (depth >= deepestInclude) throw refused(from, "ssh/config.include-deep", { most: deepestInclude });
  const blocks: Block[] = [];
  for (const pattern of patterns) {
    const expanded = expandHome(pattern, desktop);
    // ssh_config(5): relative names are below ~/.ssh in a user's file, below /etc/ssh in the system's.
    const base = from.file === systemConfig ? dirname(systemConfig) : join(desktop.homeDirectory, ".ssh");
    const absolute = isAbsolute(expanded) ? expanded : join(base, expanded);
    for (const file of await filesLike(absolute)) blocks.push(...(await readBlocks(file, desktop, depth + 1)));
  }
  return blocks;
}

/** Wildcards are taken in the last part of the path only, which is how `Include config.d/*` is written. */
async function filesLike(pattern: string): Promise<readonly string[]> {
  if (!/[*?]/.test(pattern)) return [pattern];
  const directory = dirname(pattern);
  const names = await readdir(directory).catch((error: unknown) => absentAs<string[]>(error, []));
  return names
    .filter((name) => !name.startsWith(".") && matchesPattern(basename(pattern), name))
    .sort()
    .map((name) => join(directory, name));
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw refused({ file, line: null }, (error as Error).message);
  }
}

function absentAs<T>(error: unknown, value: T): T {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return value;
  throw error;
}

/** `problem` is a code of the catalogue, filled with `facts`, or what the system said. `line`: null where the whole file is meant. */
export function refused(
  { file, line }: { readonly file: string; readonly line: number | null },
  problem: string,
  facts: Readonly<Record<string, Fact>> = {},
): SshError {
  return new SshError("config-unreadable", "", { where: line === null ? file : `${file}:${line}`, problem, ...facts });
}

/** `Keyword value`, `Keyword=value`, `Keyword "a b" c`; `#` begins a comment at the start of a word. */
function wordsOf(raw: string, at: Place): readonly string[] {
  const text = raw.trim().replace(/^([A-Za-z]+)\s*=\s*/, "$1 ");
  if (text.startsWith("#")) return [];
  // A command is the rest of its line, quotation marks, `#` and all.
  const command = /^(ProxyCommand)\s+(.*)$/i.exec(text);
  if (command !== null) return command.slice(1);
  const words: string[] = [];
  for (const found of text.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\S+)/g)) {
    const word = found[1] ?? found[2] ?? found[3] ?? "";
    if (found[3]?.startsWith("#") === true) break;
    if (found[3]?.startsWith('"') === true) throw refused(at, "ssh/config.quote-open");
    words.push(word.replace(/\\(["'\\ ])/g, "$1"));
  }
  return words;
}

export function expandHome(path: string, desktop: Desktop): string {
  return path === "~" || path.startsWith("~/") ? join(desktop.homeDirectory, path.slice(1)) : path;
}
