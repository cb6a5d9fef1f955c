import type { ImportProblem } from "../../contract/hosts";
import type { Fact } from "../../contract/sentence";
import type { Value, Variables } from "./ansible-value";
import { problem, type Position } from "./found";
import {
  createBudget,
  stepsOfEdge,
  stepsOfGroup,
  stepsOfHost,
  stepsOfProblem,
  stepsOfVariable,
  type Budget,
} from "./too-much";

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
  readonly budget: Budget;
}

export function emptyInventory(): Inventory {
  const inventory: Inventory = { groups: new Map(), hosts: new Map(), problems: [], budget: createBudget() };
  groupOf(inventory, "all");
  groupOf(inventory, "ungrouped");
  return inventory;
}

/** What cannot be understood is kept too, and an alias leads to it as often as to anything else. */
export function addProblem(
  inventory: Inventory,
  at: Position,
  code: string,
  facts: Readonly<Record<string, Fact>> = {},
): void {
  inventory.budget.spend(stepsOfProblem, at);
  inventory.problems.push(problem(at, code, facts));
}

export function groupOf(inventory: Inventory, name: string): Group {
  const known = inventory.groups.get(name);
  if (known !== undefined) return known;
  inventory.budget.spend(stepsOfGroup);
  const group: Group = { name, hosts: new Set(), children: new Set(), variables: new Map(), priority: 1 };
  inventory.groups.set(name, group);
  return group;
}

/** Sets a group's variable, for what stands at this place; its priority is no variable to Ansible, and must be a whole number. */
export function setGroupVariable(inventory: Inventory, group: string, name: string, value: Value, at: Position): void {
  const { variables } = groupOf(inventory, group);
  inventory.budget.spend(stepsOfVariable, at);
  if (name !== "ansible_group_priority") {
    variables.set(name, value);
    return;
  }
  const priority = value.kind === "plain" ? wholeNumber(value.value) : null;
  if (priority === null) addProblem(inventory, value.at, "import/priority-no-number", { group });
  else groupOf(inventory, group).priority = priority;
}

function wholeNumber(value: string | number | boolean | null): number | null {
  if (typeof value === "string")
    return /^\s*[+-]?\d+(?:_\d+)*\s*$/.test(value) ? Number(value.replaceAll("_", "")) : null;
  return value === null ? null : Math.trunc(Number(value));
}

/** Hosts as one entry names them. */
export interface WrittenHosts {
  readonly names: readonly string[];
  /** Behind the name. */
  readonly port: number | null;
  readonly variables: Variables;
  readonly at: Position;
}

/** Adds hosts to a group. A port behind a name counts only where the host is named for the first time, as in Ansible. */
export function addHosts(inventory: Inventory, group: string, { names, port, variables, at }: WrittenHosts): void {
  inventory.budget.spend(names.length * (stepsOfHost + variables.size * stepsOfVariable), at);
  for (const name of names) {
    const known = inventory.hosts.get(name);
    const own = known ?? new Map<string, Value>();
    if (known === undefined && port !== null) own.set("ansible_port", { kind: "plain", value: port, at });
    for (const [key, value] of variables) own.set(key, value);
    inventory.hosts.set(name, own);
    groupOf(inventory, group).hosts.add(name);
  }
}

/** False where the group would come to hold itself. */
export function addChild(inventory: Inventory, parent: string, child: string): boolean {
  const below = (name: string): Iterable<string> => inventory.groups.get(name)?.children ?? [];
  if (child === "all" || child === parent || reachedFrom([child], below, inventory.budget).has(parent)) return false;
  groupOf(inventory, parent).children.add(child);
  return true;
}

/** These and all that is reached from them, step by step. */
function reachedFrom(
  names: Iterable<string>,
  next: (name: string) => Iterable<string>,
  budget: Budget,
): ReadonlySet<string> {
  const reached = new Set(names);
  // A set gives what is added to it while it is walked.
  for (const name of reached)
    for (const one of next(name)) {
      budget.spend(stepsOfEdge);
      reached.add(one);
    }
  return reached;
}

/** What an inventory that was read to its end says of each host. */
export interface Lookup {
  /** Every group a host is in, directly or through children, without `all` and `ungrouped`, by name. */
  groupsOf(host: string): readonly string[];
  /**
   * What holds for a host in the end. Later wins: `all` and then its groups in the file, `all` and then its groups in folders, the host in the
   * file and in its folder; groups the deeper after the shallower, then by `ansible_group_priority`, then by name.
   */
  variablesOf(host: string): Variables;
}

export function createLookup(inventory: Inventory, folders: FolderVariables): Lookup {
  const { budget } = inventory;
  const parents = parentsOf(inventory);
  const depths = depthsOf(inventory, parents);
  const direct = new Map<string, string[]>();
  for (const { name, hosts } of inventory.groups.values())
    if (name !== "all") for (const host of hosts) direct.set(host, [...(direct.get(host) ?? []), name]);

  /** A host that is named in any group is not ungrouped, wherever else it stands. */
  function everyGroupOf(host: string): readonly string[] {
    const named = direct.get(host) ?? [];
    const grouped = named.filter((name) => name !== "ungrouped");
    const from = grouped.length === 0 ? ["ungrouped"] : grouped;
    const found = new Set(reachedFrom(from, (name) => parents.get(name) ?? [], budget));
    // Also where one of its groups is a child of `ungrouped`: Ansible takes the host out of it by itself.
    if (grouped.length > 0 && grouped.length < named.length) found.delete("ungrouped");
    found.delete("all");
    budget.spend(found.size);
    return [...found].sort();
  }

  const priority = (name: string): number => inventory.groups.get(name)?.priority ?? 1;
  const own = (name: string): Variables => inventory.groups.get(name)?.variables ?? new Map<string, Value>();
  return {
    groupsOf: (host) => everyGroupOf(host).filter((name) => name !== "ungrouped"),
    variablesOf: (host) => {
      const ordered = [...everyGroupOf(host)].sort(
        (one, other) =>
          (depths.get(one) ?? 1) - (depths.get(other) ?? 1) ||
          priority(one) - priority(other) ||
          (one < other ? -1 : one > other ? 1 : 0),
      );
      const layers = [
        own("all"),
        ...ordered.map(own),
        folders.group("all"),
        ...ordered.map((name) => folders.group(name)),
        inventory.hosts.get(host) ?? new Map<string, Value>(),
        folders.host(host),
      ];
      const joined = new Map<string, Value>();
      for (const layer of layers) {
        budget.spend(layer.size);
        for (const [name, value] of layer) joined.set(name, value);
      }
      return joined;
    },
  };
}

function parentsOf(inventory: Inventory): ReadonlyMap<string, readonly string[]> {
  const parents = new Map<string, string[]>();
  for (const { name, children } of inventory.groups.values())
    for (const child of children) {
      const known = parents.get(child);
      if (known === undefined) parents.set(child, [name]);
      else known.push(name);
    }
  return parents;
}

/** The longest way down from `all`; groups without a parent stand right below it. No group holds itself, so each is reached by its last parent. */
function depthsOf(inventory: Inventory, parents: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, number> {
  const depths = new Map<string, number>();
  const waitsFor = new Map([...parents].map(([name, above]) => [name, above.length]));
  const ready = [...inventory.groups.keys()].filter((name) => !parents.has(name));
  for (const name of ready) {
    const depth = name === "all" ? 0 : Math.max(1, depths.get(name) ?? 1);
    depths.set(name, depth);
    for (const child of inventory.groups.get(name)?.children ?? []) {
      depths.set(child, Math.max(depths.get(child) ?? 1, depth + 1));
      const left = (waitsFor.get(child) ?? 1) - 1;
      waitsFor.set(child, left);
      if (left === 0) ready.push(child);
    }
  }
  return depths;
}

/** Variables from beside the inventory: `group_vars/<name>` and `host_vars/<name>`. */
export interface FolderVariables {
  readonly group: (name: string) => Variables;
  readonly host: (name: string) => Variables;
}
