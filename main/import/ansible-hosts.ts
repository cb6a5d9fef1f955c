import type { ImportedHost, ImportProblem } from "../../contract/hosts";
import { loginSchema, type Login } from "../../contract/inventory";
import { createLookup, type FolderVariables, type Inventory } from "./ansible-inventory";
import type { Value, Variables } from "./ansible-value";
import { problem, type FoundHosts, type Position } from "./found";
import { readSshArguments, type SshArguments } from "./ssh-arguments";

/** The variables that say how to log in; of two names for one thing Ansible takes the last that is set. */
const hostNames = ["ansible_host", "ansible_ssh_host"];
const userNames = ["ansible_user", "ansible_ssh_user"];
const portNames = ["ansible_port", "ansible_ssh_port"];
const keyNames = ["ansible_private_key_file", "ansible_ssh_private_key_file"];
const passwordNames = ["ansible_password", "ansible_ssh_pass", "ansible_ssh_password"];
const overSsh = new Set(["ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh"]);

/** From joined variables to logins. What is sealed, a template, or not understood leaves its host out. */
export function ansibleHosts(inventory: Inventory, folders: FolderVariables, file: string): FoundHosts {
  const hosts: ImportedHost[] = [];
  const unreadHosts: string[] = [];
  const unreadable = new Gathered();
  const notTaken = new Gathered();
  const lookup = createLookup(inventory, folders);
  for (const name of inventory.hosts.keys()) {
    const read = loginOf(name, lookup.variablesOf(name), file);
    for (const { at, code, facts } of read.notTaken) notTaken.add(name, at, code, facts);
    for (const { at, code, facts } of read.unread) unreadable.add(name, at, code, facts);
    if (read.unread.length > 0) unreadHosts.push(name);
    else if (read.login !== null)
      hosts.push({ name, login: read.login, groups: [...lookup.groupsOf(name)], source: file });
  }
  return {
    hosts,
    unreadHosts,
    isPartial: inventory.problems.length > 0,
    unreadable: [...inventory.problems, ...unreadable.problems()],
    notTaken: notTaken.problems(),
  };
}

interface Said {
  readonly at: Position;
  readonly code: string;
  readonly facts: Readonly<Record<string, string>>;
}

interface ReadLogin {
  /** Null: not reached over SSH, or not understood. */
  readonly login: Login | null;
  readonly unread: readonly Said[];
  readonly notTaken: readonly Said[];
}

function loginOf(name: string, variables: Variables, file: string): ReadLogin {
  const unread: Said[] = [];
  const notTaken: Said[] = [];
  const lookUp = (names: readonly string[]): Text | null => textOf(names, variables, unread);
  const connection = lookUp(["ansible_connection"]);
  if (connection !== null && !overSsh.has(connection.text)) {
    const said = { at: connection.at, code: "import/not-ssh", facts: { connection: connection.text } };
    return { login: null, unread, notTaken: [said] };
  }
  const host = lookUp(hostNames);
  const user = lookUp(userNames);
  const port = lookUp(portNames);
  const key = lookUp(keyNames);
  const given = ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"].map((one) => ({
    text: lookUp([one]),
    variable: one,
  }));
  const read = given.map(({ text, variable }) => argumentsOf(text, variable, unread, notTaken));
  const first = (pick: (one: SshArguments) => string | null): string | null =>
    read.map((one) => (one === null ? null : pick(one))).find((one) => one !== null) ?? null;
  for (const variable of passwordNames) {
    const at = variables.get(variable)?.at;
    if (at !== undefined) notTaken.push({ at, code: "import/password", facts: { variable } });
  }
  // ansible_ssh_args stand before what the variables say on ssh's command line, the others behind; the first wins.
  const before = read[0];
  const keys = [...(before?.identityFiles ?? []), ...(key === null ? [] : [key.text]), ...restKeys(read)];
  const about = [key, host, port, user, ...given.map(({ text }) => text)].find((one) => one !== null);
  const at = about?.at ?? { file, line: null };
  if (new Set(keys).size > 1) unread.push({ at, code: "import/several-keys", facts: { keys: keys.join(", ") } });
  if (keys.some((path) => !/^(?:\/|~\/)/.test(path)))
    unread.push({ at, code: "import/key-relative", facts: { key: keys[0] ?? "" } });
  const draft = {
    host: host?.text ?? name,
    user: before?.user ?? user?.text ?? first((one) => one.user),
    port: before?.port ?? port?.text ?? first((one) => one.port),
    identityFile: keys[0] ?? null,
    jump: first((one) => one.jump),
  };
  const login = isHostName(name) ? loginFrom(draft) : null;
  if (!isHostName(name)) unread.push({ at, code: "import/name-wrong", facts: {} });
  else if (login === null)
    unread.push({
      at: host?.at ?? port?.at ?? user?.at ?? at,
      code: "import/login-wrong",
      facts: { login: [draft.user, draft.host, draft.port].filter((one) => one !== null).join(" ") },
    });
  return { login, unread, notTaken };
}

function restKeys(read: readonly (SshArguments | null)[]): readonly string[] {
  return read.slice(1).flatMap((one) => one?.identityFiles ?? []);
}

/** What a host may be called where it is kept. */
export function isHostName(name: string): boolean {
  return name !== "" && name.length <= 255 && !/\p{Cc}/u.test(name);
}

interface Draft {
  readonly host: string;
  readonly user: string | null;
  readonly port: string | null;
  readonly identityFile: string | null;
  readonly jump: string | null;
}

/** `ops@bastion:2222`, `ssh://bastion`, `[2001:db8::1]:22`, or `none`. */
const jumpHop = /^(?:ssh:\/\/)?(?:[^\s@,-][^\s@,]*@)?(?:\[[\da-fA-F:.%]+\]|[^\s:@,[\]-][^\s:@,[\]]*)(?::\d{1,5})?$/;

/** Null where a part is none: a port out of range, or a name that begins with a hyphen and would be an option to ssh. */
export function loginFrom({ host, user, port, identityFile, jump }: Draft): Login | null {
  const isName = (text: string): boolean => /^[^\s\p{Cc}-][^\s\p{Cc}]*$/u.test(text);
  if (!isName(host) || (user !== null && !isName(user)) || (port !== null && !/^\s*\d+\s*$/.test(port))) return null;
  if (jump !== null && !jump.split(",").every((hop) => jumpHop.test(hop))) return null;
  const parsed = loginSchema.safeParse({
    host,
    ...(user !== null && { user }),
    ...(port !== null && { port: Number(port) }),
    ...(identityFile !== null && { identityFile }),
    ...(jump !== null && { jump }),
  });
  return parsed.success ? parsed.data : null;
}

interface Text {
  readonly text: string;
  readonly at: Position;
}

/** The last of these that is set; sealed ones, templates and what is no plain value are said and give nothing. */
function textOf(names: readonly string[], variables: Variables, unread: Said[]): Text | null {
  let found: { readonly name: string; readonly value: Value } | null = null;
  for (const name of names) {
    const value = variables.get(name);
    if (value !== undefined && !(value.kind === "plain" && value.value === null)) found = { name, value };
  }
  if (found === null) return null;
  const { name: variable, value } = found;
  if (value.kind !== "plain" || typeof value.value === "boolean") {
    const code = value.kind === "vault" ? "import/variable-sealed" : "import/variable-no-text";
    unread.push({ at: value.at, code, facts: { variable } });
    return null;
  }
  const text = String(value.value);
  if (/\{[{%#]/.test(text)) {
    unread.push({ at: value.at, code: "import/variable-template", facts: { variable } });
    return null;
  }
  return text === "" && !hostNames.includes(variable) ? null : { text, at: value.at };
}

function argumentsOf(text: Text | null, variable: string, unread: Said[], notTaken: Said[]): SshArguments | null {
  if (text === null) return null;
  const read = readSshArguments(text.text);
  if (read === null) {
    unread.push({ at: text.at, code: "import/arguments-quote", facts: { variable } });
    return null;
  }
  for (const option of read.notTaken)
    notTaken.push({ at: text.at, code: "import/argument-not-taken", facts: { variable, option } });
  for (const option of read.unread)
    unread.push({ at: text.at, code: "import/argument-unread", facts: { variable, option } });
  return read;
}

/** What is said of many hosts for one line is said once, with their names. */
class Gathered {
  readonly #said = new Map<string, Said & { readonly hosts: string[] }>();

  add(host: string, at: Position, code: string, facts: Readonly<Record<string, string>>): void {
    const key = JSON.stringify([at, code, facts]);
    const known = this.#said.get(key);
    if (known === undefined) this.#said.set(key, { at, code, facts, hosts: [host] });
    else known.hosts.push(host);
  }

  problems(): ImportProblem[] {
    return [...this.#said.values()].map(({ at, code, facts, hosts }) =>
      problem(at, code, { ...facts, hosts: namesOf(hosts) }),
    );
  }
}

const mostNames = 5;

function namesOf(hosts: readonly string[]): string {
  const shown = hosts.slice(0, mostNames).join(", ");
  return hosts.length > mostNames ? `${shown}, … (${hosts.length})` : shown;
}
