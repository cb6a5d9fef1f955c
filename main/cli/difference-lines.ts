import type { ImportPreview, ImportProblem } from "../../contract/hosts";
import type { Login } from "../../contract/inventory";
import { sentence, type Sentence } from "../../contract/sentence";
import { visible } from "../../contract/visible";

type Tell = (one: Sentence) => string;

/** An import's preview in lines, as `diff` would write it: `+` new, `~` changed, `-` gone, `=` kept, `!` not read, `?` not taken over. */
export function differenceLines(preview: ImportPreview, tell: Tell): readonly string[] {
  const { added, changed, gone, unchangedCount, unreadable, notTaken } = preview;
  const shown = (value: string | null): string => (value === null || value === "" ? "-" : value);
  const lines = [
    ...unreadable.map((one) => `! ${placed(one, tell)}`),
    ...notTaken.map((one) => `? ${placed(one, tell)}`),
    ...added.map(({ name, login }) => `+ ${name}: ${shownLogin(login)}`),
    ...changed.map(({ host, changes }) => {
      const all = changes.map(({ field, before, after }) => `${field} ${shown(before)} -> ${shown(after)}`);
      return `~ ${host.name}: ${all.join("; ")}`;
    }),
    ...gone.map(({ host, kept }) => (kept === null ? `- ${host.name}` : `= ${host.name}: ${tell(kept)}`)),
  ];
  const counts = sentence("cli/import-counts", {
    added: added.length,
    changed: changed.length,
    gone: gone.filter(({ kept }) => kept === null).length,
    unchanged: unchangedCount,
    unreadable: unreadable.length,
  });
  return [...lines.map((line) => visible(line.replaceAll("\n", "\\n"))), tell(counts)];
}

function placed({ file, line, what }: ImportProblem, tell: Tell): string {
  return `${file}${line === null ? "" : `:${line}`}: ${tell(what)}`;
}

function shownLogin({ host, user, port, identityFile, jump }: Login): string {
  return [
    `${user === undefined ? "" : `${user}@`}${host}${port === undefined ? "" : `:${port}`}`,
    ...(identityFile === undefined ? [] : [`-i ${identityFile}`]),
    ...(jump === undefined ? [] : [`-J ${jump}`]),
  ].join(" ");
}
