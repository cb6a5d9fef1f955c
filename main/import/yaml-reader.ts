import {
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type ErrorCode,
  type Node,
} from "yaml";
import type { ImportProblem } from "../../contract/hosts";
import type { Value } from "./ansible-value";
import { problem, type Position } from "./found";
import type { Budget } from "./too-much";

/** A YAML file of Ansible's: where things stand in it, and its values without opening anything sealed. */
export interface YamlFile {
  readonly root: Node | null;
  readonly positionOf: (node: unknown) => Position;
  /** The entries of a mapping, `<<` joined in, the last of equal keys winning; null for anything else. */
  readonly entries: (node: unknown) => readonly Entry[] | null;
  readonly value: (node: unknown) => Value;
}

export interface Entry {
  /** Null where the key is no text. */
  readonly key: string | null;
  readonly keyNode: unknown;
  readonly value: unknown;
}

/** More is not read: reading YAML takes seconds a megabyte while everything else waits. */
export const mostYamlBytes = 4 * 2 ** 20;

const unclear = "import/yaml.unclear";
const yamlProblems: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: "import/yaml.alias",
  BAD_ALIAS: "import/yaml.alias",
  BAD_COLLECTION_TYPE: unclear,
  BAD_DIRECTIVE: "import/yaml.directive",
  BAD_DQ_ESCAPE: "import/yaml.escape",
  BAD_INDENT: "import/yaml.indent",
  BAD_PROP_ORDER: unclear,
  BAD_SCALAR_START: "import/yaml.scalar-start",
  BLOCK_AS_IMPLICIT_KEY: "import/yaml.nested",
  BLOCK_IN_FLOW: "import/yaml.nested",
  DUPLICATE_KEY: unclear,
  IMPOSSIBLE: unclear,
  KEY_OVER_1024_CHARS: "import/yaml.long-key",
  MISSING_CHAR: "import/yaml.missing",
  MULTILINE_IMPLICIT_KEY: "import/yaml.missing",
  MULTIPLE_ANCHORS: unclear,
  MULTIPLE_DOCS: "import/yaml.documents",
  MULTIPLE_TAGS: unclear,
  NON_STRING_KEY: unclear,
  RESOURCE_EXHAUSTION: "import/yaml.deep",
  TAB_AS_INDENT: "import/yaml.tab",
  TAG_RESOLVE_FAILED: "import/yaml.tag",
  UNEXPECTED_TOKEN: "import/yaml.unexpected",
};

/** Reads as YAML 1.1, as Ansible does: `yes` is true and `022` is 18. What its aliases multiply is spent from the budget. */
export function readYaml(text: string, file: string, budget: Budget): YamlFile | ImportProblem {
  const lines = new LineCounter();
  const sealed = ["!vault", "!vault-encrypted"].map((tag) => ({ tag, resolve: () => sealedMark }));
  const open = { tag: "!unsafe", resolve: (written: string) => written };
  const document = parseDocument(text, {
    version: "1.1",
    uniqueKeys: false,
    lineCounter: lines,
    logLevel: "silent",
    customTags: (known) => [...known, ...sealed, open],
  });
  const first = document.errors[0];
  if (first !== undefined)
    return problem({ file, line: first.linePos?.[0].line ?? null }, "import/yaml-broken", {
      problem: yamlProblems[first.code],
    });
  const positionOf = (node: unknown): Position => {
    const start = (node as Node | null)?.range?.[0];
    return { file, line: start === undefined ? null : lines.linePos(start).line };
  };
  const nodes: Nodes = { targets: targetsOf(document), known: new Map(), positionOf, budget };
  return {
    root: document.contents as Node | null,
    positionOf,
    entries: (node) => entriesOf(nodes, node),
    value: (node) => valueOf(resolved(nodes, node), positionOf(node)),
  };
}

const sealedMark = Symbol("sealed by ansible-vault");

interface Nodes {
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<unknown, Node>;
  /** Of mappings that were read: an alias may lead to one a thousand times. */
  readonly known: Map<unknown, readonly Entry[] | null>;
  readonly positionOf: (node: unknown) => Position;
  readonly budget: Budget;
}

/** An alias means the last node before it that has its anchor. Found in one pass: the library looks for each through the whole document. */
function targetsOf(document: Document): ReadonlyMap<unknown, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<unknown, Node>();
  visit(document, {
    Node: (_key, node) => {
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

function resolved({ targets }: Nodes, node: unknown): unknown {
  return isAlias(node) ? (targets.get(node) ?? null) : node;
}

function entriesOf(nodes: Nodes, written: unknown): readonly Entry[] | null {
  const node = resolved(nodes, written);
  if (!isMap(node)) return null;
  const known = nodes.known.get(node);
  if (known !== undefined) return known;
  // Whoever joins itself by `<<` finds nothing there.
  nodes.known.set(node, null);
  const found = new Map<unknown, Entry>();
  const pairs = node.items;
  for (const { key, value } of pairs)
    if (keyOf(key) === "<<") for (const one of mergedIn(nodes, value)) if (!found.has(one.key)) found.set(one.key, one);
  for (const { key, value } of pairs) {
    const name = keyOf(key);
    if (name !== "<<") found.set(name ?? key, { key: name, keyNode: key, value });
  }
  nodes.budget.spend(found.size, nodes.positionOf(node));
  const entries = [...found.values()];
  nodes.known.set(node, entries);
  return entries;
}

function mergedIn(nodes: Nodes, value: unknown): readonly Entry[] {
  const node = resolved(nodes, value) as { readonly items?: readonly unknown[] } | null;
  const merged = isMap(node)
    ? (entriesOf(nodes, node) ?? [])
    : (node?.items ?? []).flatMap((one) => entriesOf(nodes, one) ?? []);
  nodes.budget.spend(merged.length, nodes.positionOf(value));
  return merged;
}

function keyOf(key: unknown): string | null {
  if (!isScalar(key)) return null;
  // The merge key of YAML 1.1 is a symbol in this library once its tag is resolved.
  if (typeof key.value === "symbol") return key.source ?? "<<";
  return typeof key.value === "string" ? key.value : null;
}

function valueOf(node: unknown, at: Position): Value {
  if (node === null || node === undefined) return { kind: "plain", value: null, at };
  if (!isScalar(node)) return { kind: "structure", at };
  const { value } = node;
  if (value === sealedMark) return { kind: "vault", at };
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return { kind: "plain", value, at };
  return { kind: "structure", at };
}
