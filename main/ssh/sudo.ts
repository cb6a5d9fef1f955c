import type { Asker, Judged } from "./asker";
import type { Command, DurableState, Output } from "./access";
import { quote } from "./quote";
import { SshError, type SshErrorKind } from "./ssh-error";

/**
 * Makes sudo ready for one command: `ek_ticket <nonce> <words of sudo -l>` is true when the very command may now be run by
 * `sudo -n` from this shell. A password is asked for by a prompt nobody can foresee and read from descriptor 3; sudo writes to
 * descriptor 4. Where nothing asks for one (NOPASSWD, or a ticket that holds) nothing is asked. A ticket of a shell without a
 * terminal belongs to that shell, so this and the command must share one.
 */
export const ticketFunction = `ek_ticket() {
  nonce=$1
  shift
  if ! sudo -n -v 2>/dev/null; then
    listed=$(sudo -n -l "$@" 2>/dev/null)
    if [ -z "$listed" ] || ! sudo -n -l 2>/dev/null | grep -qF "NOPASSWD: \${listed%% *}"; then
      said="no password was accepted"
      sudo -S -p "$nonce?" -v <&3 2>&4 || return 1
    fi
  fi
  said=$(sudo -n -l "$@" 2>&1) && return
  said="\${said:-not allowed to run this command}"
  return 1
}`;

/** The prompt that is answered; any other text that asks for something is not. */
export function promptOf(nonce: string): string {
  return `${nonce}?`;
}

/** The words that `sudo -l` is asked about a command with. */
export function listingOf(command: Command): string {
  return quote(["-u", command.runAs ?? "root", "--", ...command.argv]);
}

export interface SudoPasswords {
  /** The password of a login's account; null when the person gave none. `attempt` counts from 1 and says that the last was wrong. */
  password(node: string, account: string, attempt: number): Promise<string | null>;
  /** Whether the last one was right; a wrong one is asked for again. */
  judge(node: string, account: string, isRight: boolean): void;
}

/** Two wrong passwords are a slip, a third may lock the account. */
export const sudoAttempts = 2;

/** Asked of the person once a session and kept in memory only. */
export function createSudoPasswords(asker: Asker): SudoPasswords {
  const known = new Map<string, { readonly secret: string; readonly judged: Judged | undefined }>();
  const asking = new Map<string, Promise<string | null>>();

  const keyOf = (node: string, account: string): string => `${account}@${node}`;

  function judge(node: string, account: string, isRight: boolean): void {
    const key = keyOf(node, account);
    known.get(key)?.judged?.(isRight);
    if (!isRight) known.delete(key);
  }

  async function ask(key: string, node: string, user: string, attempt: number): Promise<string | null> {
    const answer = await asker.ask({ kind: "sudo-password", node, user, attempt });
    if (answer.kind !== "secret") return null;
    known.set(key, { secret: answer.secret, judged: answer.judged });
    return answer.secret;
  }

  return {
    judge,
    password: (node, account, attempt) => {
      const key = keyOf(node, account);
      const remembered = known.get(key);
      if (remembered !== undefined && attempt === 1) return Promise.resolve(remembered.secret);
      if (attempt > 1) judge(node, account, false);
      const asked = asking.get(key) ?? ask(key, node, account, attempt).finally(() => asking.delete(key));
      asking.set(key, asked);
      return asked;
    },
  };
}

/**
 * What sudo says when it does not run a command, in the C locale:
 * ```
 * sudo: a password is required
 * sudo: no password was provided
 * sudo: 2 incorrect password attempts
 * Sorry, user evk may not run sudo on db-1.
 * Sorry, user evk is not allowed to execute '/usr/bin/id' as root on db-1.
 * sudo: sorry, you must have a tty to run sudo
 * sudo: command not found          (of the shell: no sudo here)
 * ```
 */
const problems: readonly (readonly [RegExp, SshErrorKind])[] = [
  [/must have a tty/, "sudo-needs-terminal"],
  [/incorrect password|Sorry, try again/, "sudo-password-wrong"],
  [/may not run sudo|not allowed to|not in the sudoers/, "sudo-not-allowed"],
  [/sudo: (command )?not found|sudo: inaccessible or not found/, "sudo-missing"],
  [/password is required|no password was/, "sudo-password-missing"],
];

/** Whether the password given for a command was right: it was where the command ran. Null where neither is seen. */
export function wasRightForRead({ ending, stderr }: Output): boolean | null {
  if (ending.kind !== "exited" && ending.kind !== "killed" && ending.kind !== "start-failed") return null;
  if (/^sudo: \d+ incorrect password attempts?$/m.test(stderr)) return false;
  return problems.some(([pattern]) => pattern.test(stderr)) ? null : true;
}

/** As above, of a command that changes a node. */
export function wasRightForChange(state: DurableState): boolean | null {
  switch (state.kind) {
    case "alive":
    case "dead":
    case "done":
      return true;
    case "refused":
      return state.error instanceof SshError && state.error.kind === "sudo-password-wrong" ? false : null;
    case "none":
    case "claimed":
    case "unseen":
      return null;
  }
}

/** The error for a command that sudo did not run; its remedy is the very line that would let it. */
export function sudoError(node: string, account: string, command: Command, said: string): SshError {
  const kind = problems.find(([pattern]) => pattern.test(said))?.[1] ?? "sudo-refused";
  return new SshError(kind, node, {
    account,
    runAs: command.runAs ?? "root",
    problem: said.trim().split("\n").at(-1) ?? "",
    sudoers: sudoersFor(account, [command]).trim(),
  });
}

/** True for what sudo says instead of running a command without a password. */
export function asksForPassword(stderr: string): boolean {
  return /^sudo: a password is required$/m.test(stderr);
}

/**
 * The lines that let an account run exactly these commands without a password, for a file in /etc/sudoers.d. A program without a
 * path is looked for where sudo looks by its `secure_path`, and is written as one below /usr/bin; correct it where it lies elsewhere.
 */
export function sudoersFor(account: string, commands: readonly Command[]): string {
  const lines = commands.map(({ argv: [program, ...words], runAs }) => {
    const path = program.startsWith("/") ? program : `/usr/bin/${program}`;
    // A command named without words would be allowed with any; `""` allows none.
    const rest = words.length === 0 ? '""' : words.map(sudoersWord).join(" ");
    return `${account} ALL=(${runAs ?? "root"}) NOPASSWD: ${sudoersWord(path)} ${rest}`;
  });
  return [...new Set(lines)].map((line) => `${line}\n`).join("");
}

/**
 * Escapes what sudoers(5) reads as its own: separators, and the wildcards of its patterns; a backslash is read twice, by the file's
 * reader and by the pattern. What a rule cannot say (a line break, a space at its end, `^`, which would begin a regular expression)
 * becomes `?`, any one character.
 */
function sudoersWord(word: string): string {
  return word
    .replaceAll("\\", "\\\\\\\\")
    .replace(/[,:=*?[\]! #]/g, (character) => `\\${character}`)
    .replace(/[\n^]|\\ $/g, "?");
}
