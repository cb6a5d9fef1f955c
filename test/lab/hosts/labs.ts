import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { LabCgroups } from "./cgroups";
import { isSameProcess, thisProcess, type ProcessIdentity } from "./process-identity";

export const thisCheckout = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");

const directoryOfLabs = "/run/evenkeel-lab";
/** Reserved for trying out network devices, so that it is in nobody's office or VPN; one /24 a lab. */
const networksOf = (lab: number): string => `198.18.${lab}`;

export interface HostRecord {
  readonly name: string;
  readonly cluster: string;
  readonly address: string;
  readonly memoryMb: number;
  /** Directories that lie on a disk of the host's own. */
  readonly disks: readonly string[];
}

/** All there is to know of a running lab; kept in its directory, so that any later command finds it. */
export interface LabRecord {
  readonly directory: string;
  /** The first three numbers of its addresses; the desktop has .254. */
  readonly network: string;
  readonly clusters: readonly string[];
  readonly hosts: readonly HostRecord[];
  readonly cgroups: LabCgroups;
  /** Outside the lab: cleans up after it. */
  readonly keeper: ProcessIdentity;
  /** The first process inside the lab's namespaces. */
  readonly inside: ProcessIdentity;
  /** The checkout whose tool started it; its commands leave the labs of others alone. */
  readonly checkout: string;
  /** Ready, that is every cluster healthy, and left running for people. */
  readonly stays: boolean;
}

export interface Claim {
  readonly directory: string;
  readonly network: string;
  readonly name: string;
}

/** Takes a free network and directory for a new lab; two processes never get the same. */
export function claimLab(): Claim {
  removeDeadLabs();
  const taken = Object.values(networkInterfaces()).flatMap(
    (addresses) => addresses?.map(({ address }) => address) ?? [],
  );
  mkdirSync(directoryOfLabs, { recursive: true, mode: 0o755 });
  for (let lab = 0; lab < 256; lab += 1) {
    const network = networksOf(lab);
    const directory = join(directoryOfLabs, String(lab));
    if (existsSync(directory) || taken.some((address) => address.startsWith(`${network}.`))) continue;
    const fresh = join(directoryOfLabs, `.claim-${process.pid}-${lab}`);
    mkdirSync(fresh, { mode: 0o755 });
    writeFileSync(join(fresh, "owner.json"), JSON.stringify(thisProcess()));
    try {
      // Fails when somebody else's directory is there by now, since that is never empty.
      renameSync(fresh, directory);
      return { directory, network, name: `evenkeel-lab-${lab}` };
    } catch (error) {
      rmSync(fresh, { recursive: true });
      if (!["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
  throw new Error("256 labs are running already; end some with `npm run lab down`");
}

export function writeRecord(record: LabRecord): void {
  const path = join(record.directory, "lab.json");
  writeFileSync(`${path}.new`, JSON.stringify(record, null, 1));
  renameSync(`${path}.new`, path);
}

/** The labs that run on this machine. */
export function runningLabs(): readonly LabRecord[] {
  return labDirectories().flatMap((directory) => {
    const record = readJson<LabRecord>(join(directory, "lab.json"));
    return record !== null && isSameProcess(record.inside) ? [record] : [];
  });
}

/** Removes what is left of labs whose processes have all been killed, keeper included. */
export function removeDeadLabs(): void {
  for (const directory of labDirectories()) {
    const owner = readJson<ProcessIdentity>(join(directory, "owner.json"));
    const record = readJson<LabRecord>(join(directory, "lab.json"));
    const living = [owner, record?.keeper, record?.inside].some((one) => one != null && isSameProcess(one));
    if (living) continue;
    removeCgroups(directory);
    rmSync(directory, { recursive: true, force: true });
  }
}

function removeCgroups(directory: string): void {
  if (!existsSync(join(directory, "cgroups"))) return;
  for (const line of readFileSync(join(directory, "cgroups"), "utf8").split("\n").filter(Boolean)) {
    const group = line.split(" ")[1] ?? "";
    if (existsSync(group)) execFileSync("find", [group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
  }
}

function labDirectories(): readonly string[] {
  if (!existsSync(directoryOfLabs)) return [];
  return readdirSync(directoryOfLabs)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => join(directoryOfLabs, name));
}

function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch (error) {
    // Gone, or never written: its lab is ending or was never whole.
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || error instanceof SyntaxError) return null;
    throw error;
  }
}
