import { sentence } from "../../../contract/sentence";
import { countOf, decimalOf, linesOfWords } from "../../probe/parse/key-values";
import { NotThere, ParseError, type Probe } from "../../probe/probe";

/**
 * The pulse of a host: shell builtins only, so that it starts no process. Each line is led by a word that names its source.
 * All is gathered first and printed at once: each print of its own would be a packet of its own to decrypt here.
 * A shell reads a byte a call, so each file is read no further than the last line wanted.
 */
const pulseScript = `
[ -r /proc/stat ] || { echo absent; return 0 2>/dev/null; }
nl='
'
all=
while read -r line; do case $line in cpu*) all="\${all}stat $line$nl";; *) break;; esac; done </proc/stat
read -r line </proc/loadavg; all="\${all}loadavg $line$nl"
read -r line </proc/uptime; all="\${all}uptime $line$nl"
read -r line </proc/sys/kernel/random/boot_id; all="\${all}boot $line$nl"
while read -r line; do case $line in MemTotal:*|MemAvailable:*|SwapTotal:*) all="\${all}mem $line$nl";;
SwapFree:*) all="\${all}mem $line$nl"; break;; esac; done </proc/meminfo
while read -r line; do case $line in oom_kill\\ *) all="\${all}vmstat $line$nl"; break;; esac; done </proc/vmstat
printf %s "$all"
`.trim();

export interface Pulse {
  /** Jiffies since boot: all, and those spent idle or waiting for disks. */
  readonly cpuTotal: number;
  readonly cpuIdle: number;
  readonly cpuCount: number;
  readonly load1: number;
  readonly load15: number;
  readonly uptimeMs: number;
  readonly bootId: string;
  readonly memoryTotalBytes: number;
  readonly memoryAvailableBytes: number;
  readonly swapUsedBytes: number;
  /** Processes killed for want of memory since boot; null on kernels before 4.13, which do not count them. */
  readonly oomKills: number | null;
}

/**
 * ```
 * stat cpu  4705 0 2255 312654 198 0 16 0 0 0
 * stat cpu0 2359 0 1120 156349 96 0 7 0 0 0
 * loadavg 0.23 0.17 0.10 1/189 42
 * uptime 2460.55 4839.32
 * boot 5f3c0a3e-7c0b-4f0e-9a59-6f2c6c1c2b58
 * mem MemTotal:       24625480 kB
 * vmstat oom_kill 0
 * ```
 */
export function parsePulse(text: string): Pulse {
  const lines = linesOfWords(text);
  if (lines[0]?.[0] === "absent") throw new NotThere(sentence("linux/not-linux"));
  const under = (source: string, key?: string): readonly string[] | undefined =>
    lines
      .find((words) => words[0] === source && (key === undefined || words[1] === key))
      ?.slice(key === undefined ? 1 : 2);
  const need = (source: string, key?: string): readonly string[] => {
    const words = under(source, key);
    if (words === undefined) throw new ParseError(`the pulse has no ${source} ${key ?? ""}`, text);
    return words;
  };
  const kibibytes = (key: string): number => countOf(key, need("mem", key)[0]) * 1024;
  // user nice system idle iowait irq softirq steal; guest time is counted in user already.
  const jiffies = need("stat", "cpu")
    .slice(0, 8)
    .map((word) => countOf("cpu time", word));
  const oomKills = under("vmstat", "oom_kill");
  return {
    cpuTotal: jiffies.reduce((sum, part) => sum + part, 0),
    cpuIdle: (jiffies[3] ?? 0) + (jiffies[4] ?? 0),
    cpuCount: lines.filter((words) => words[0] === "stat" && /^cpu\d+$/.test(words[1] ?? "")).length,
    load1: decimalOf("load", need("loadavg")[0]),
    load15: decimalOf("load", need("loadavg")[2]),
    uptimeMs: decimalOf("uptime", need("uptime")[0]) * 1000,
    bootId: need("boot")[0] ?? "",
    memoryTotalBytes: kibibytes("MemTotal:"),
    memoryAvailableBytes: kibibytes("MemAvailable:"),
    swapUsedBytes: kibibytes("SwapTotal:") - kibibytes("SwapFree:"),
    oomKills: oomKills === undefined ? null : countOf("oom_kill", oomKills[0]),
  };
}

/** No shell builtin tells the time or the free space of a file system, so this starts a process; it is asked once a minute. */
const slowScript = "date +%s%N; df -PkT 2>/dev/null; echo inodes; df -Pi 2>/dev/null";
const slowEveryMs = 60_000;

export interface FileSystem {
  readonly mountedOn: string;
  readonly type: string;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly availableBytes: number;
  /** Null where the file system has no fixed number of inodes. */
  readonly inodesUsedRatio: number | null;
}

export interface HostFacts {
  /** The node's clock when it answered, milliseconds since the Unix epoch. */
  readonly nodeClockMs: number;
  readonly fileSystems: readonly FileSystem[];
}

/** File systems that hold no data of anybody's. */
const passing = new Set([
  "tmpfs",
  "devtmpfs",
  "overlay",
  "squashfs",
  "proc",
  "sysfs",
  "cgroup",
  "cgroup2",
  "efivarfs",
  "devfs",
  "fuse.lxcfs",
]);

/**
 * ```
 * 1795496961229123456
 * Filesystem     Type  1024-blocks     Used Available Capacity Mounted on
 * /dev/vda       ext4    263112772 12018700  83000000      13% /
 * inodes
 * Filesystem      Inodes  IUsed    IFree IUse% Mounted on
 * /dev/vda      16777216 312000 16465216    2% /
 * ```
 */
export function parseHostFacts(text: string): HostFacts {
  const lines = linesOfWords(text);
  const clock = lines[0]?.[0] ?? "";
  if (!/^\d{19}$/.test(clock)) throw new ParseError("the node's clock in nanoseconds", clock);
  const divide = lines.findIndex((words) => words.length === 1 && words[0] === "inodes");
  if (divide < 0) throw new ParseError("the line between blocks and inodes", text.slice(-80));
  const inodeRatios = new Map(
    lines.slice(divide + 2).map((words) => [words.slice(5).join(" "), ratioOf(words[2], words[1])] as const),
  );
  const fileSystems = lines.slice(2, divide).flatMap((words): readonly FileSystem[] => {
    const [, type = "", blocks, used, available] = words;
    const mountedOn = words.slice(6).join(" ");
    if (passing.has(type)) return [];
    const bytes = (count: string | undefined): number => countOf(`blocks of ${mountedOn}`, count) * 1024;
    const shared = { mountedOn, type, inodesUsedRatio: inodeRatios.get(mountedOn) ?? null };
    return [{ ...shared, sizeBytes: bytes(blocks), usedBytes: bytes(used), availableBytes: bytes(available) }];
  });
  return { nodeClockMs: Number(clock.slice(0, 13)), fileSystems };
}

function ratioOf(used: string | undefined, total: string | undefined): number | null {
  if (used === undefined || total === undefined || !/^\d+$/.test(used) || !/^[1-9]\d*$/.test(total)) return null;
  return Number(used) / Number(total);
}

export interface LinuxProbes extends Readonly<Record<string, Probe<unknown>>> {
  readonly pulse: Probe<Pulse>;
  readonly facts: Probe<HostFacts>;
}

export const linuxProbes: LinuxProbes = {
  pulse: { ask: { kind: "read", script: pulseScript }, parse: parsePulse },
  facts: {
    ask: { kind: "run", command: { argv: ["/bin/sh", "-c", slowScript] } },
    everyMs: slowEveryMs,
    deadlineMs: 8_000,
    parse: parseHostFacts,
  },
};
