import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runInside } from "../hosts/keeper";
import type { LabRecord } from "../hosts/labs";
import { identityOf, isSameProcess, type ProcessIdentity } from "../hosts/process-identity";
import { childrenOf } from "../sshd";

/** Where the desktop, which also is where SSH comes from, takes part in a fault like a host. */
export const desktop = "desktop";

export interface NetworkFaults {
  /**
   * Drops every packet between the two groups, at the switch: both sides see silence, no refusal. SSH from the desktop goes
   * on unless `desktop` is in a group.
   */
  partition(group: readonly string[], other: readonly string[]): Promise<void>;
  /** Drops what the first group sends to the second, and not what comes back. */
  partitionOneWay(from: readonly string[], to: readonly string[]): Promise<void>;
  /** Ends all partitions. */
  healPartitions(): Promise<void>;
  /** Loses that share of the packets to and from a host, at random. */
  losePackets(host: string, percent: number): Promise<void>;
  loseNoPackets(host: string): Promise<void>;
  /** Holds every packet to and from a host back for so long, each way, give or take the jitter. */
  delayPackets(host: string, delayMs: number, jitterMs?: number): Promise<void>;
  delayNoPackets(host: string): Promise<void>;
  /** Lets no more than that through, each way. */
  limitRate(host: string, kilobitsPerSecond: number): Promise<void>;
  limitNoRate(host: string): Promise<void>;
}

const relayScript = join(dirname(fileURLToPath(import.meta.url)), "delay-relay.py");

export function networkFaults(lab: LabRecord): NetworkFaults {
  const inside = (program: string, ...args: readonly string[]): Promise<string> => runInside(lab.inside, program, args);
  const addresses = (names: readonly string[]): string => `{ ${names.map((name) => addressOf(lab, name)).join(", ")} }`;
  const drop = (from: readonly string[], to: readonly string[]): Promise<string> =>
    nft(lab, [
      chain("cuts"),
      `add rule bridge lab cuts ip saddr ${addresses(from)} ip daddr ${addresses(to)} counter drop`,
    ]);
  return {
    partition: async (group, other) => {
      await drop(group, other);
      await drop(other, group);
    },
    partitionOneWay: async (from, to) => void (await drop(from, to)),
    healPartitions: async () => void (await nft(lab, emptyChain("cuts"))),
    losePackets: async (host, percent) => {
      // A delayed host is behind a second bridge, whose port `ta-` is; packets are lost at the switch, once.
      const ports = `{ "v-${host}", "tb-${host}" }`;
      const lossy = `ether type ip numgen random mod 1000 < ${Math.round(percent * 10)} counter drop`;
      await nft(lab, [
        ...emptyChain(`loss_${host}`),
        `add rule bridge lab loss_${host} iifname ${ports} oifname != "ta-${host}" ${lossy}`,
        `add rule bridge lab loss_${host} oifname ${ports} iifname != "ta-${host}" ${lossy}`,
      ]);
    },
    loseNoPackets: async (host) => void (await nft(lab, emptyChain(`loss_${host}`))),
    delayPackets: async (host, delayMs, jitterMs = 0) => {
      await endRelay(lab, host);
      await startRelay(lab, host, delayMs, jitterMs);
    },
    delayNoPackets: (host) => endRelay(lab, host),
    limitRate: async (host, kilobits) => {
      const bucket = ["root", "tbf", "rate", `${kilobits}kbit`, "burst", "8kb", "latency", "2s"];
      await inside("tc", "qdisc", "replace", "dev", `v-${host}`, ...bucket);
      await inside(...inNetworkOf(lab, host), "tc", "qdisc", "replace", "dev", "eth0", ...bucket);
    },
    limitNoRate: async (host) => {
      await inside("tc", "qdisc", "del", "dev", `v-${host}`, "root");
      await inside(...inNetworkOf(lab, host), "tc", "qdisc", "del", "dev", "eth0", "root");
    },
  };
}

function addressOf(lab: LabRecord, name: string): string {
  if (name === desktop) return `${lab.network}.254`;
  const host = lab.hosts.find((one) => one.name === name);
  if (host === undefined) throw new Error(`the lab has no host "${name}"`);
  return host.address;
}

function inNetworkOf(lab: LabRecord, host: string): [string, string] {
  return ["nsenter", `--net=${lab.directory}/room/net/${host}`];
}

/** Makes a chain that sees what crosses the switch; leaves one that is there as it is. */
function chain(name: string): string {
  return `add chain bridge lab ${name} { type filter hook forward priority 0; }`;
}

function emptyChain(name: string): readonly string[] {
  return [chain(name), `flush chain bridge lab ${name}`];
}

function nft(lab: LabRecord, commands: readonly string[]): Promise<string> {
  return runInside(lab.inside, "nft", ["add table bridge lab; " + commands.join("; ")]);
}

/** The kernel's own delay (netem) is a module that many machines do not have; a relay between two taps needs none. */
async function startRelay(lab: LabRecord, host: string, delayMs: number, jitterMs: number): Promise<void> {
  const enter = ["--target", String(lab.inside.pid), "--mount", "--net", "--pid", "--"];
  // Python comes from the hosts' root file system; the machine need not have it.
  const root = join(lab.directory, "base");
  const start = `mount --rbind /dev ${root}/dev && exec chroot ${root} python3 -c "$0" "$@"`;
  const args = [readFileSync(relayScript, "utf8"), host, String(delayMs), String(jitterMs)];
  const child = spawn("nsenter", [...enter, "unshare", "--mount", "sh", "-c", start, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (words += text));
  child.unref();
  (child.stderr as unknown as { unref(): void }).unref();
  const taps = [`ta-${host}`, `tb-${host}`];
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`the relay of ${host} ended with ${child.exitCode}: ${words}`);
    const listing = await runInside(lab.inside, "ip", ["-br", "link"]);
    const relay = identityOf(childrenOf(child.pid ?? -1)[0] ?? -1);
    if (relay !== null && taps.every((tap) => listing.includes(tap))) {
      writeFileSync(relayFile(lab, host), JSON.stringify(relay));
      const behind = [
        `link add m-${host} type bridge`,
        `link set m-${host} up`,
        `link set ta-${host} master m-${host} up`,
        `link set tb-${host} master switch up`,
        `link set v-${host} master m-${host}`,
      ];
      for (const command of behind) await runInside(lab.inside, "ip", command.split(" "));
      return;
    }
    await pause(20);
  }
  throw new Error(`the relay of ${host} was not ready within 4 s: ${words}`);
}

async function endRelay(lab: LabRecord, host: string): Promise<void> {
  const file = relayFile(lab, host);
  if (!existsSync(file)) return;
  await runInside(lab.inside, "ip", ["link", "set", `v-${host}`, "master", "switch"]);
  await runInside(lab.inside, "ip", ["link", "del", `m-${host}`]);
  const relay = JSON.parse(readFileSync(file, "utf8")) as ProcessIdentity;
  if (isSameProcess(relay)) process.kill(relay.pid, "SIGKILL");
  while (isSameProcess(relay)) await pause(10);
  rmSync(file);
}

function relayFile(lab: LabRecord, host: string): string {
  return join(lab.directory, "hosts", host, "relay.json");
}
