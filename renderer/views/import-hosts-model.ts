import type { ImportPreview } from "../../contract/hosts";
import type { Login } from "../../contract/inventory";

/** How many hosts accepting changes; what is kept although it is gone changes nothing. */
export function changeCount({ added, changed, gone }: ImportPreview): number {
  return added.length + changed.length + gone.filter(({ kept }) => kept === null).length;
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
