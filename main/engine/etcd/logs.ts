import type { EngineLogs } from "../engine";
import { controlOf } from "../service";
import type { etcdSettings } from "./settings";

/**
 * ```
 * {"level":"warn","ts":"2026-11-24T10:54:27.701Z","caller":"…","msg":"apply request took too long","took":"312ms"}
 * 2026-11-24 10:54:27.701768 W | etcdserver: read-only range request "key:\"a\" " … took too long (312ms) to execute
 * ```
 */
export const etcdLogs: EngineLogs<typeof etcdSettings> = {
  sources: ({ settings }) => {
    const control = controlOf(settings.control);
    return [
      ...(control?.kind === "systemd" ? [{ kind: "journal", unit: control.unit } as const] : []),
      ...(settings.logFile === "" ? [] : [{ kind: "file", path: settings.logFile } as const]),
    ];
  },
  timeOf: (line) => {
    const found = /"ts":"([^"]+)"|^(\d{4}-\d\d-\d\d[ T][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)/.exec(line);
    const text = (found?.[1] ?? found?.[2] ?? "").replace(" ", "T").replace(/(\.\d{3})\d+/, "$1");
    // Without a zone it is the host's own time, which is taken for UTC.
    const time = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
    return Number.isNaN(time) ? null : time;
  },
  patterns: [
    {
      code: "etcd/log.no-space",
      level: "critical",
      pattern: /message exceeded backend quota|alarm raised.*NOSPACE|database space exceeded/,
    },
    { code: "etcd/log.corrupt", level: "critical", pattern: /found hash mismatch|hash of another peer does not match/ },
    { code: "etcd/log.disk-full", level: "critical", pattern: /no space left on device/ },
    {
      code: "etcd/log.slow-disk",
      level: "degraded",
      pattern:
        /slow fdatasync|sync duration of [\d.]+m?s, expected less than|leader is overloaded likely from slow disk/,
    },
    {
      code: "etcd/log.slow-apply",
      level: "watch",
      pattern: /apply request(?:s)? took too long|took too long \([\d.]+m?s\) to execute/,
    },
    {
      code: "etcd/log.read-index-timeout",
      level: "degraded",
      pattern: /timed out waiting for read index response|waiting for ReadIndex response took too long/,
    },
    {
      code: "etcd/log.leader-lost",
      level: "watch",
      pattern: /lost leader [0-9a-f]+ at term|lost the TCP streaming connection|lost TCP streaming connection/,
    },
    {
      code: "etcd/log.leader-elected",
      level: "watch",
      pattern: /elected leader [0-9a-f]+ at term|became leader at term|changed leader from/,
    },
    {
      code: "etcd/log.peer-unreachable",
      level: "watch",
      pattern: /prober detected unhealthy status|health check for peer [0-9a-f]+ could not connect/,
    },
    {
      code: "etcd/log.clock-drift",
      level: "degraded",
      pattern: /prober found high clock drift|the clock difference against peer .* is too high/,
    },
    { code: "etcd/log.cluster-id", level: "critical", pattern: /request cluster ID mismatch/ },
    {
      code: "etcd/log.change-rejected",
      level: "watch",
      pattern: /rejecting member (?:add|remove|promote) request; not enough healthy members/,
    },
    {
      code: "etcd/log.removed",
      level: "degraded",
      pattern:
        /rejected (?:Raft )?message from removed member|the member has been permanently removed from the cluster/,
    },
    { code: "etcd/log.dropped", level: "watch", pattern: /dropped (?:internal )?Raft message since .* buffer is full/ },
  ],
};
