import type { EngineLogs } from "../engine";
import { controlOf } from "../service";
import type { zookeeperSettings } from "./settings";

/**
 * ```
 * 2026-11-23 22:38:51,818 - INFO  [QuorumPeer[myid=1](plain=[0:0:0:0:0:0:0:0]:2181)(secure=disabled):QuorumPeer@1537] - FOLLOWING
 * ```
 * The time is the host's own, without a zone.
 */
export const zookeeperLogs: EngineLogs<typeof zookeeperSettings> = {
  sources: ({ settings }) => {
    const control = controlOf(settings.control);
    return [
      ...(settings.logFile === "" ? [] : [{ kind: "file", path: settings.logFile } as const]),
      ...(control?.kind === "systemd" ? [{ kind: "journal", unit: control.unit } as const] : []),
      { kind: "file", path: "/var/log/zookeeper/zookeeper.log" },
    ];
  },
  timeOf: (line) => {
    const found = /(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)[,.](\d{3})/.exec(line);
    const [, day, time, milliseconds] = found ?? [];
    const moment = Date.parse(`${day ?? ""}T${time ?? ""}.${milliseconds ?? ""}Z`);
    return Number.isNaN(moment) ? null : moment;
  },
  patterns: [
    { code: "zookeeper/log.process-dies", level: "critical", pattern: /Severe unrecoverable error/ },
    { code: "zookeeper/log.digest", level: "critical", pattern: /Digests? (?:are not matching|version not the same)/ },
    { code: "zookeeper/log.disk-full", level: "critical", pattern: /No space left on device/ },
    {
      code: "zookeeper/log.data-damaged",
      level: "critical",
      pattern: /Unable to load database on disk|No snapshot found|Last transaction was partial/,
    },
    { code: "zookeeper/log.slow-disk", level: "degraded", pattern: /fsync-ing the write ahead log in .* took \d+ ?ms/ },
    { code: "zookeeper/log.too-many-connections", level: "watch", pattern: /Too many connections from/ },
    {
      code: "zookeeper/log.packet-too-large",
      level: "degraded",
      pattern: /Len error \d+|Packet len ?-?\d+ is out of range/,
    },
    {
      code: "zookeeper/log.leader-lost",
      level: "watch",
      pattern:
        /Exception when following the leader|Shutting down\. Not sufficient followers synced|Unexpected exception causing shutdown while sock still open/,
    },
    {
      code: "zookeeper/log.election",
      level: "watch",
      pattern:
        /New election\. My id|LEADING - LEADER ELECTION TOOK|FOLLOWING - LEADER ELECTION TOOK|Peer state changed: looking|Notification time ?out/,
    },
    {
      code: "zookeeper/log.peer-unreachable",
      level: "watch",
      pattern: /Cannot open channel to \d+ at election address/,
    },
    { code: "zookeeper/log.session-expired", level: "watch", pattern: /Expiring session 0x[0-9a-f]+/ },
  ],
};
