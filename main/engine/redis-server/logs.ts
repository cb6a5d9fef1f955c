import type { Level } from "../../../contract/health";
import type { LogPattern, LogSource } from "../engine";
import { controlOfServer, type RedisServerSite } from "./settings";

/** Its own file first; a server without one writes to what keeps it. */
export function serverLogSources(site: RedisServerSite): readonly LogSource[] {
  const { logFile } = site.settings;
  const control = controlOfServer(site);
  return [
    ...(logFile === "" ? [] : [{ kind: "file", path: logFile } as const]),
    ...(control?.kind === "systemd" ? [{ kind: "journal", unit: control.unit } as const] : []),
  ];
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * The server writes the host's local time without its zone; it is read as UTC, and off by the zone where the host has another.
 * ```
 * 80:M 23 Nov 2026 21:54:59.675 # Configuration change detected. Reconfiguring myself as a replica of c3d37c…
 * ```
 */
export function timeOfServerLine(line: string): number | null {
  const found = /^\d+:[CMSX] (\d{1,2}) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d)\.(\d{3}) /.exec(line);
  if (found === null) return null;
  const [, day, month = "", year, ...clock] = found;
  const [hours, minutes, seconds, milliseconds] = clock.map(Number);
  const at = months.indexOf(month);
  return at < 0 ? null : Date.UTC(Number(year), at, Number(day), hours, minutes, seconds, milliseconds);
}

/** Lines that any server may write, cluster or not. */
export function serverPatterns(engine: string): readonly LogPattern[] {
  const of = (name: string, level: Level, pattern: RegExp): LogPattern => ({
    code: `${engine}/log.${name}`,
    level,
    pattern,
  });
  return [
    of("output-limit", "degraded", /scheduled to be closed ASAP for overcoming of output buffer limits/),
    of(
      "full-copy",
      "watch",
      /Full resync (?:from master|requested by replica)|Unable to partial resync|Partial resynchronization not accepted/,
    ),
    of(
      "link-lost",
      "watch",
      /Connection with (?:master|replica) .*lost|Connection with master lost|MASTER timeout: no data nor PING/,
    ),
    of(
      "save-fails",
      "critical",
      /MISCONF|Background saving error|Failed opening the (?:temp )?RDB file|Can't save in background: fork/,
    ),
    of(
      "append-fails",
      "critical",
      /Error writing to the AOF file|Short write while writing to the AOF file|AOF write error/,
    ),
    of("append-slow", "watch", /Asynchronous AOF fsync is taking too long/),
    of("out-of-memory", "critical", /Out Of Memory allocating|OOM command not allowed/),
    of(
      "file-damaged",
      "critical",
      /Fatal error loading the DB|Bad file format reading the append only file|Unexpected end of file reading the append only file/,
    ),
    of("overcommit-off", "watch", /WARNING (?:Memory overcommit must be enabled|overcommit_memory is set to 0)/),
    of("max-clients", "degraded", /max number of clients reached/),
    of("started", "watch", /Ready to accept connections/),
    of("stopping", "watch", /User requested shutdown|Received SIG(?:TERM|INT) scheduling shutdown/),
  ];
}
