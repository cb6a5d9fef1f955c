import { ParseError } from "../probe";
import { wordsOf } from "./redis-reply";

/** What INFO says of a data server or a sentinel. What a version or mode does not tell is null. */
export interface RedisInfo {
  readonly version: string;
  /** `cluster`, `standalone` or `sentinel`. */
  readonly mode: string;
  /** Another one after every start. */
  readonly runId: string;
  readonly processId: number;
  readonly port: number;
  readonly uptimeSeconds: number;
  readonly configFile: string;
  readonly executable: string;
  readonly clients: RedisClients;
  readonly memory: RedisMemory | null;
  readonly persistence: RedisPersistence | null;
  readonly statistics: RedisStatistics;
  /** Null on a sentinel. */
  readonly replication: RedisReplication | null;
  readonly keyCount: number;
  /** Of the keys those that have a time to live. */
  readonly expiringKeyCount: number;
  /** Null on a data server. */
  readonly sentinel: { readonly isTilted: boolean; readonly tiltSeconds: number | null } | null;
}

export interface RedisClients {
  readonly connected: number;
  /** Of the cluster's bus; they count against the limit as clients do. */
  readonly busConnections: number;
  readonly most: number | null;
  readonly blocked: number | null;
}

export interface RedisMemory {
  readonly usedBytes: number;
  readonly residentBytes: number | null;
  readonly datasetBytes: number | null;
  /** 0: no limit. */
  readonly mostBytes: number;
  readonly policy: string;
  /** Resident over used. */
  readonly fragmentation: number | null;
}

export interface RedisPersistence {
  readonly isLoading: boolean;
  readonly usesAppendOnlyFile: boolean;
  readonly lastSaveWorked: boolean;
  readonly lastSavedAt: number;
  readonly changesSinceSave: number;
  readonly appendWorked: boolean;
  readonly rewriteWorked: boolean;
}

/** Counters since the start, but for the rate, which the server makes itself. */
export interface RedisStatistics {
  readonly commandsPerSecond: number;
  readonly commands: number;
  readonly rejectedConnections: number;
  readonly evictedKeys: number;
  readonly hits: number;
  readonly misses: number;
  readonly fullSyncs: number;
  readonly lastForkMicroseconds: number | null;
}

export type RedisReplication = {
  readonly replicationId: string;
  readonly earlierReplicationId: string;
  /** Bytes of the replication stream: written by a master, applied by a replica. */
  readonly offsetBytes: number;
  /** A replica that falls further behind than this while cut off needs a full copy. */
  readonly backlogBytes: number;
} & (
  | {
      readonly role: "master";
      readonly replicas: readonly ToldReplica[];
      /** Replicas that count for min-replicas-to-write; null where that is not set. */
      readonly goodReplicaCount: number | null;
    }
  | {
      readonly role: "replica";
      readonly masterHost: string;
      readonly masterPort: number;
      readonly isLinkUp: boolean;
      /** Null where it is up, or was never up since the server was started. */
      readonly linkDownSeconds: number | null;
      readonly lastHeardSeconds: number | null;
      readonly isSyncing: boolean;
      /** 0: never to be promoted by a sentinel. */
      readonly priority: number;
    }
);

export interface ToldReplica {
  readonly host: string;
  readonly port: number;
  readonly state: string;
  readonly offsetBytes: number;
  readonly lagSeconds: number;
}

/**
 * ```
 * # Replication
 * role:master
 * connected_slaves:1
 * slave0:ip=10.77.0.15,port=6379,state=online,offset=3755,lag=1
 * ```
 * Valkey keeps the names of Redis 7.2 and adds its own.
 */
export function parseInfo(text: string): RedisInfo {
  const fields = fieldsOf(wordsOf("INFO", text));
  const sentinelTilt = fields.maybeNumber("sentinel_tilt");
  return {
    version: fields.maybe("valkey_version") ?? fields.text("redis_version"),
    mode: fields.maybe("server_mode") ?? fields.text("redis_mode"),
    runId: fields.text("run_id"),
    processId: fields.number("process_id"),
    port: fields.number("tcp_port"),
    uptimeSeconds: fields.number("uptime_in_seconds"),
    configFile: fields.maybe("config_file") ?? "",
    executable: fields.maybe("executable") ?? "",
    clients: {
      connected: fields.number("connected_clients"),
      busConnections: fields.maybeNumber("cluster_connections") ?? 0,
      most: fields.maybeNumber("maxclients"),
      blocked: fields.maybeNumber("blocked_clients"),
    },
    memory: fields.maybe("used_memory") === null ? null : memoryOf(fields),
    persistence: fields.maybe("loading") === null ? null : persistenceOf(fields),
    statistics: {
      commandsPerSecond: fields.number("instantaneous_ops_per_sec"),
      commands: fields.number("total_commands_processed"),
      rejectedConnections: fields.number("rejected_connections"),
      evictedKeys: fields.number("evicted_keys"),
      hits: fields.number("keyspace_hits"),
      misses: fields.number("keyspace_misses"),
      fullSyncs: fields.number("sync_full"),
      lastForkMicroseconds: fields.maybeNumber("latest_fork_usec"),
    },
    replication: fields.maybe("role") === null ? null : replicationOf(fields),
    keyCount: keyspaceSum(fields, /^keys=(\d+)/),
    expiringKeyCount: keyspaceSum(fields, /,expires=(\d+)/),
    sentinel:
      sentinelTilt === null
        ? null
        : { isTilted: sentinelTilt === 1, tiltSeconds: notNegative(fields.maybeNumber("sentinel_tilt_since_seconds")) },
  };
}

/** `db0:keys=108,expires=0,avg_ttl=0` */
function keyspaceSum(fields: Fields, count: RegExp): number {
  return fields.all
    .filter(([name]) => /^db\d+$/.test(name))
    .reduce((sum, [, value]) => sum + Number(count.exec(value)?.[1] ?? 0), 0);
}

function memoryOf(fields: Fields): RedisMemory {
  return {
    usedBytes: fields.number("used_memory"),
    residentBytes: fields.maybeNumber("used_memory_rss"),
    datasetBytes: fields.maybeNumber("used_memory_dataset"),
    mostBytes: fields.maybeNumber("maxmemory") ?? 0,
    policy: fields.maybe("maxmemory_policy") ?? "noeviction",
    fragmentation: fields.maybeNumber("mem_fragmentation_ratio"),
  };
}

function persistenceOf(fields: Fields): RedisPersistence {
  // A field that an older server lacks tells of no failure it could have.
  const worked = (name: string): boolean => (fields.maybe(name) ?? "ok") === "ok";
  return {
    isLoading: fields.number("loading") === 1 || fields.maybeNumber("async_loading") === 1,
    usesAppendOnlyFile: fields.number("aof_enabled") === 1,
    lastSaveWorked: worked("rdb_last_bgsave_status"),
    lastSavedAt: fields.number("rdb_last_save_time") * 1000,
    changesSinceSave: fields.number("rdb_changes_since_last_save"),
    appendWorked: worked("aof_last_write_status"),
    rewriteWorked: worked("aof_last_bgrewrite_status"),
  };
}

function replicationOf(fields: Fields): RedisReplication {
  const shared = {
    replicationId: fields.text("master_replid"),
    earlierReplicationId: fields.maybe("master_replid2") ?? "",
    backlogBytes: fields.number("repl_backlog_size"),
  };
  if (fields.text("role") === "master")
    return {
      ...shared,
      role: "master",
      offsetBytes: fields.number("master_repl_offset"),
      goodReplicaCount: fields.maybeNumber("min_slaves_good_slaves"),
      replicas: fields.all.filter(([name]) => /^slave\d+$/.test(name)).map(([, value]) => replicaOf(value)),
    };
  return {
    ...shared,
    role: "replica",
    offsetBytes: fields.number("slave_repl_offset"),
    masterHost: fields.text("master_host"),
    masterPort: fields.number("master_port"),
    isLinkUp: fields.text("master_link_status") === "up",
    linkDownSeconds: linkDownSecondsOf(fields),
    lastHeardSeconds: notNegative(fields.maybeNumber("master_last_io_seconds_ago")),
    isSyncing: fields.number("master_sync_in_progress") === 1,
    priority: fields.number("slave_priority"),
  };
}

/** A clock that was set back after the start makes a link look down for longer than the server runs. */
const clockSetBackSeconds = 86_400;

/**
 * -1 for a link that was never up since the start. Servers before redis#8785 (2021) take the time from 0 there, and so tell the Unix time:
 * a link that is down for longer than the server runs was never up.
 */
function linkDownSecondsOf(fields: Fields): number | null {
  const told = notNegative(fields.maybeNumber("master_link_down_since_seconds"));
  return told === null || told > fields.number("uptime_in_seconds") + clockSetBackSeconds ? null : told;
}

/** `ip=10.77.0.15,port=6379,state=online,offset=3755,lag=1` */
function replicaOf(value: string): ToldReplica {
  const found = /^ip=(.+),port=(\d+),state=(\w+),offset=(\d+),lag=(-?\d+)/.exec(value);
  if (found === null) throw new ParseError("a replica in INFO", value);
  const [, host = "", port, state = "", offset, lag] = found;
  return { host, port: Number(port), state, offsetBytes: Number(offset), lagSeconds: Number(lag) };
}

/** -1 stands for "does not apply". */
function notNegative(value: number | null): number | null {
  return value === null || value < 0 ? null : value;
}

interface Fields {
  readonly all: readonly (readonly [string, string])[];
  text(name: string): string;
  maybe(name: string): string | null;
  number(name: string): number;
  maybeNumber(name: string): number | null;
}

/** Lines of `name:value` by name; headings and empty lines are left out. Also the form of CLUSTER INFO. */
export function fieldsOf(text: string): Fields {
  const all = text
    .split("\n")
    .map((line) => line.replace(/\r$/, ""))
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line): readonly [string, string] => {
      const at = line.indexOf(":");
      if (at < 1) throw new ParseError("a line of name and value", line);
      return [line.slice(0, at), line.slice(at + 1)];
    });
  const byName = new Map(all);
  const maybe = (name: string): string | null => byName.get(name) ?? null;
  const demanded = (name: string): string => {
    const value = maybe(name);
    if (value === null) throw new ParseError(`there is no ${name}`, text);
    return value;
  };
  const numeric = (name: string, value: string): number => {
    if (!/^-?\d+(\.\d+)?$/.test(value)) throw new ParseError(`${name} is no number`, value);
    return Number(value);
  };
  return {
    all,
    text: demanded,
    maybe,
    number: (name) => numeric(name, demanded(name)),
    maybeNumber: (name) => {
      const value = maybe(name);
      return value === null ? null : numeric(name, value);
    },
  };
}
