import { execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canMakeAccounts, makeAccount } from "../ssh/accounts";
import type { BinariesChoice } from "./embedded/binaries";
import { startEmbeddedCluster, whatIsMissing, type EmbeddedCluster } from "./embedded/embedded-cluster";
import { serverOf } from "./embedded/postmaster";

const runFile = promisify(execFile);
const inCi = process.env["CI"] === "true";

function ssh(cluster: EmbeddedCluster, node: string, command: string): Promise<{ stdout: string; stderr: string }> {
  return runFile("ssh", ["-F", cluster.sshConfigPath, "-o", "BatchMode=yes", node, command]);
}

/** Ids of living processes whose command line names the directory; ended ones that nobody has reaped yet do not count. */
function processesNaming(directory: string): readonly string[] {
  const listing = execFileSync("ps", ["-A", "-o", "pid=,stat=,args="], { encoding: "utf8" });
  return listing.split("\n").filter((line) => line.includes(directory) && !/^\s*\d+ Z/.test(line));
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (isSo()) return;
    await pause(50);
  }
  throw new Error(`${what} did not come to be within 20 s`);
}

for (const binaries of ["npm", "debian"] satisfies BinariesChoice[]) {
  const missing = whatIsMissing(binaries);

  describe.skipIf(missing !== null && !inCi)(
    `embedded cluster of ${binaries} binaries${missing === null ? "" : ` (skipped: ${missing})`}`,
    () => {
      let cluster: EmbeddedCluster;
      beforeAll(async () => {
        cluster = await startEmbeddedCluster({ binaries });
      }, 60_000);
      afterAll(async () => cluster.stop());

      it("has one primary that both standbys stream from", async () => {
        expect((await cluster.primary())?.name).toBe("keel-1");
        const rows = await cluster.psql(
          "keel-1",
          "SELECT application_name, state, (SELECT active FROM pg_replication_slots s WHERE s.active_pid = r.pid) AS by_slot FROM pg_stat_replication r ORDER BY 1",
        );
        expect(rows).toEqual([
          { application_name: "keel-2", state: "streaming", by_slot: true },
          { application_name: "keel-3", state: "streaming", by_slot: true },
        ]);
      });

      it("lets the system's own ssh in, to each node by its name and as its account", async () => {
        for (const node of cluster.nodes) {
          const { stdout } = await ssh(cluster, node.name, "id -un; hostname");
          const [account, hostname] = stdout.trim().split("\n");
          expect(account).toBe(node.account);
          if (cluster.seclusion !== "none") expect(hostname).toBe(node.name);
        }
      });

      it.skipIf(!canMakeAccounts)("keeps its nodes' account when the machine gets another one meanwhile", async () => {
        const passing = await makeAccount("/bin/sh");
        try {
          for (const node of cluster.nodes)
            expect((await ssh(cluster, node.name, "id -un")).stdout).toBe(`${node.account}\n`);
        } finally {
          await passing.remove();
        }
      });

      it("shows a node its own server's processes only", async (context) => {
        if (cluster.seclusion === "none")
          context.skip("this machine forbids namespaces, so every node sees all processes");
        const { stdout } = await ssh(cluster, "keel-2", "ps -A -o args=");
        expect(stdout).toContain(`-D ${cluster.nodes[1].dataDirectory}`);
        expect(stdout).not.toContain(cluster.nodes[0].dataDirectory);
      });

      it("takes a login on the Unix socket by peer through an SSH forwarding", async () => {
        const node = cluster.nodes[1];
        const local = join(cluster.directory, "client", ".s.PGSQL.5432");
        const remote = join(node.socketDirectory, `.s.PGSQL.${node.postgresPort}`);
        const forwarding = spawn("ssh", ["-F", cluster.sshConfigPath, "-N", "-L", `${local}:${remote}`, node.name], {
          stdio: "ignore",
        });
        try {
          await until(() => existsSync(local), "the forwarded socket");
          const client = new pg.Client({
            user: "postgres",
            database: "postgres",
            host: join(cluster.directory, "client"),
            port: 5432,
          });
          await client.connect();
          const { rows } = await client.query<{ cluster_name: string }>("SHOW cluster_name");
          expect(rows).toEqual([{ cluster_name: "keel-2" }]);
          await client.end();
        } finally {
          forwarding.kill();
        }
      });

      it("hangs a server and wakes it again", async () => {
        cluster.hang("keel-3");
        const postmaster = serverOf(cluster.nodes[2].dataDirectory)?.postmaster ?? -1;
        expect(execFileSync("ps", ["-p", String(postmaster), "-o", "stat="], { encoding: "utf8" })).toMatch(/^T/);
        cluster.resume("keel-3");
        expect(await cluster.psql("keel-3", "SELECT pg_is_in_recovery() AS standby")).toEqual([{ standby: true }]);
      });

      it("kills the primary's server and no other", async () => {
        const before = serverOf(cluster.nodes[0].dataDirectory);
        expect(before?.children.length).toBeGreaterThan(3);
        const killed = await cluster.killPrimary();
        expect(killed.name).toBe("keel-1");
        expect(cluster.nodes.map((node) => cluster.isRunning(node.name))).toEqual([false, true, true]);
        // A stale postmaster.pid stays, as after a real kill, and is not believed.
        expect(existsSync(join(killed.dataDirectory, "postmaster.pid"))).toBe(true);
        expect(() => cluster.kill("keel-1")).toThrow("no PostgreSQL server runs on keel-1");
        expect((await ssh(cluster, "keel-1", "echo still here")).stdout).toBe("still here\n");
      });

      it("takes the killed primary back as a standby of the new one when it had streamed everything", async () => {
        await cluster.psql("keel-2", "SELECT pg_promote(true, 30)");
        await cluster.psql("keel-2", "SELECT pg_create_physical_replication_slot('slot_keel_1', true)");
        const [old, fresh] = cluster.nodes;
        const connection = `host=${fresh.address} port=${fresh.postgresPort} user=replicator passfile=${cluster.replicationPasswordFile} application_name=keel-1`;
        const settings = [`primary_conninfo = '${connection}'`, "primary_slot_name = 'slot_keel_1'"];
        const lines = settings.map((line) => `'${line.replaceAll("'", "'\\''")}'`).join(" ");
        await ssh(
          cluster,
          "keel-1",
          `cd ${old.dataDirectory} && : > standby.signal && printf '%s\\n' ${lines} >> postgresql.auto.conf`,
        );
        await ssh(
          cluster,
          "keel-1",
          `${old.binDirectory}/pg_ctl start -w -s -D ${old.dataDirectory} -l ${old.dataDirectory}/../postgres.log`,
        );
        let state: unknown = null;
        for (let attempt = 0; attempt < 200 && state !== "streaming"; attempt += 1) {
          const rows = await cluster.psql(
            "keel-2",
            "SELECT state FROM pg_stat_replication WHERE application_name = 'keel-1'",
          );
          state = rows[0]?.["state"];
          await pause(50);
        }
        expect(state).toBe("streaming");
        expect((await cluster.primary())?.name).toBe("keel-2");
      });

      it("leaves no process and no file when stopped", async () => {
        expect(processesNaming(cluster.directory).length).toBeGreaterThan(3);
        await cluster.stop();
        expect(existsSync(cluster.directory)).toBe(false);
        expect(processesNaming(cluster.directory)).toEqual([]);
        await expect(cluster.stop()).resolves.toBeUndefined();
      });
    },
  );
}

describe.skipIf(whatIsMissing() !== null && !inCi)("embedded cluster whose starter is killed", () => {
  it("leaves no process and no file", async () => {
    const directory = mkdtempSync(join(tmpdir(), "keel-"));
    const segmentsBefore = sharedMemorySegments();
    const script = join(import.meta.dirname, "embedded", "hold-cluster.ts");
    const starter = spawn(process.execPath, ["--import", "tsx", script, directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise<void>((resolve, reject) => {
      starter.stdout.once("data", () => resolve());
      starter.once("exit", (code) => reject(new Error(`the starter ended with ${code}`)));
    });
    const pids = postmasters(directory);
    expect(pids.length).toBe(3);
    starter.removeAllListeners("exit");
    starter.kill("SIGKILL");
    await until(() => !existsSync(directory), "the removal of the directory");
    for (const pid of pids) expect(isAlive(pid)).toBe(false);
    expect(processesNaming(directory)).toEqual([]);
    expect(sharedMemorySegments()).toBe(segmentsBefore);
  }, 60_000);

  it("refuses a directory that holds something", async () => {
    const directory = mkdtempSync(join(tmpdir(), "keel-"));
    execFileSync("touch", [join(directory, "kept")]);
    await expect(startEmbeddedCluster({ directory })).rejects.toThrow("is not empty");
    expect(readdirSync(directory)).toEqual(["kept"]);
    rmSync(directory, { recursive: true });
  });
});

function postmasters(directory: string): readonly number[] {
  return ["keel-1", "keel-2", "keel-3"].flatMap((node) => serverOf(join(directory, node, "data"))?.postmaster ?? []);
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** How many System V segments there are, or nothing where the kernel does not list them. */
function sharedMemorySegments(): number | null {
  const listing = "/proc/sysvipc/shm";
  return existsSync(listing) ? readFileSync(listing, "utf8").trim().split("\n").length : null;
}
