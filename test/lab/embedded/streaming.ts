import { appendFileSync, chmodSync, chownSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import type { Account } from "./account";
import type { EmbeddedNode } from "./node-layout";
import type { Room } from "./room";

/** The account of the databases, by PostgreSQL's custom; the node's own account is a superuser too. */
export const superuser = "postgres";
export const replicationUser = "replicator";

/** The replication slot a standby of this name uses on its primary. */
export function slotOf(node: string): string {
  return `slot_${node.replaceAll("-", "_")}`;
}

/** Makes an empty database cluster with data checksums and this laboratory's settings. */
export async function makeDatabaseCluster(
  room: Room,
  node: EmbeddedNode,
  account: Account,
  password: string,
): Promise<void> {
  const passwordFile = join(node.socketDirectory, "superuser-password");
  writeOwned(account, passwordFile, password);
  await room.run(join(node.binDirectory, "initdb"), [
    ...["-D", node.dataDirectory, "-U", superuser, `--pwfile=${passwordFile}`, "--data-checksums", "--no-locale"],
    ...["--encoding=UTF8", "--auth-local=peer", "--auth-host=scram-sha-256", "--no-sync"],
  ]);
  rmSync(passwordFile);
  // Outside the data directory, as on Debian: pg_rewind and base backups copy every file in it, and the node would
  // come back with another node's address.
  appendFileSync(
    join(node.dataDirectory, "postgresql.conf"),
    `\n# The settings of this node.\ninclude '../node.conf'\n`,
  );
  writeOwned(account, join(node.dataDirectory, "pg_hba.conf"), hostRules());
  // A peer is who the kernel says it is: the account may be the databases' superuser, by custom name and by its own.
  const identities = [superuser, account.name].map((role) => `node ${account.name} ${role}\n`).join("");
  writeOwned(account, join(node.dataDirectory, "pg_ident.conf"), identities);
  writeNodeSettings(node, account);
}

/** Only what differs between nodes and what replication needs; everything else is PostgreSQL's standard. */
function writeNodeSettings(node: EmbeddedNode, account: Account): void {
  const settings = {
    cluster_name: node.name,
    listen_addresses: node.address,
    port: node.postgresPort,
    unix_socket_directories: node.socketDirectory,
    wal_level: "replica",
    wal_log_hints: "on",
    hot_standby: "on",
    max_wal_senders: 10,
    max_replication_slots: 10,
    max_prepared_transactions: 20,
    max_connections: 60,
    wal_keep_size: "64MB",
    max_slot_wal_keep_size: "256MB",
    shared_buffers: "16MB",
    // In the data directory rather than in /dev/shm, where a killed server would leave it.
    dynamic_shared_memory_type: "mmap",
    log_line_prefix: "%m [%p] ",
    logging_collector: "off",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
  writeOwned(account, join(node.dataDirectory, "..", "node.conf"), lines.join(""));
}

/** Connections between loopback addresses come from 127.0.0.1, hence the whole block. */
function hostRules(): string {
  return [
    "local all all peer map=node",
    "local replication all peer map=node",
    "host all all 127.0.0.0/8 scram-sha-256",
    `host replication ${replicationUser} 127.0.0.0/8 scram-sha-256`,
    "",
  ].join("\n");
}

/** Starts a server and waits until it answers. */
export async function startServer(room: Room, node: EmbeddedNode): Promise<void> {
  const log = join(node.dataDirectory, "..", "postgres.log");
  await room.run(join(node.binDirectory, "pg_ctl"), [
    "start",
    "-w",
    "-t",
    "60",
    "-s",
    "-D",
    node.dataDirectory,
    "-l",
    log,
  ]);
}

/** On the primary: the roles, and a slot for each standby to be. */
export async function allowReplication(
  primary: Client,
  account: Account,
  standbys: readonly EmbeddedNode[],
  replicationPassword: string,
): Promise<void> {
  await primary.query(`CREATE ROLE ${replicationUser} LOGIN REPLICATION PASSWORD '${replicationPassword}'`);
  if (account.name !== superuser) await primary.query(`CREATE ROLE "${account.name}" SUPERUSER LOGIN`);
  for (const standby of standbys)
    await primary.query("SELECT pg_create_physical_replication_slot($1, true)", [slotOf(standby.name)]);
}

/** Makes standbys out of a running primary by its low-level backup interface; the npm packages have no pg_basebackup. */
export async function copyToStandbys(
  primary: Client,
  source: EmbeddedNode,
  standbys: readonly EmbeddedNode[],
  account: Account,
  passwordFile: string,
): Promise<void> {
  await primary.query("SELECT pg_backup_start('embedded cluster', true)");
  for (const standby of standbys) copyData(source.dataDirectory, standby.dataDirectory, account);
  const stopped = await primary.query<{ labelfile: string }>("SELECT labelfile FROM pg_backup_stop(false)");
  const label = stopped.rows[0]?.labelfile;
  if (label === undefined) throw new Error("pg_backup_stop gave no backup label");
  for (const standby of standbys) {
    writeOwned(account, join(standby.dataDirectory, "backup_label"), label);
    writeOwned(account, join(standby.dataDirectory, "standby.signal"), "");
    const connection = `host=${source.address} port=${source.postgresPort} user=${replicationUser} passfile=${passwordFile} application_name=${standby.name}`;
    // Where pg_basebackup -R writes it, and ALTER SYSTEM later.
    const lines = [`primary_conninfo = '${connection}'`, `primary_slot_name = '${slotOf(standby.name)}'`];
    writeOwned(account, join(standby.dataDirectory, "postgresql.auto.conf"), `${lines.join("\n")}\n`);
    writeNodeSettings(standby, account);
  }
}

// What a base backup leaves out, by the manual's chapter on the low-level interface.
const emptied = ["pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"];
const leftOut = ["postmaster.pid", "postmaster.opts"];

function copyData(source: string, target: string, account: Account): void {
  cpSync(source, target, {
    recursive: true,
    filter: (path) => {
      const [first = "", ...rest] = path.slice(source.length + 1).split("/");
      return !leftOut.includes(first) && !(rest.length > 0 && emptied.includes(first));
    },
  });
  chmodSync(target, 0o700);
  giveAll(target, account);
}

function giveAll(directory: string, account: Account): void {
  chownSync(directory, account.uid, account.gid);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) giveAll(path, account);
    else chownSync(path, account.uid, account.gid);
  }
}

/** Waits until the primary sees every one of the standbys streaming. */
export async function allStreaming(primary: Client, standbys: readonly EmbeddedNode[]): Promise<void> {
  const names = standbys.map((standby) => standby.name);
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const { rows } = await primary.query<{ application_name: string }>(
      "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'",
    );
    if (names.every((name) => rows.some((row) => row.application_name === name))) return;
    await pause(50);
  }
  throw new Error(`${names.join(" and ")} did not begin to stream within 30 s; see postgres.log of each node`);
}

/** Makes a directory that belongs to the account. */
export function makeOwned(account: Account, path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chownSync(path, account.uid, account.gid);
}

/** Writes a file that the account owns and nobody else reads. */
export function writeOwned(account: Account, path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
  chownSync(path, account.uid, account.gid);
}
