import type { ImportProblem } from "../../contract/hosts";
import type { Value, Variables } from "./ansible-value";
import { problem } from "./found";

export interface Group {
  readonly name: string;
  readonly hosts: Set<string>;
  readonly children: Set<string>;
  readonly variables: Map<string, Value>;
  priority: number;
}

/** An inventory as it is written, before variables are joined. */
export interface Inventory {
  readonly groups: Map<string, Group>;
  /** Each host's own variables. */
  readonly hosts: Map<string, Map<string, Value>>;
  readonly problems: ImportProblem[];
}

export function emptyInventory(): Inventory {
  const inventory: Inventory = { groups: new Map(), hosts: new Map(), problems: [] };
  groupOf(inventory, "all");
  groupOf(inventory, "ungrouped");
  return inventory;
}

export function groupOf(inventory: Inventory, name: string): Group {
  const known = inventory.groups.get(name);
  if (known !== undefined) return known;
  const group: Group = { name, hosts: new Set(), children: new Set(), variables: new Map(), priority: 1 };
  inventory.groups.set(name, group);
  return group;
}

/** Sets a group's variable; its priority is no variable to Ansible, and must be a whole number. */
export function setGroupVariable(inventory: Inventory, group: string, name: string, value: Value): void {
  const { variables } = groupOf(inventory, group);
  if (name !== "ansible_group_priority") {
    variables.set(name, value);
    return;
  }
  const priority = value.kind === "plain" ? wholeNumber(value.value) : null;
  if (priority === null) inventory.problems.push(problem(value.at, "import/priority-no-number", { group }));
  else groupOf(inventory, group).priority = priority;
}

function wholeNumber(value: string | number | boolean | null): number | null {
  if (typeof value === "string")
    return /^\s*[+-]?\d+(?:_\d+)*\s*$/.test(value) ? Number(value.replaceAll("_", "")) : null;
  return value === null ? null : Math.trunc(Number(value));
}

/** Adds hosts to a group. A port behind a name counts only where the host is named for the first time, as in Ansible. */
export function addHosts(
  inventory: Inventory,
  group: string,
  names: readonly string[],
  port: Value | null,
  variables: Variables,
): void {
  for (const name of names) {
    const known = inventory.hosts.get(name);
    const own = known ?? new Map<string, Value>();
    if (known === undefined && port !== null) own.set("ansible_port", port);
    for (const [key, value] of variables) own.set(key, value);
    inventory.hosts.set(name, own);
    groupOf(inventory, group).hosts.add(name);
  }
}

/** False where the group would come to hold itself. */
export function addChild(inventory: Inventory, parent: string, child: string): boolean {
  if (child === "all" || child === parent || descendants(inventory, child).has(parent)) return false;
  groupOf(inventory, parent).children.add(child);
  return true;
}

function descendants(inventory: Inventory, name: string, seen = new Set<string>()): ReadonlySet<string> {
  for (const child of inventory.groups.get(name)?.children ?? []) {
    if (seen.has(child)) continue;
    seen.add(child);
    descendants(inventory, child, seen);
  }
  return seen;
}

/** Every group a host is in, directly or through children, without `all` and `ungrouped`, by name. */
export function groupsOf(inventory: Inventory, host: string): readonly string[] {
  return everyGroupOf(inventory, host).filter((name) => name !== "ungrouped");
}

/** A host that is named in any group is not ungrouped, wherever else it stands. */
function everyGroupOf(inventory: Inventory, host: string): readonly string[] {
  const parents = parentsOf(inventory);
  const found = new Set<string>();
  const add = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    parents.get(name)?.forEach(add);
  };
  const direct = [...inventory.groups.values()].filter(({ name, hosts }) => name !== "all" && hosts.has(host));
  const grouped = direct.filter(({ name }) => name !== "ungrouped");
  for (const { name } of grouped) add(name);
  if (grouped.length === 0) add("ungrouped");
  // Also where one of its groups is a child of `ungrouped`: Ansible takes the host out of it by itself.
  else if (grouped.length < direct.length) found.delete("ungrouped");
  found.delete("all");
  return [...found].sort();
}

function parentsOf(inventory: Inventory): ReadonlyMap<string, readonly string[]> {
  const parents = new Map<string, string[]>();
  for (const { name, children } of inventory.groups.values())
    for (const child of children) parents.set(child, [...(parents.get(child) ?? []), name]);
  return parents;
}

/** Variables from beside the inventory: `group_vars/<name>` and `host_vars/<name>`. */
export interface FolderVariables {
  readonly group: (name: string) => Variables;
  readonly host: (name: string) => Variables;
}

/**
 * What holds for a host in the end. Later wins: `all` and then its groups in the file, `all` and then its groups in folders, the host in the
 * file and in its folder; groups the deeper after the shallower, then by `ansible_group_priority`, then by name.
 */
export function variablesOf(inventory: Inventory, folders: FolderVariables, host: string): Variables {
  const ordered = inOrder(inventory, everyGroupOf(inventory, host));
  const own = (name: string): Variables => inventory.groups.get(name)?.variables ?? new Map<string, Value>();
  return new Map([
    ...own("all"),
    ...ordered.flatMap((name) => [...own(name)]),
    ...folders.group("all"),
    ...ordered.flatMap((name) => [...folders.group(name)]),
    ...(inventory.hosts.get(host) ?? []),
    ...folders.host(host),
  ]);
}

function inOrder(inventory: Inventory, names: readonly string[]): readonly string[] {
  const depths = depthsOf(inventory);
  const priority = (name: string): number => inventory.groups.get(name)?.priority ?? 1;
  return [...names].sort(
    (one, other) =>
      (depths.get(one) ?? 1) - (depths.get(other) ?? 1) ||
      priority(one) - priority(other) ||
      (one < other ? -1 : one > other ? 1 : 0),
  );
}

/** The longest way down from `all`; groups without a parent stand right below it. */
function depthsOf(inventory: Inventory): ReadonlyMap<string, number> {
  const parents = parentsOf(inventory);
  const depths = new Map<string, number>([["all", 0]]);
  const depthOf = (name: string): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    const depth = 1 + Math.max(0, ...(parents.get(name) ?? []).map(depthOf));
    depths.set(name, depth);
    return depth;
  };
  for (const name of inventory.groups.keys()) depthOf(name);
  return depths;
}
