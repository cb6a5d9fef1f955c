import type { EngineLogs } from "../engine";
import { controlOf } from "../service";
import type { patroniSettings } from "./settings";

/**
 * ```
 * 2026-11-24 12:07:13,204 INFO: demoted self because DCS is not accessible and I was a leader
 * ```
 * in the host's own zone, which the line does not tell; under systemd the journal tells the time.
 */
export const patroniLogs: EngineLogs<typeof patroniSettings> = {
  sources: ({ settings }) => {
    const control = controlOf(settings.control);
    return [
      ...(control?.kind === "systemd" ? [{ kind: "journal", unit: control.unit } as const] : []),
      ...(settings.logFile === "" ? [] : [{ kind: "file", path: settings.logFile } as const]),
    ];
  },
  timeOf: () => null,
  patterns: [
    {
      code: "patroni/log.store-lost",
      level: "critical",
      pattern: /DCS is not accessible|Error communicating with DCS/,
    },
    {
      code: "patroni/log.demoting",
      level: "degraded",
      pattern: /Demoting self|demoted self|Lost lock while starting up/,
    },
    { code: "patroni/log.primary-crashed", level: "degraded", pattern: /(Primary|Leader) crashed\. Failing over/ },
    {
      code: "patroni/log.rewind-failed",
      level: "degraded",
      pattern: /Failed to rewind from healthy primary|Can not run pg_rewind/i,
    },
    {
      code: "patroni/log.diverged",
      level: "degraded",
      pattern:
        /forked off current database system timeline|does not contain minimum recovery point|is not in this server's history/,
    },
    { code: "patroni/log.rewind", level: "watch", pattern: /running pg_rewind from|pg_rewind exit code=/ },
    {
      code: "patroni/log.watchdog",
      level: "degraded",
      pattern: /watchdog could not be activated|Could not activate .{0,40}watchdog/i,
    },
    { code: "patroni/log.too-far-behind", level: "watch", pattern: /Member .{1,80} exceeds maximum replication lag/ },
    {
      code: "patroni/log.strict-waits",
      level: "critical",
      pattern: /No active replication connections and synchronous_mode_strict is requested/,
    },
    { code: "patroni/log.slow-loop", level: "watch", pattern: /Loop time exceeded, rescheduling immediately/ },
    { code: "patroni/log.reinitialize", level: "watch", pattern: /Removing data directory|trying to bootstrap from/ },
    { code: "patroni/log.failover-request", level: "watch", pattern: /received (?:failover|switchover) request/ },
    { code: "patroni/log.promoted", level: "ok", pattern: /promoted self to leader/ },
    { code: "patroni/log.system-id", level: "critical", pattern: /system ID mismatch/ },
  ],
};
