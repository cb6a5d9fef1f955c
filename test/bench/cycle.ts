import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Gives, RequestName, Takes } from "../../contract/channels";
import { createCore } from "../../main/core";
import { noKeyStorage } from "../../main/store/secrets";
import { startEmbeddedCluster, whatIsMissing, type EmbeddedCluster } from "../lab/embedded/embedded-cluster";
import { measure, median, rssMiB } from "./measure";

/** Reads a real three-member PostgreSQL cluster `cycles` times through the whole core: what a cycle costs here and starts there. */
export async function benchCycle(cycles: number): Promise<void> {
  const missing = whatIsMissing();
  if (missing !== null) return console.log(`The PostgreSQL cycle is left out: ${missing}`);
  const lab = await startEmbeddedCluster();
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-bench-"));
  const nothing = (): Promise<null> => Promise.resolve(null);
  const core = createCore({
    userDataDirectory: directory,
    version: "bench",
    electron: "none",
    shell: { keyStorage: noKeyStorage, chooseSavePath: nothing, chooseOpenPath: nothing },
    sshConfigPath: lab.sshConfigPath,
    interactive: false,
    watch: false,
    mayRecover: false,
  });
  const ask = async <N extends RequestName>(name: N, argument: Takes<N>): Promise<Gives<N>> => {
    const reply = await core.handle(name, argument);
    if (!reply.ok) throw new Error(`${name}: ${JSON.stringify(reply.sentence)}`);
    return reply.value;
  };
  try {
    const found = await ask("discovery:start", { discoveryId: "bench", login: { host: "keel-1" } });
    const [cluster] = found.clusters;
    if (cluster === undefined) throw new Error(`nothing was found: ${JSON.stringify(found.problems)}`);
    const { clusterId } = await ask("discovery:keep", { name: "bench", cluster });
    const cycle = (): Promise<void> => ask("cluster:refresh", { clusterId });
    // The first cycles connect, log in, ask once a minute's facts and meet cold code.
    for (let warm = 0; warm < 8; warm += 1) await cycle();
    const before = forkMarks(lab);
    const startedAt = performance.now();
    const measured = await measure("PostgreSQL cycle", cycles, cycle);
    const tookMs = performance.now() - startedAt;
    const after = forkMarks(lab);
    await pause(tookMs);
    const idle = forkMarks(lab);
    // One login makes PostgreSQL start one process: a count that misses it would count nothing.
    for (const { name } of lab.nodes) await lab.psql(name, "SELECT 1");
    const logins = forkMarks(lab);
    if (idle !== null && logins !== null && started(idle, logins) < lab.nodes.length)
      throw new Error("the count of started processes does not see a login");
    console.log(`\nThree PostgreSQL ${lab.major} servers, ${cycles} cycles through the whole core, medians:`);
    console.log(
      `  ${median(measured.wallMs).toFixed(1)} ms a cycle, client CPU ${median(measured.cpuMs ?? []).toFixed(1)} ms`,
    );
    console.log(
      before === null || after === null || idle === null
        ? "  processes started on the nodes: not counted, the nodes share this machine's process table"
        : `  processes started on the three nodes during them: ${started(before, after)}; in the same time without any reading: ${started(after, idle)}`,
    );
    console.log(`  memory: ${rssMiB().toFixed(0)} MiB resident`);
  } finally {
    await core.close();
    await lab.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

type ForkMarks = readonly number[];

/**
 * The kernel numbers all that is started in a process table of its own one after another, so the numbers tell how many there were.
 * The mark itself is the number of the process that reads it. Null where the nodes have no process table of their own.
 */
function forkMarks(lab: EmbeddedCluster): ForkMarks | null {
  if (lab.seclusion !== "namespaces") return null;
  return lab.nodes.map(({ name }) => {
    const inside = insideNode(join(lab.directory, name, "ssh", "sshd_config"));
    const read = ["-t", inside, "-p", "cat", "/proc/sys/kernel/ns_last_pid"];
    return Number(execFileSync("nsenter", read, { encoding: "utf8" }));
  });
}

function started(before: ForkMarks, after: ForkMarks): number {
  return after.reduce((sum, mark, at) => sum + mark - (before[at] ?? 0) - 1, 0);
}

/** The node's SSH server: the process that was started with its configuration and has a second number inside the node. */
function insideNode(configPath: string): string {
  const found = readdirSync("/proc").find((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return (
        readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(configPath) &&
        /^NSpid:\t\d+\t\d+$/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
      );
    } catch {
      // A process that ended meanwhile.
      return false;
    }
  });
  if (found === undefined) throw new Error(`no SSH server runs on ${configPath}`);
  return found;
}
