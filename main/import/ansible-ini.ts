import {
  addChild,
  addHosts,
  addProblem,
  emptyInventory,
  groupOf,
  setGroupVariable,
  type Inventory,
} from "./ansible-inventory";
import { iniValue, type Value } from "./ansible-value";
import type { Position } from "./found";
import { hostsOf } from "./host-pattern";
import { shellWords } from "./shell-words";

type State = "hosts" | "children" | "vars";

/** Groups that were named before they are declared, with where and what asked for them. */
interface Pending {
  readonly name: string;
  readonly state: "children" | "vars";
  readonly at: Position;
}

/**
 * Reads an INI inventory by Ansible's own rules; a line it would refuse is a problem, and the lines after it are still read.
 * ```
 * [db]
 * db[01:12] ansible_port=2222 ansible_user=ops   # comment
 * [db:vars]
 * ansible_ssh_common_args='-J bastion'
 * [all_dbs:children]
 * db
 * ```
 */
export function readAnsibleIni(text: string, file: string): Inventory {
  const inventory = emptyInventory();
  const declared = new Set(["all", "ungrouped"]);
  const pending: Pending[] = [];
  let group = "ungrouped";
  let state: State = "hosts";
  for (const [index, raw] of text.split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/).entries()) {
    const line = raw.trim();
    const at = { file, line: index + 1 };
    if (line === "" || /^[#;]/.test(line)) continue;
    const section = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/.exec(line);
    if (section !== null) {
      group = section[1] ?? "";
      const found = stateOf(section[2]);
      // Whatever stands below an unknown section is not taken for hosts.
      if (found === null) addProblem(inventory, at, "import/section-unknown", { section: section[2] ?? "" });
      state = found ?? "vars";
      groupOf(inventory, group);
      if (state === "vars") pending.push({ name: group, state, at });
      else declared.add(group);
    } else if (line.startsWith("[") && line.endsWith("]")) addProblem(inventory, at, "import/section-broken");
    else if (state === "hosts") readHost(inventory, group, line, at);
    else if (state === "vars") readVariable(inventory, group, line, at);
    else {
      const child = /^([^:\]\s]+)\s*(?:#.*)?$/.exec(line)?.[1];
      if (child === undefined) addProblem(inventory, at, "import/group-name-broken");
      else {
        if (!addChild(inventory, group, child)) addProblem(inventory, at, "import/group-in-itself", { group, child });
        pending.push({ name: child, state, at });
      }
    }
  }
  for (const { name, state: asked, at } of pending)
    if (!declared.has(name)) addProblem(inventory, at, `import/group-undeclared`, { group: name, asked });
  return inventory;
}

function stateOf(written: string | undefined): State | null {
  if (written === undefined) return "hosts";
  return written === "hosts" || written === "children" || written === "vars" ? written : null;
}

function readVariable(inventory: Inventory, group: string, line: string, at: Position): void {
  const middle = line.indexOf("=");
  if (middle < 0) addProblem(inventory, at, "import/variable-broken");
  else {
    const value = iniValue(line.slice(middle + 1).trim(), at);
    setGroupVariable(inventory, group, line.slice(0, middle).trim(), value, at);
  }
}

function readHost(inventory: Inventory, group: string, line: string, at: Position): void {
  const words = shellWords(line, true);
  const [written, ...assignments] = words ?? [];
  if (written === undefined) {
    addProblem(inventory, at, "import/quote-open");
    return;
  }
  const found = hostsOf(written);
  const isBroken = found === null || (written.endsWith(":") && found.port === null) || written === "---";
  if (isBroken) {
    addProblem(inventory, at, "import/host-pattern-broken", { pattern: written });
    return;
  }
  const variables = new Map<string, Value>();
  for (const assignment of assignments) {
    const middle = assignment.indexOf("=");
    if (middle < 0) {
      addProblem(inventory, at, "import/assignment-broken", { host: written });
      return;
    }
    variables.set(assignment.slice(0, middle), iniValue(assignment.slice(middle + 1), at));
  }
  addHosts(inventory, group, { ...found, variables, at });
}
