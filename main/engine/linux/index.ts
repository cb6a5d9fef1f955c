import { sentence } from "../../../contract/sentence";
import type { NamedFigure } from "../../../contract/health";
import { defineEngine, judgeBy } from "../engine";
import { figureOf, known, missing } from "../figure-of";
import { linuxHealth } from "./health";
import en from "./messages.en.json";
import zhCN from "./messages.zh-CN.json";
import { linuxProbes } from "./probes";
import { clockOffsetMs, snapshotHosts, type Host } from "./snapshot";

/** The hosts themselves, read for every cluster beside its engine. */
export const linux = defineEngine({
  id: "linux",
  settings: {},
  messages: { en, "zh-CN": zhCN },
  discovery: null,
  probes: () => linuxProbes,
  snapshot: snapshotHosts,
  members: ({ hosts }) =>
    hosts.map((host) => ({
      member: host.node,
      node: host.node,
      role: missing(sentence("linux/no-role"), null),
      figures: figuresOf(host),
    })),
  health: linuxHealth,
  balance: () => [],
  consistency: () => ({ witnesses: [], tables: [], maps: [] }),
  tolerance: () => [],
  logs: null,
  recoveries: [],
  judge: judgeBy({}),
});

function figuresOf(host: Host): readonly NamedFigure[] {
  const pulseId = host.pulse.evidence.id;
  const clock = clockOffsetMs(host.facts);
  return [
    {
      name: "linux/figure.cpu",
      charted: "ratio",
      figure:
        host.cpuBusyRatio !== null
          ? known(host.cpuBusyRatio, "ratio", pulseId)
          : figureOf(host.pulse, "ratio", () => sentence("linux/needs-two-readings")),
    },
    {
      name: "linux/figure.memoryAvailable",
      figure: figureOf(host.pulse, "bytes", (pulse) => pulse.memoryAvailableBytes),
    },
    {
      name: "linux/figure.memoryUsed",
      charted: "ratio",
      figure: figureOf(host.pulse, "ratio", (pulse) => 1 - pulse.memoryAvailableBytes / pulse.memoryTotalBytes),
    },
    { name: "linux/figure.load", charted: "count", figure: figureOf(host.pulse, "count", (pulse) => pulse.load1) },
    { name: "linux/figure.fullestDisk", figure: figureOf(host.facts, "ratio", (facts) => fullest(facts.fileSystems)) },
    {
      name: "linux/figure.clockOffset",
      figure: figureOf(host.facts, "duration", () => clock?.offsetMs ?? sentence("linux/no-clock")),
    },
    { name: "linux/figure.uptime", figure: figureOf(host.pulse, "duration", (pulse) => pulse.uptimeMs) },
  ];
}

function fullest(
  systems: readonly { usedBytes: number; availableBytes: number }[],
): number | ReturnType<typeof sentence> {
  if (systems.length === 0) return sentence("linux/no-file-systems");
  return Math.max(...systems.map((system) => system.usedBytes / Math.max(1, system.usedBytes + system.availableBytes)));
}
