import {
  addChild,
  addHosts,
  addProblem,
  emptyInventory,
  groupOf,
  setGroupVariable,
  type Inventory,
} from "./ansible-inventory";
import type { Value } from "./ansible-value";
import { hostsOf } from "./host-pattern";
import { stepsOfGroup } from "./too-much";
import { readYaml, type YamlFile } from "./yaml-reader";

/**
 * Reads a YAML inventory.
 * ```
 * all:
 *   children:
 *     db:
 *       hosts:
 *         db[01:12]:
 *           ansible_port: 2222
 *       vars:
 *         ansible_user: ops
 * ```
 */
export function readAnsibleYaml(text: string, file: string): Inventory {
  const inventory = emptyInventory();
  const yaml = readYaml(text, file, inventory.budget);
  if ("what" in yaml) {
    inventory.problems.push(yaml);
    return inventory;
  }
  const groups = yaml.entries(yaml.root);
  if (groups === null || groups.length === 0) addProblem(inventory, { file, line: null }, "import/yaml-no-groups");
  else if (groups.some(({ key }) => key === "plugin"))
    addProblem(inventory, { file, line: null }, "import/yaml-plugin");
  else
    for (const { key, keyNode, value } of groups)
      if (key === null) addProblem(inventory, yaml.positionOf(keyNode), "import/yaml-key-no-text");
      else readGroup(inventory, yaml, key, value, keyNode, 0);
  return inventory;
}

const deepestGroups = 100;

/** Gives the group's name; null where it is none. */
function readGroup(
  inventory: Inventory,
  yaml: YamlFile,
  name: string,
  body: unknown,
  keyNode: unknown,
  depth: number,
): string | null {
  // An alias may lead to the same group again and again, each time below another.
  const at = yaml.positionOf(keyNode);
  inventory.budget.spend(stepsOfGroup, at);
  const sections = yaml.entries(body);
  const isEmpty = isNothing(yaml, body);
  if ((sections === null && !isEmpty) || depth > deepestGroups) {
    addProblem(inventory, at, "import/yaml-no-group", { group: name });
    return null;
  }
  groupOf(inventory, name);
  for (const { key, keyNode: sectionKey, value } of sections ?? []) {
    if (isNothing(yaml, value)) continue;
    const entries = yaml.entries(value) ?? soleName(yaml, value, key);
    if (entries === null || (key !== "vars" && key !== "children" && key !== "hosts"))
      addProblem(inventory, yaml.positionOf(sectionKey), "import/yaml-section", { section: key ?? "?", group: name });
    else
      for (const entry of entries) {
        if (entry.key === null) addProblem(inventory, yaml.positionOf(entry.keyNode), "import/yaml-key-no-text");
        else if (key === "vars") setGroupVariable(inventory, name, entry.key, yaml.value(entry.value), at);
        else if (key === "hosts") readHost(inventory, yaml, name, entry.key, entry.value, entry.keyNode);
        else readChild(inventory, yaml, name, { ...entry, key: entry.key }, depth);
      }
  }
  return name;
}

function isNothing(yaml: YamlFile, node: unknown): boolean {
  const value = yaml.value(node);
  return value.kind === "plain" && value.value === null;
}

/** `hosts: db01` alone names one host. */
function soleName(
  yaml: YamlFile,
  node: unknown,
  section: string | null,
): readonly { key: string; keyNode: unknown; value: unknown }[] | null {
  const value = yaml.value(node);
  if (section === "vars" || value.kind !== "plain" || typeof value.value !== "string") return null;
  return [{ key: value.value, keyNode: node, value: null }];
}

function readChild(
  inventory: Inventory,
  yaml: YamlFile,
  group: string,
  { key, keyNode, value }: { readonly key: string; readonly keyNode: unknown; readonly value: unknown },
  depth: number,
): void {
  const child = readGroup(inventory, yaml, key, value, keyNode, depth + 1);
  if (child !== null && !addChild(inventory, group, child))
    addProblem(inventory, yaml.positionOf(keyNode), "import/group-in-itself", { group, child });
}

function readHost(
  inventory: Inventory,
  yaml: YamlFile,
  group: string,
  written: string,
  body: unknown,
  keyNode: unknown,
): void {
  const at = yaml.positionOf(keyNode);
  const found = hostsOf(written);
  const entries = isNothing(yaml, body) ? [] : yaml.entries(body);
  if (found === null) addProblem(inventory, at, "import/host-pattern-broken", { pattern: written });
  else if (entries === null) addProblem(inventory, at, "import/yaml-host", { host: written });
  else {
    // Also where the range comes to no host at all.
    inventory.budget.spend(entries.length, at);
    const variables = new Map<string, Value>(entries.map(({ key, value }) => [key ?? "", yaml.value(value)]));
    addHosts(inventory, group, { ...found, variables, at });
  }
}
