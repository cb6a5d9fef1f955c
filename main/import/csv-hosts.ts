import { parse } from "csv-parse/sync";
import type { ImportedHost, ImportProblem } from "../../contract/hosts";
import { isHostName, loginFrom } from "./ansible-hosts";
import { nothingRead, problem, type FoundHosts } from "./found";
import { TooMuch } from "./too-much";

type Column = "name" | "host" | "user" | "port" | "identityFile" | "jump" | "groups";

/** What a column may be called, without regard to case, blanks and `_`. */
const columnNames: Readonly<Record<string, Column>> = {
  name: "name",
  hostname: "name",
  alias: "name",
  host: "host",
  address: "host",
  ip: "host",
  ansiblehost: "host",
  user: "user",
  username: "user",
  ansibleuser: "user",
  port: "port",
  sshport: "port",
  ansibleport: "port",
  identityfile: "identityFile",
  keyfile: "identityFile",
  key: "identityFile",
  jump: "jump",
  proxyjump: "jump",
  bastion: "jump",
  group: "groups",
  groups: "groups",
};

/** The parser makes an error, which takes its time, of each row that has not as many fields as the first. */
const mostRows = 50_000;

interface Row {
  readonly record: readonly string[];
  readonly line: number;
}

/**
 * Reads a table of hosts whose first line names the columns; separated by commas, semicolons or tabs, quoted as RFC 4180 says.
 * ```
 * name;address;user;port;jump;groups
 * db01;10.0.0.1;ops;2222;bastion;"db, prod"
 * ```
 * Throws TooMuch where it has more rows than can be read.
 */
export function readCsvHosts(text: string, file: string): FoundHosts {
  const unreadable: ImportProblem[] = [];
  const rows = rowsOf(text, file, unreadable);
  const [head, ...body] = rows;
  const columns = (head?.record ?? []).map((name) => columnOf(name));
  const nameColumn = columns.includes("name") ? "name" : "host";
  if (head === undefined || !columns.includes(nameColumn))
    return nothingRead(problem({ file, line: head?.line ?? 1 }, "import/csv-no-name"));
  const twice = columns.find((column, at) => column !== undefined && columns.indexOf(column) !== at);
  if (twice !== undefined) return nothingRead(problem({ file, line: head.line }, "import/csv-column-twice"));
  const notTaken = columns.flatMap((column, at) =>
    column === undefined
      ? [problem({ file, line: head.line }, "import/csv-column", { column: head.record[at] ?? "" })]
      : [],
  );
  const places = new Map(columns.flatMap((column, at) => (column === undefined ? [] : [[column, at] as const])));
  const isBroken = unreadable.length > 0;
  const hosts = new Map<string, ImportedHost>();
  const unreadHosts = new Set<string>();
  let isNameless = false;
  for (const { record, line } of body) {
    const cell = (column: Column): string => record[places.get(column) ?? -1]?.trim() ?? "";
    const name = cell(nameColumn);
    const read = record.length === columns.length ? hostFrom(name, cell, file) : null;
    if (read === null || hosts.has(name)) {
      const code = read === null ? "import/csv-row" : "import/csv-name-twice";
      unreadable.push(problem({ file, line }, code, { name, found: record.length, expected: columns.length }));
      // Of two rows with one name neither is the right one.
      hosts.delete(name);
      unreadHosts.add(name);
      isNameless ||= name === "";
    } else if (!unreadHosts.has(name)) hosts.set(name, read);
  }
  return {
    hosts: [...hosts.values()],
    unreadHosts: [...unreadHosts],
    isPartial: isBroken || isNameless,
    unreadable,
    notTaken,
  };
}

function columnOf(written: string): Column | undefined {
  const name = written
    .trim()
    .toLowerCase()
    .replace(/[\s_-]/g, "");
  return Object.hasOwn(columnNames, name) ? columnNames[name] : undefined;
}

function hostFrom(name: string, cell: (column: Column) => string, file: string): ImportedHost | null {
  const orNull = (column: Column): string | null => (cell(column) === "" ? null : cell(column));
  const login = loginFrom({
    host: orNull("host") ?? name,
    user: orNull("user"),
    port: orNull("port"),
    identityFile: orNull("identityFile"),
    jump: orNull("jump"),
  });
  if (login === null || !isHostName(name)) return null;
  const groups = cell("groups")
    .split(/[,;|\s]+/)
    .filter((group) => group !== "");
  return { name, login, groups: [...new Set(groups)].sort(), source: file };
}

function quoteProblem(code: string | undefined): string {
  switch (code) {
    case "CSV_QUOTE_NOT_CLOSED":
      return "import/csv.quote-open";
    case "INVALID_OPENING_QUOTE":
      return "import/csv.quote-inside";
    default:
      return "import/csv.quote-behind";
  }
}

function rowsOf(text: string, file: string, unreadable: ImportProblem[]): readonly Row[] {
  let skipped = 0;
  const rows: unknown = parse(text, {
    to: mostRows + 1,
    delimiter: separatorOf(text),
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      skipped += 1;
      if (skipped > mostRows) throw new TooMuch();
      const line = typeof error?.lines === "number" ? error.lines : null;
      // What the parser stumbles over after the first mark of a row says nothing new.
      if (unreadable.at(-1)?.line !== line || line === null)
        unreadable.push(problem({ file, line }, "import/csv-broken", { problem: quoteProblem(error?.code) }));
      return undefined;
    },
  });
  if ((rows as readonly unknown[]).length > mostRows) throw new TooMuch();
  return (rows as readonly { readonly record: readonly string[]; readonly info: { readonly lines: number } }[]).map(
    ({ record, info }) => ({ record, line: info.lines }),
  );
}

/** The one that the line of column names holds most of. */
function separatorOf(text: string): string {
  const head = text.replace(/^[\r\n]+/, "").split(/[\r\n]/, 1)[0] ?? "";
  const counted = [",", ";", "\t"].map((separator) => ({ separator, count: head.split(separator).length }));
  return counted.reduce((best, one) => (one.count > best.count ? one : best)).separator;
}
