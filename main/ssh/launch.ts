import type { Command } from "./access";
import { quote } from "./quote";
import { introduction } from "./shell-process";
import { ticketFunction } from "./sudo";

/**
 * The one command line a login shell ever gets to read. It holds no value and no character that bash, dash, zsh, fish
 * or tcsh would read differently; everything else travels on stdin to /bin/sh.
 */
export const launcher = "exec /bin/sh -s";

/**
 * A fixed environment, so that outputs do not depend on the account's language, time zone or search path. Debian's bash takes SSH_CLIENT
 * for a sign that it is the login shell, and reads ~/.bashrc before the command of any `bash -c`.
 */
const environment =
  "LC_ALL=C LANG=C TZ=UTC PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin; " +
  "export LC_ALL LANG TZ PATH; unset ENV BASH_ENV CDPATH SSH_CLIENT SSH2_CLIENT";

/** The words that run a command as another account, from a login that is `account`. */
export function commandLine(command: Command, login: { readonly account: string; readonly isRoot: boolean }): string {
  if (command.runAs === undefined || command.runAs === login.account) return quote(command.argv);
  const change = login.isRoot ? ["runuser", "-u", command.runAs, "--"] : ["sudo", "-n", "-u", command.runAs, "--"];
  return quote([...change, ...command.argv]);
}

/**
 * What a shell worker is told once, before any script; it says who it is, after a mark. `ek` frames a function: no subshell, so no
 * process.
 */
export function workerPreamble(mark: string): string {
  return (
    `${environment}\n${introduction(mark)}` +
    `ek() { printf '\\n%s\\n' "$1+"; "$2" </dev/null 2>/dev/null; printf '\\n%s %s\\n' "$1-" "$?"; }\n`
  );
}

/** Tells a script of builtins to the worker, so that asking for it again is a short line: bash reads what it is told a byte a call. */
export function toldScript(name: string, script: string): string {
  return `${name}() {\n${script}\n}\n`;
}

/** Asks the worker for what it was told under this name. */
export function framedRead(name: string, nonce: string): string {
  return `ek ${nonce} ${name}\n`;
}

/**
 * Frames a command line for a shell of its own; both streams are framed, because login scripts print on both. With `sudo` the shell
 * that runs the line gets its ticket first; its status is then what sudo gave.
 */
export function framedRun(
  line: string,
  stdin: string | undefined,
  nonce: string,
  sudo: { readonly listing: string } | null = null,
): string {
  const feed = stdin === undefined ? "" : `printf %s ${quote([stdin])} | `;
  const input = stdin === undefined ? " </dev/null" : "";
  const ticket =
    sudo === null
      ? ""
      : `ek_ticket ${nonce} ${sudo.listing} || { printf '%s\\n' "$said" >&2; exit 1; }; exec 3<&- 4>&-; `;
  return framed(
    (sudo === null ? "" : `${ticketFunction}\nexec 3<&0 4>&2\n`) +
      `${feed}( ${ticket}eval ${quote([line])}${sudo === null ? "" : '; exit "$?"'} )${input}\n`,
    nonce,
  );
}

/** Frames any script on both streams; the mark at its end carries the status of its last command. */
export function framed(script: string, nonce: string): string {
  return (
    `${environment}\ncd /\nprintf '\\n%s\\n' ${nonce}+\nprintf '\\n%s\\n' ${nonce}+ >&2\n` +
    script +
    `evenkeel_code=$?\nprintf '\\n%s\\n' ${nonce}- >&2\nprintf '\\n%s %s\\n' ${nonce}- "$evenkeel_code"\n`
  );
}

/** True where the command goes through sudo. */
export function needsSudo(command: Command, login: { readonly account: string; readonly isRoot: boolean }): boolean {
  return command.runAs !== undefined && command.runAs !== login.account && !login.isRoot;
}
