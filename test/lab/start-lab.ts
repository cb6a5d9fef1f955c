import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { recipeOf } from "./clusters/recipes";
import type { ClusterRecipe, PlacedHost, RunOn } from "./clusters/cluster-recipe";
import { makeClientKey } from "./embedded/client-files";
import { answerFaults, type AnswerFaults } from "./faults/answer-faults";
import { hostFaults, type HostFaults } from "./faults/host-faults";
import { networkFaults, type NetworkFaults } from "./faults/network-faults";
import { processFaults, type ProcessFaults } from "./faults/process-faults";
import { makeCgroups, placeCgroups } from "./hosts/cgroups";
import { runOnHost, seedHost, switchOn, untilAccepts, type Ended } from "./hosts/host";
import { endLab, plugInDesktop, startKeeper } from "./hosts/keeper";
import { claimLab, thisCheckout, writeRecord, type HostRecord, type LabRecord } from "./hosts/labs";
import { rootFileSystem } from "./hosts/root-filesystem";
import { writeSshFiles } from "./hosts/ssh-files";
import { whyNoLab } from "./why-no-lab";

export { whyNoLab } from "./why-no-lab";

const bootDeadlineMs = 60_000;
const bootsAtOnce = 4;
const diskSize = "512M";
/** A systemd host takes half a dozen; the kernel's default of 128 for all of root's processes ends at some twenty hosts. */
const inotifyInstances = { path: "/proc/sys/fs/inotify/max_user_instances", needed: 8192 };

export interface LabOptions {
  /** Lets the lab live on after this process; it then ends with `npm run lab down`. */
  readonly stays?: boolean;
  /** Told what goes on; silent when left out. */
  readonly say?: (line: string) => void;
}

/** Every way to break a lab, each with what mends it. */
export type Faults = ProcessFaults & NetworkFaults & HostFaults & AnswerFaults;

/** A running lab: real hosts that are reached over SSH, and a back door for tests that break them. */
export interface Lab {
  readonly record: LabRecord;
  readonly hosts: readonly HostRecord[];
  /** Logs in as root. */
  readonly sshConfigPath: string;
  /** Logs in as `admin`, who may use sudo without a password. */
  readonly adminSshConfigPath: string;
  /** The host of that name; an error lists the names there are. */
  host(name: string): HostRecord;
  /** Runs a shell script as root on a host, without SSH, and gives its standard output; rejects when it fails. */
  run(host: string, script: string): Promise<string>;
  /** As `run`, and a failing script is an answer too. */
  attempt(host: string, script: string): Promise<Ended>;
  readonly faults: Faults;
  /** Ends all hosts and returns when nothing of the lab is left. */
  stop(): Promise<void>;
}

/** Brings clusters up on hosts of their own in one network, healthy by their own tools. */
export async function startLab(clusters: string | readonly string[], options: LabOptions = {}): Promise<Lab> {
  const why = whyNoLab();
  if (why !== null) throw new Error(why);
  const recipes = [clusters].flat().map(recipeOf);
  const say = options.say ?? (() => undefined);
  const base = await rootFileSystem(say);
  const startedMs = Date.now();
  allowManyWatchers();
  const claim = claimLab();
  const placed = recipes.map((recipe) => place(recipe, claim.network));
  const hosts = placed.flatMap(({ recipe, hosts: all }) =>
    all.map(({ name, address, memoryMb, disks }) => ({ name, cluster: recipe.name, address, memoryMb, disks })),
  );
  symlinkSync(base, join(claim.directory, "base"));
  const cgroups = placeCgroups(claim.name);
  makeCgroups(cgroups, hosts);
  const { keeper, inside, letStay } = await startKeeper(claim.directory, cgroups, diskSize);
  const record: LabRecord = {
    directory: claim.directory,
    network: claim.network,
    clusters: recipes.map((recipe) => recipe.name),
    hosts,
    cgroups,
    keeper,
    inside,
    checkout: thisCheckout,
    stays: false,
  };
  writeRecord(record);
  const lab = openLab(record);
  try {
    await plugInDesktop(inside, claim.name.replace("evenkeel-lab-", "evkl"), `${claim.network}.254`);
    await boot(record, placed);
    say(`${hosts.length} hosts answer on SSH after ${seconds(startedMs)} s`);
    await Promise.all(
      placed.map(async ({ recipe, hosts: all }) => {
        await recipe.bringUp(lab.run, all);
        say(`${recipe.name} is healthy after ${seconds(startedMs)} s`);
      }),
    );
  } catch (error) {
    await lab.stop();
    throw error;
  }
  if (options.stays === true) {
    writeRecord({ ...record, stays: true });
    letStay();
  }
  return lab;
}

/** The handle of a lab that runs already. */
export function openLab(record: LabRecord): Lab {
  const host = (name: string): HostRecord => {
    const found = record.hosts.find((one) => one.name === name);
    if (found !== undefined) return found;
    throw new Error(`the lab has no host "${name}"; it has ${record.hosts.map((one) => one.name).join(", ")}`);
  };
  const attempt = (name: string, script: string): Promise<Ended> => runOnHost(record, host(name), script);
  const run: RunOn = async (name, script) => {
    const ended = await attempt(name, script);
    if (ended.code === 0) return ended.stdout;
    throw new Error(
      `on ${name}, exit ${ended.code}: ${script}\n${ended.stdout.slice(-2000)}${ended.stderr.slice(-2000)}`,
    );
  };
  return {
    record,
    hosts: record.hosts,
    sshConfigPath: join(record.directory, "ssh_config"),
    adminSshConfigPath: join(record.directory, "ssh_config_admin"),
    host,
    attempt,
    run,
    faults: { ...processFaults(run), ...networkFaults(record), ...hostFaults(record, host, run), ...answerFaults(run) },
    stop: () => endLab(record.directory, record.inside),
  };
}

interface Placed {
  readonly recipe: ClusterRecipe;
  readonly hosts: readonly PlacedHost[];
}

function place(recipe: ClusterRecipe, network: string): Placed {
  return { recipe, hosts: recipe.hosts.map((host) => ({ ...host, address: `${network}.${host.lastNumber}` })) };
}

async function boot(lab: LabRecord, placed: readonly Placed[]): Promise<void> {
  const key = makeClientKey(join(lab.directory, "client"));
  const prepare = new Map(
    placed.flatMap(({ recipe, hosts }) => hosts.map((host) => [host.name, recipe.prepare(host, hosts)] as const)),
  );
  await Promise.all(lab.hosts.map((host) => seedHost(lab, host, key.publicLine, prepare.get(host.name) ?? "")));
  writeSshFiles(lab, key);
  // A few at a time: booting is work for the processor, and a deadline should not pass while a host waits for its turn.
  const waiting = [...lab.hosts];
  const bootOneByOne = async (): Promise<void> => {
    for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
      await switchOn(lab, host);
      await untilAccepts(host.address, 22, bootDeadlineMs);
    }
  };
  await Promise.all(Array.from({ length: bootsAtOnce }, bootOneByOne));
}

function allowManyWatchers(): void {
  const { path, needed } = inotifyInstances;
  if (Number(readFileSync(path, "utf8")) < needed) writeFileSync(path, String(needed));
}

function seconds(sinceMs: number): string {
  return ((Date.now() - sinceMs) / 1000).toFixed(1);
}
