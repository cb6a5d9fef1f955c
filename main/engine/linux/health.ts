import type { Subject } from "../../../contract/health";
import { sentence, type Sentence } from "../../../contract/sentence";
import type { HealthRule, Sighting } from "../engine";
import { clockOffsetMs, type Host, type HostsSnapshot } from "./snapshot";

const memoryWatchRatio = 0.1;
const memoryCriticalRatio = 0.05;
const diskWatchRatio = 0.85;
const diskDegradedRatio = 0.9;
const diskCriticalRatio = 0.97;
const loadPerProcessor = 2;
const clockWatchMs = 500;
const clockDegradedMs = 2_000;
const certificateWatchMs = 3_600_000;

const node = (host: Host): Subject => ({ kind: "node", node: host.node });

/** Why a part of a host could not be read, or null when all of it was. */
function unread(host: Host): Sentence | null {
  if (host.pulse.kind !== "value") return host.pulse.reason;
  if (host.facts.kind !== "value") return host.facts.reason;
  return host.kills.kind === "value" ? null : host.kills.reason;
}

/** A rule over each host by itself. */
function each(see: (host: Host) => readonly Sighting[]): (snapshot: HostsSnapshot) => readonly Sighting[] {
  return ({ hosts }) => hosts.flatMap(see);
}

export const linuxHealth: readonly HealthRule<HostsSnapshot>[] = [
  {
    code: "linux/NodeUnreachable",
    level: "degraded",
    find: each((host) =>
      host.reachability.state === "unreachable"
        ? [
            {
              subject: node(host),
              facts: { node: host.node },
              evidence: [host.pulse.evidence.id],
              cannotTell: host.reachability.reason,
            },
          ]
        : [],
    ),
  },
  {
    code: "linux/HostNotRead",
    level: "watch",
    find: each((host) =>
      host.reachability.state !== "unreachable" && unread(host) !== null
        ? [
            {
              subject: node(host),
              facts: { node: host.node },
              evidence: [host.pulse.evidence.id, host.facts.evidence.id, host.kills.evidence.id],
              cannotTell: unread(host) ?? sentence("linux/no-clock"),
            },
          ]
        : [],
    ),
  },
  {
    code: "linux/LoginCertificateEnds",
    level: "watch",
    find: each((host) => {
      const until = host.reachability.state === "reachable" ? host.reachability.certifiedUntil : null;
      const { id, takenAt } = host.pulse.evidence;
      if (until === null || until - takenAt > certificateWatchMs) return [];
      return [{ subject: node(host), facts: { node: host.node, until }, evidence: [id] }];
    }),
  },
  {
    code: "linux/MemoryLow",
    level: "watch",
    find: each((host) => {
      if (host.pulse.kind !== "value") return [];
      const { memoryAvailableBytes, memoryTotalBytes } = host.pulse.value;
      const ratio = memoryAvailableBytes / memoryTotalBytes;
      if (ratio >= memoryWatchRatio) return [];
      const facts = { node: host.node, availableBytes: memoryAvailableBytes, ratio };
      return [
        {
          subject: node(host),
          facts,
          evidence: [host.pulse.evidence.id],
          level: ratio < memoryCriticalRatio ? "degraded" : "watch",
        },
      ];
    }),
  },
  {
    code: "linux/OutOfMemoryKill",
    level: "degraded",
    find: each((host) =>
      host.oomKillsSinceLast !== null && host.oomKillsSinceLast > 0
        ? [
            {
              subject: node(host),
              facts: { node: host.node, count: host.oomKillsSinceLast },
              evidence: [host.kills.evidence.id],
            },
          ]
        : [],
    ),
  },
  {
    code: "linux/LoadHigh",
    level: "watch",
    find: each((host) => {
      if (host.pulse.kind !== "value" || host.pulse.value.cpuCount === 0) return [];
      const perProcessor = host.pulse.value.load15 / host.pulse.value.cpuCount;
      if (perProcessor <= loadPerProcessor) return [];
      const facts = { node: host.node, load: host.pulse.value.load15, processors: host.pulse.value.cpuCount };
      return [{ subject: node(host), facts, evidence: [host.pulse.evidence.id] }];
    }),
  },
  {
    code: "linux/DiskFull",
    level: "watch",
    find: each((host) => {
      if (host.facts.kind !== "value") return [];
      const { fileSystems } = host.facts.value;
      const evidence = [host.facts.evidence.id];
      return fileSystems.flatMap((system): readonly Sighting[] => {
        // Space kept for root counts as gone: the engines do not run as root.
        const ratio =
          system.sizeBytes === 0 ? 0 : system.usedBytes / Math.max(1, system.usedBytes + system.availableBytes);
        const worst = Math.max(ratio, system.inodesUsedRatio ?? 0);
        if (worst < diskWatchRatio) return [];
        const level = worst >= diskCriticalRatio ? "critical" : worst >= diskDegradedRatio ? "degraded" : "watch";
        const facts = {
          node: host.node,
          mountedOn: system.mountedOn,
          ratio: worst,
          availableBytes: system.availableBytes,
        };
        return [{ subject: { kind: "object", object: system.mountedOn, member: host.node }, facts, evidence, level }];
      });
    }),
  },
  {
    code: "linux/ClockOff",
    level: "watch",
    find: each((host) => {
      const clock = clockOffsetMs(host.facts);
      if (clock === null || Math.abs(clock.offsetMs) - clock.uncertainMs < clockWatchMs) return [];
      const facts = { node: host.node, offsetMs: clock.offsetMs, uncertainMs: clock.uncertainMs };
      const level = Math.abs(clock.offsetMs) >= clockDegradedMs ? "degraded" : "watch";
      return [{ subject: node(host), facts, evidence: [host.facts.evidence.id], level }];
    }),
  },
];
