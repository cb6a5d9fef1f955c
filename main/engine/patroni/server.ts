import { sentence } from "../../../contract/sentence";
import { countOf } from "../../probe/parse/key-values";
import { parseRows } from "../../probe/parse/rows";
import { NotThere, ParseError } from "../../probe/probe";
import { quote } from "../../ssh/quote";
import type { BlockCounters } from "../postgresql-server/blocks";

/** What PostgreSQL itself says, without Patroni. */
export interface ServerState extends BlockCounters {
  readonly isInRecovery: boolean;
  readonly timeline: number | null;
  readonly maxConnections: number;
  /** Null for a login without pg_read_all_stats, which sees nothing of other accounts' sessions. */
  readonly activity: {
    readonly connectionCount: number;
    /** Sessions that wait for a lock another one holds. */
    readonly lockWaitCount: number;
  } | null;
}

/**
 * The timeline as PostgreSQL's engine reads it, because pg_control_checkpoint() names the old one right after a promotion; the sessions too:
 * no row of them for a login that does not see them, to whom pg_stat_activity gives nulls.
 */
export const serverStatement = `SELECT pg_is_in_recovery() AS in_recovery,
 CASE WHEN pg_is_in_recovery() THEN (SELECT received_tli FROM pg_stat_wal_receiver)
  ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
 round(extract(epoch FROM pg_postmaster_start_time()) * 1000) AS started_at,
 a.connections, current_setting('max_connections') AS max_connections, a.lock_waits, d.hit_blocks, d.read_blocks
FROM (SELECT sum(blks_hit) AS hit_blocks, sum(blks_read) AS read_blocks FROM pg_stat_database) d
LEFT JOIN (SELECT count(*) FILTER (WHERE backend_type = 'client backend') AS connections,
  count(*) FILTER (WHERE wait_event_type = 'Lock') AS lock_waits
  FROM pg_stat_activity HAVING pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')) a ON true`;

/** `[{"in_recovery":"t","timeline":"1","started_at":"1795850106031","connections":"3","max_connections":"100","lock_waits":"0","hit_blocks":"3140","read_blocks":"224"}]` */
export function parseServer(text: string): ServerState {
  const row = parseRows("the server's state", text)[0];
  if (row === undefined) throw new ParseError("the server's state has no row", text);
  const connectionCount = row.numberOrNull("connections");
  return {
    isInRecovery: row.flag("in_recovery"),
    timeline: row.numberOrNull("timeline"),
    maxConnections: row.number("max_connections"),
    activity: connectionCount === null ? null : { connectionCount, lockWaitCount: row.number("lock_waits") },
    startedAt: row.number("started_at"),
    hitBlocks: row.numberOrNull("hit_blocks"),
    readBlocks: row.numberOrNull("read_blocks"),
  };
}

/** The server that Patroni started, by its host's own word, whoever answers. */
export type Postmaster =
  | { readonly kind: "not-running" }
  | {
      readonly kind: "running";
      readonly pid: number;
      readonly isStopped: boolean;
      /** Told by its children: only a server that takes writes has a WAL writer, only one in recovery a startup process. */
      readonly takesWrites: boolean | null;
    };

/** Builtins only. Patroni starts it with `-D <directory> --config-file=…`; a shell's `read` drops the zero bytes between the words. */
export function postmasterScript(dataDirectory: string): string {
  return `for p in /proc/[0-9]*; do
 name=; read -r name <"$p/comm" || continue
 case $name in postgres|postmaster) ;; *) continue;; esac
 line=; read -r line <"$p/cmdline"; case $line in *${quote([`-D${dataDirectory}--config-file=`])}*) ;; *) continue;; esac
 read -r line <"$p/stat" && echo "postmaster $line"
 children=; read -r children <"$p/task/\${p#/proc/}/children"
 for c in $children; do line=; read -r line <"/proc/$c/cmdline"
  case $line in *startup*|*walwriter*|*"wal writer"*) echo "child $line";; esac; done
done 2>/dev/null
[ -r /proc/1/stat ] && echo seen || echo hidden`;
}

/**
 * ```
 * postmaster 183 (postgres) S 1 183 183 0 -1 4194560 …
 * child postgres: lab: walwriter
 * seen
 * ```
 */
export function parsePostmaster(text: string): Postmaster {
  const lines = text.trim().split("\n");
  const found = lines.map((line) => /^postmaster (\d+) \(.*\) (\w) /.exec(line)).find((one) => one !== null);
  if (!lines.includes("seen") && !lines.includes("hidden")) throw new ParseError("whether PostgreSQL runs", text);
  if (found == null) {
    if (lines.includes("hidden")) throw new NotThere(sentence("probe/processes-hidden"));
    return { kind: "not-running" };
  }
  const hasChild = (pattern: RegExp): boolean => lines.some((line) => line.startsWith("child ") && pattern.test(line));
  return {
    kind: "running",
    pid: countOf("process id", found[1]),
    isStopped: found[2] === "T" || found[2] === "t",
    takesWrites: hasChild(/: wal ?writer\b/) ? true : hasChild(/: startup\b/) ? false : null,
  };
}
