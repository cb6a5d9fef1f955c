import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const mountPoint = "/sys/fs/cgroup";
/** Version 1 hierarchies that a host gets a group in; `unified` is version 2, which systemd and freezing need in either case. */
const versionOneControllers = ["memory", "cpu", "cpuacct", "pids"] as const;

/** The control groups of one lab, a directory for each hierarchy; each host has one of its own name in each. */
export type LabCgroups = Readonly<Record<string, string>>;

/** Where the groups of a lab go: nested below the caller's where version 1 is in use, else below the root. */
export function placeCgroups(labName: string): LabCgroups {
  if (existsSync(join(mountPoint, "cgroup.controllers"))) return { unified: join(mountPoint, labName) };
  const own = new Map(
    readFileSync("/proc/self/cgroup", "utf8")
      .split("\n")
      .map((line) => line.split(":"))
      .map(([, controllers = "", path = "/"]) => [controllers === "" ? "unified" : controllers, path] as const),
  );
  const present = [...versionOneControllers, "unified"].filter((name) => existsSync(join(mountPoint, name)));
  return Object.fromEntries(present.map((name) => [name, join(mountPoint, name, own.get(name) ?? "/", labName)]));
}

export function makeCgroups(groups: LabCgroups, hosts: readonly { name: string; memoryMb: number }[]): void {
  for (const group of Object.values(groups)) mkdirSync(group, { recursive: true });
  const isVersionTwo = groups["memory"] === undefined;
  if (isVersionTwo)
    for (const parent of [mountPoint, groups["unified"] ?? mountPoint])
      writeFileSync(join(parent, "cgroup.subtree_control"), "+cpu +memory +pids");
  for (const host of hosts) {
    for (const group of Object.values(groups)) mkdirSync(join(group, host.name), { recursive: true });
    setMemoryLimit(groups, host.name, host.memoryMb);
  }
}

export function setMemoryLimit(groups: LabCgroups, host: string, megabytes: number): void {
  const bytes = String(megabytes * 1024 * 1024);
  if (groups["memory"] !== undefined) writeFileSync(join(groups["memory"], host, "memory.limit_in_bytes"), bytes);
  else writeFileSync(join(unified(groups), host, "memory.max"), bytes);
}

/** How much of one processor the host may use, in percent; null for no limit. */
export function setCpuShare(groups: LabCgroups, host: string, percent: number | null): void {
  const periodUs = 100_000;
  const quotaUs = percent === null ? null : Math.max(1_000, Math.round((periodUs * percent) / 100));
  if (groups["cpu"] !== undefined) writeFileSync(join(groups["cpu"], host, "cpu.cfs_quota_us"), String(quotaUs ?? -1));
  else writeFileSync(join(unified(groups), host, "cpu.max"), `${quotaUs ?? "max"} ${periodUs}`);
}

export function setFrozen(groups: LabCgroups, host: string, frozen: boolean): void {
  writeFileSync(join(unified(groups), host, "cgroup.freeze"), frozen ? "1" : "0");
}

/** The groups of one host, for a process that must be counted to it. */
export function groupsOfHost(groups: LabCgroups, host: string): readonly string[] {
  return Object.values(groups).map((group) => join(group, host));
}

function unified(groups: LabCgroups): string {
  const path = groups["unified"];
  if (path === undefined) throw new Error(`this machine has no cgroup version 2 hierarchy under ${mountPoint}`);
  return path;
}
