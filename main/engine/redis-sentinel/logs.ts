import type { Level } from "../../../contract/health";
import type { EngineLogs, LogPattern } from "../engine";
import { serverLogSources, serverPatterns, timeOfServerLine } from "../redis-server/logs";
import type { redisSentinelSettings } from "./settings";

function of(name: string, level: Level, pattern: RegExp): LogPattern {
  return { code: `redis-sentinel/log.${name}`, level, pattern };
}

export const redisSentinelLogs: EngineLogs<typeof redisSentinelSettings> = {
  sources: serverLogSources,
  timeOf: timeOfServerLine,
  patterns: [
    of("switched", "watch", /\+switch-master /),
    of("objectively-down", "critical", /\+odown master /),
    of("subjectively-down", "watch", /\+sdown (?:master|slave|sentinel) /),
    of("back", "ok", /-[so]down /),
    of("no-majority", "critical", /-failover-abort-not-elected /),
    of("no-good-replica", "critical", /-failover-abort-no-good-slave /),
    of("failover-stuck", "degraded", /-failover-abort-slave-timeout |\+failover-end-for-timeout /),
    of("failover-begun", "watch", /\+try-failover |\+elected-leader /),
    of("promoted", "watch", /\+promoted-slave /),
    of("demoted", "watch", /\+convert-to-slave /),
    of("tilt", "degraded", /\+tilt /),
    of("config-taken", "watch", /\+config-update-from /),
    ...serverPatterns("redis-sentinel"),
  ],
};
