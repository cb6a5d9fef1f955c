import type { EngineLogs } from "../engine";
import type { postgresqlSettings } from "./settings";

/**
 * With the usual log_line_prefix `%m [%p]`:
 * ```
 * 2026-11-24 10:58:12.345 UTC [57] LOG:  database system is ready to accept connections
 * ```
 * The zone is the server's own; one that is not UTC or a number cannot be told apart from a name and gives no time.
 */
function timeOf(line: string): number | null {
  const found = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,3})?) (UTC|GMT|[+-]\d\d)\b/.exec(line);
  if (found === null) return null;
  const zone = found[3] === "UTC" || found[3] === "GMT" ? "Z" : `${found[3] ?? ""}:00`;
  const at = Date.parse(`${found[1] ?? ""}T${found[2] ?? ""}${zone}`);
  return Number.isNaN(at) ? null : at;
}

/** Message texts of PostgreSQL 15 to 18; translated servers are not understood. */
export const postgresqlLogs: EngineLogs<typeof postgresqlSettings> = {
  sources: ({ settings }) => [
    ...(settings.logFile === "" ? [] : [{ kind: "file", path: settings.logFile } as const]),
    ...(settings.control.endsWith(".service") ? [{ kind: "journal", unit: settings.control } as const] : []),
  ],
  timeOf,
  patterns: [
    { code: "postgresql/log.panic", level: "critical", pattern: /PANIC: / },
    { code: "postgresql/log.disk-full", level: "critical", pattern: /No space left on device/ },
    { code: "postgresql/log.corruption", level: "critical", pattern: /invalid page in block|page verification failed/ },
    { code: "postgresql/log.could-not-fsync", level: "critical", pattern: /could not fsync file/ },
    { code: "postgresql/log.wraparound", level: "critical", pattern: /is not accepting commands .{0,80}wraparound/ },
    { code: "postgresql/log.killed", level: "degraded", pattern: /was terminated by signal/ },
    {
      code: "postgresql/log.wal-removed",
      level: "degraded",
      pattern: /requested WAL segment \S+ has already been removed/,
    },
    {
      code: "postgresql/log.slot-invalidated",
      level: "degraded",
      pattern: /invalidating (obsolete )?(replication )?slot/,
    },
    {
      code: "postgresql/log.diverged",
      level: "degraded",
      pattern: /forked off current database system timeline|is behind recovery timeline/,
    },
    {
      code: "postgresql/log.too-many-clients",
      level: "degraded",
      pattern: /too many clients already|remaining connection slots are reserved/,
    },
    {
      code: "postgresql/log.replication-timeout",
      level: "watch",
      pattern: /terminating walsender process due to replication timeout/,
    },
    { code: "postgresql/log.recovery-conflict", level: "watch", pattern: /due to conflict with recovery/ },
    { code: "postgresql/log.archive-failed", level: "degraded", pattern: /archive command failed/ },
    {
      code: "postgresql/log.checkpoints-frequent",
      level: "watch",
      pattern: /checkpoints are occurring too frequently/,
    },
    { code: "postgresql/log.promoted", level: "ok", pattern: /received promote request|selected new timeline ID/ },
    { code: "postgresql/log.ready", level: "ok", pattern: /database system is ready to accept/ },
    {
      code: "postgresql/log.interrupted",
      level: "watch",
      pattern: /database system was (not properly shut down|interrupted)/,
    },
  ],
};
