import type { ImportPreview } from "../../contract/hosts";
import type { Login } from "../../contract/inventory";

export interface Changes {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  /** What is kept although it is gone counts here too. */
  readonly unchanged: number;
  readonly total: number;
}

/** How many hosts accepting would change, and how. */
export function changesOf({ added, changed, gone, unchangedCount }: ImportPreview): Changes {
  const removed = gone.filter(({ kept }) => kept === null).length;
  return {
    added: added.length,
    changed: changed.length,
    removed,
    unchanged: unchangedCount + gone.length - removed,
    total: added.length + changed.length + removed,
  };
}

/** A login as one would write it for ssh. */
export function shownLogin({ host, user, port, identityFile, jump }: Login): string {
  return [
    `${user === undefined ? "" : `${user}@`}${host}`,
    ...(port === undefined ? [] : [`-p ${port}`]),
    ...(identityFile === undefined ? [] : [`-i ${identityFile}`]),
    ...(jump === undefined ? [] : [`-J ${jump}`]),
  ].join(" ");
}
