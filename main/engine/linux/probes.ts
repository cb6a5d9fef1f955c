import { sentence } from "../../../contract/sentence";
import { countOf, decimalOf, linesOfWords } from "../../probe/parse/key-values";
import { NotThere, ParseError, type Probe } from "../../probe/probe";

/**
 * The pulse of a host: shell builtins only, so that it starts no process. Each line is led by a word that names its source.
 * All is gathered first and printed at once: each print of its own would be a packet of its own to decrypt here.
 * A shell reads a byte a call, so of each file only its first lines are read, and the processors are counted by the shortest file
 * that tells them; where /sys is not mounted, by all of /proc/stat that speaks of processors.
 */
const pulseScript = `
[ -r /proc/stat ] || { echo absent; return 0 2>/dev/null; }
nl='
'
if read -r line </sys/devices/system/cpu/online; then all="online $line$nl"; read -r line </proc/stat; all="\${all}stat $line$nl"
else all=; while read -r line; do case $line in cpu*) all="\${all}stat $line$nl";; *) break;; esac; done </proc/stat; fi
read -r line </proc/loadavg; all="\${all}loadavg $line$nl"
read -r line </proc/uptime; all="\${all}uptime $line$nl"
read -r line </proc/sys/kernel/random/boot_id; all="\${all}boot $line$nl"
while read -r line; do case $line in MemTotal:*) all="\${all}mem $line$nl";;
MemAvailable:*) all="\${all}mem $line$nl"; break;; esac; done </proc/meminfo
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
}

/**
 * ```
 * online 0-1
 * stat cpu  4705 0 2255 312654 198 0 16 0 0 0
 * loadavg 0.23 0.17 0.10 1/189 42
 * uptime 2460.55 4839.32
 * boot 5f3c0a3e-7c0b-4f0e-9a59-6f2c6c1c2b58
 * mem MemTotal:       24625480 kB
 * mem MemAvailable:   23046676 kB
 * ```
 * Where `online` is missing, `stat cpu0 2359 0 1120 …` and its like stand after the first `stat`.
 */
export function parsePulse(text: string): Pulse {
  const lines = linesOfWords(text);
  if (lines[0]?.[0] === "absent") throw new NotThere(sentence("linux/not-linux"));
  const need = needed(lines, text);
  const kibibytes = (key: string): number => countOf(key, need("mem", key)[0]) * 1024;
  // user nice system idle iowait irq softirq steal; guest time is counted in user already.
  const jiffies = need("stat", "cpu")
    .slice(0, 8)
    .map((word) => countOf("cpu time", word));
  const online = lines.find((words) => words[0] === "online");
  const counted = lines.filter((words) => words[0] === "stat" && /^cpu\d+$/.test(words[1] ?? "")).length;
  if (online === undefined && counted === 0) throw new ParseError("the answer names no processor", text);
  return {
    cpuTotal: jiffies.reduce((sum, part) => sum + part, 0),
    cpuIdle: (jiffies[3] ?? 0) + (jiffies[4] ?? 0),
    cpuCount: online === undefined ? counted : countOfRanges(online[1] ?? ""),
    load1: decimalOf("load", need("loadavg")[0]),
    load15: decimalOf("load", need("loadavg")[2]),
    uptimeMs: decimalOf("uptime", need("uptime")[0]) * 1000,
    bootId: need("boot")[0] ?? "",
    memoryTotalBytes: kibibytes("MemTotal:"),
    memoryAvailableBytes: kibibytes("MemAvailable:"),
  };
}

/** What stands after a source and a key; throws ParseError where it was not told. */
function needed(lines: readonly (readonly string[])[], text: string) {
  return (source: string, key?: string): readonly string[] => {
    const words = lines.find((one) => one[0] === source && (key === undefined || one[1] === key));
    if (words === undefined) throw new ParseError(`the answer has no ${source} ${key ?? ""}`, text);
    return words.slice(key === undefined ? 1 : 2);
  };
}

/** `0-3,6` are five. */
function countOfRanges(list: string): number {
  return list.split(",").reduce((sum, range) => {
    const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (from === undefined) throw new ParseError("the processors online", list);
    return sum + Number(to) - Number(from) + 1;
  }, 0);
}

/** The count stands two thousand bytes deep in its file, and a shell reads a byte a call: that is why it is read less often than the pulse. */
const killsScript = `
[ -r /proc/stat ] || { echo absent; return 0 2>/dev/null; }
read -r line </proc/sys/kernel/random/boot_id; echo "boot $line"
while read -r line; do case $line in oom_kill\\ *) echo "vmstat $line"; break;; esac; done </proc/vmstat
`.trim();
const killsEveryMs = 30_000;

export interface Kills {
  readonly bootId: string;
  /** Processes killed for want of memory since boot; null on kernels before 4.13, which do not count them. */
  readonly oomKills: number | null;
}

/**
 * ```
 * boot 5f3c0a3e-7c0b-4f0e-9a59-6f2c6c1c2b58
 * vmstat oom_kill 0
 * ```
 */
export function parseKills(text: string): Kills {
  const lines = linesOfWords(text);
  if (lines[0]?.[0] === "absent") throw new NotThere(sentence("linux/not-linux"));
  const counted = lines.find((words) => words[0] === "vmstat" && words[1] === "oom_kill");
  return {
    bootId: needed(lines, text)("boot")[0] ?? "",
    oomKills: counted === undefined ? null : countOf("oom_kill", counted[2]),
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
  readonly kills: Probe<Kills>;
  readonly facts: Probe<HostFacts>;
}

export const linuxProbes: LinuxProbes = {
  pulse: { ask: { kind: "read", script: pulseScript }, parse: parsePulse },
  kills: { ask: { kind: "read", script: killsScript }, everyMs: killsEveryMs, parse: parseKills },
  facts: {
    ask: { kind: "run", command: { argv: ["/bin/sh", "-c", slowScript] } },
    everyMs: slowEveryMs,
    deadlineMs: 8_000,
    parse: parseHostFacts,
  },
};
