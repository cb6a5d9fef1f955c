import { setTimeout as pause } from "node:timers/promises";

/** One host of a cluster as its recipe wants it. */
export interface HostWish {
  readonly name: string;
  /** The last number of its address; different for every host of every cluster. */
  readonly lastNumber: number;
  readonly memoryMb: number;
  /** Directories that lie on a disk of the host's own. */
  readonly disks: readonly string[];
}

export interface PlacedHost extends HostWish {
  readonly address: string;
}

/** Runs a shell script as root on a host; gives its output, rejects when it fails. */
export type RunOn = (host: string, script: string) => Promise<string>;

/** A cluster that the lab can bring up. */
export interface ClusterRecipe {
  readonly name: string;
  readonly hosts: readonly HostWish[];
  /** A shell script that sets one host up; run as root in the host's files before its first boot. */
  prepare(host: PlacedHost, all: readonly PlacedHost[]): string;
  /** Joins the booted servers and returns when the cluster is healthy by its own tools. */
  bringUp(runOn: RunOn, all: readonly PlacedHost[]): Promise<void>;
}

/** Enables units whose names are those of files in /lib/systemd/system. */
export function enable(...units: readonly string[]): string {
  const wants = "/etc/systemd/system/multi-user.target.wants/";
  return units.map((unit) => `ln -sf /lib/systemd/system/${unit} ${wants}`).join("\n");
}

/** Asks again and again until the answer holds the words, which every host must give within two minutes. */
export async function untilSays(runOn: RunOn, host: string, script: string, words: RegExp | string): Promise<void> {
  let last = "";
  for (const end = Date.now() + 120_000; Date.now() < end; await pause(50)) {
    last = await runOn(host, script).catch((error: unknown) => String(error));
    if (typeof words === "string" ? last.includes(words) : words.test(last)) return;
  }
  throw new Error(`${host} did not say ${words} to \`${script}\` within two minutes; last:\n${last.slice(-2000)}`);
}

/** The network of the lab that the host is in, as access rules write it. */
export function networkOf(host: PlacedHost): string {
  return host.address.replace(/\d+$/, "0/24");
}
