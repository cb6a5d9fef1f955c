import { sentence } from "../../../contract/sentence";
import { availableBytesIn } from "../../probe/parse/free-space";
import { countOf } from "../../probe/parse/key-values";
import { parseRows, type Row } from "../../probe/parse/rows";
import { NotThere, ParseError, type Probe } from "../../probe/probe";
import { quote } from "../../ssh/quote";
import { processAgeMs, uptimeScript } from "../process-liveness";
import { loginOf, type PostgresqlSite } from "./settings";

/** What the sessions of all accounts do. */
export interface Activity {
  readonly connectionCount: number;
  /** Sessions that wait for a lock another one holds. */
  readonly lockWaitCount: number;
  /** Commits that wait for a synchronous standby. */
  readonly commitWaitCount: number;
  readonly idleInTransactionCount: number;
  readonly oldestIdleInTransactionMs: number | null;
  /** Age of the transaction of a client that was begun first; null where none is open. */
  readonly longestTransactionMs: number | null;
}

/** Byte positions in the write-ahead log, counted from 0/0. Beyond 2^53 they would lose precision; that is 8 PiB of WAL. */
export interface ServerState {
  readonly isInRecovery: boolean;
  readonly versionNumber: number;
  readonly name: string;
  readonly systemIdentifier: string;
  /** Null on a standby that has no WAL receiver. */
  readonly timeline: number | null;
  /** On a primary where it writes; null on a standby. */
  readonly writeBytes: number | null;
  readonly receiveBytes: number | null;
  readonly replayBytes: number | null;
  /** Age of the last replayed transaction while there is more to replay; null on a primary and where nothing was replayed yet. */
  readonly replayLagMs: number | null;
  readonly receiver: { readonly status: string; readonly senderHost: string; readonly senderPort: number } | null;
  readonly startedAt: number;
  readonly maxConnections: number;
  /** Null for a login without pg_read_all_stats, which sees nothing of other accounts' sessions; nor of a receiver and of replicas. */
  readonly activity: Activity | null;
  /** Blocks found in shared buffers, and asked of the operating system, since the statistics were last reset. */
  readonly hitBlocks: number | null;
  readonly readBlocks: number | null;
  readonly oldestTransactionAge: number;
  readonly checksumFailures: number | null;
  readonly synchronousStandbyNames: string;
  /** The connection string to its primary without a password; null where the login may not see it. */
  readonly primaryConnection: string | null;
  /** The string holds a password, which is not read and so cannot be written again. */
  readonly primaryConnectionHasPassword: boolean;
  readonly primarySlotName: string;
}

/**
 * The timeline is not taken from pg_control_checkpoint(): that lags until the next checkpoint and names the old timeline
 * right after a promotion (15 and 18). A primary tells it in the name of the file it writes, a standby in its receiver.
 * To a login without pg_read_all_stats pg_stat_activity gives nulls, which would count as nobody: it gets no row of them here.
 */
const stateStatement = `SELECT pg_is_in_recovery() AS in_recovery,
 current_setting('server_version_num') AS version_number, current_setting('cluster_name') AS name,
 (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
 CASE WHEN pg_is_in_recovery() THEN (SELECT received_tli FROM pg_stat_wal_receiver)
  ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
 CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') END AS write_bytes,
 CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0') END AS receive_bytes,
 CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') END AS replay_bytes,
 CASE WHEN pg_is_in_recovery() THEN CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
  ELSE round(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000) END END AS replay_lag_ms,
 r.status AS receiver_status, r.sender_host, r.sender_port,
 round(extract(epoch FROM pg_postmaster_start_time()) * 1000) AS started_at,
 a.connections, current_setting('max_connections') AS max_connections, a.lock_waits, a.commit_waits,
 a.idle_in_transaction, a.idle_in_transaction_ms, a.longest_transaction_ms,
 d.hit_blocks, d.read_blocks, d.checksum_failures,
 (SELECT max(age(datfrozenxid)) FROM pg_database) AS transaction_age,
 current_setting('synchronous_standby_names') AS synchronous_standby_names,
 regexp_replace(c.setting, '\\mpassword\\s*=\\s*(''[^'']*''|\\S+)', '', 'gi') AS primary_connection,
 c.setting ~* '\\mpassword\\s*=' AS has_password, coalesce(s.setting, '') AS primary_slot_name
FROM (SELECT sum(blks_hit) AS hit_blocks, sum(blks_read) AS read_blocks, sum(checksum_failures) AS checksum_failures
 FROM pg_stat_database) d
LEFT JOIN (SELECT count(*) FILTER (WHERE backend_type = 'client backend') AS connections,
  count(*) FILTER (WHERE wait_event_type = 'Lock') AS lock_waits,
  count(*) FILTER (WHERE wait_event = 'SyncRep') AS commit_waits,
  count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
  round(extract(epoch FROM max(clock_timestamp() - xact_start)
   FILTER (WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())) * 1000) AS longest_transaction_ms,
  round(extract(epoch FROM max(clock_timestamp() - state_change) FILTER (WHERE state LIKE 'idle in transaction%')) * 1000)
   AS idle_in_transaction_ms
  FROM pg_stat_activity HAVING pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')) a ON true
LEFT JOIN pg_stat_wal_receiver r ON true
LEFT JOIN pg_settings c ON c.name = 'primary_conninfo'
LEFT JOIN pg_settings s ON s.name = 'primary_slot_name'`;

/**
 * ```
 * [{"in_recovery":"f","version_number":"180004","name":"keel-1","system_identifier":"7576…","timeline":"1","write_bytes":"50331920",…}]
 * ```
 */
export function parseState(text: string): ServerState {
  const rows = parseRows("the server's state", text);
  const row = rows[0];
  if (row === undefined) throw new ParseError("the server's state has no row", text);
  return {
    isInRecovery: row.flag("in_recovery"),
    versionNumber: row.number("version_number"),
    name: row.text("name"),
    systemIdentifier: row.text("system_identifier"),
    timeline: row.numberOrNull("timeline"),
    writeBytes: row.numberOrNull("write_bytes"),
    receiveBytes: row.numberOrNull("receive_bytes"),
    replayBytes: row.numberOrNull("replay_bytes"),
    replayLagMs: row.numberOrNull("replay_lag_ms"),
    receiver: receiverOf(row),
    startedAt: row.number("started_at"),
    maxConnections: row.number("max_connections"),
    activity: activityOf(row),
    hitBlocks: row.numberOrNull("hit_blocks"),
    readBlocks: row.numberOrNull("read_blocks"),
    oldestTransactionAge: row.number("transaction_age"),
    checksumFailures: row.numberOrNull("checksum_failures"),
    synchronousStandbyNames: row.text("synchronous_standby_names"),
    primaryConnection: row.textOrNull("primary_connection"),
    primaryConnectionHasPassword: row.textOrNull("has_password") === "t",
    primarySlotName: row.text("primary_slot_name"),
  };
}

function activityOf(row: Row): Activity | null {
  const connectionCount = row.numberOrNull("connections");
  if (connectionCount === null) return null;
  return {
    connectionCount,
    lockWaitCount: row.number("lock_waits"),
    commitWaitCount: row.number("commit_waits"),
    idleInTransactionCount: row.number("idle_in_transaction"),
    oldestIdleInTransactionMs: row.numberOrNull("idle_in_transaction_ms"),
    longestTransactionMs: row.numberOrNull("longest_transaction_ms"),
  };
}

function receiverOf(row: Row): ServerState["receiver"] {
  const status = row.textOrNull("receiver_status");
  if (status === null) return null;
  return { status, senderHost: row.textOrNull("sender_host") ?? "", senderPort: row.numberOrNull("sender_port") ?? 0 };
}

export interface Replica {
  readonly applicationName: string;
  readonly clientAddress: string | null;
  readonly state: string;
  readonly syncState: string;
  /** How far it is behind in bytes: what was not yet flushed there, and not yet replayed. */
  readonly flushLagBytes: number | null;
  readonly replayLagBytes: number | null;
  /** PostgreSQL's own measure; null while nothing is written. */
  readonly replayLagMs: number | null;
}

const replicationStatement = `SELECT application_name, host(client_addr) AS client_address, state, sync_state,
 pg_wal_lsn_diff(w.lsn, flush_lsn) AS flush_lag_bytes, pg_wal_lsn_diff(w.lsn, replay_lsn) AS replay_lag_bytes,
 round(extract(epoch FROM replay_lag) * 1000) AS replay_lag_ms
FROM pg_stat_replication, (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS lsn) w
ORDER BY application_name, pid`;

export function parseReplication(text: string): readonly Replica[] {
  return parseRows("the replicas", text).map((row) => ({
    applicationName: row.text("application_name"),
    clientAddress: row.textOrNull("client_address"),
    state: row.textOrNull("state") ?? "",
    syncState: row.textOrNull("sync_state") ?? "",
    flushLagBytes: row.numberOrNull("flush_lag_bytes"),
    replayLagBytes: row.numberOrNull("replay_lag_bytes"),
    replayLagMs: row.numberOrNull("replay_lag_ms"),
  }));
}

export interface Slot {
  readonly name: string;
  readonly kind: string;
  readonly isActive: boolean;
  /** `reserved`, `extended`, `unreserved`, `lost`; null for a slot that was never used. */
  readonly walStatus: string | null;
  readonly retainedBytes: number | null;
  /** What may still be written until the slot is lost; null where max_slot_wal_keep_size sets no limit, and for a lost slot. */
  readonly bytesUntilLost: number | null;
}

const slotsStatement = `SELECT slot_name, slot_type, active, wal_status, pg_wal_lsn_diff(w.lsn, restart_lsn) AS retained_bytes, safe_wal_size
FROM pg_replication_slots,
 (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn) w ORDER BY slot_name`;

export function parseSlots(text: string): readonly Slot[] {
  return parseRows("the replication slots", text).map((row) => ({
    name: row.text("slot_name"),
    kind: row.text("slot_type"),
    isActive: row.flag("active"),
    walStatus: row.textOrNull("wal_status"),
    retainedBytes: row.numberOrNull("retained_bytes"),
    bytesUntilLost: row.numberOrNull("safe_wal_size"),
  }));
}

export interface PreparedTransaction {
  readonly gid: string;
  /** With the time, what tells it from another that is prepared under the same name later. */
  readonly transactionId: string;
  readonly preparedAt: number;
  readonly owner: string;
  readonly database: string;
  readonly ageMs: number;
  /** Relations it holds locks on. */
  readonly lockedCount: number;
}

/** A prepared transaction has no process; its locks stand in pg_locks under its virtual transaction `-1/<xid>`. */
const preparedStatement = `SELECT gid, transaction, round(extract(epoch FROM prepared) * 1000) AS prepared_at, owner, database,
 round(extract(epoch FROM clock_timestamp() - prepared) * 1000) AS age_ms,
 (SELECT count(*) FROM pg_locks l WHERE l.virtualtransaction = '-1/' || p.transaction AND l.locktype = 'relation') AS locked
FROM pg_prepared_xacts p ORDER BY prepared`;

export function parsePrepared(text: string): readonly PreparedTransaction[] {
  return parseRows("the prepared transactions", text).map((row) => ({
    gid: row.text("gid"),
    transactionId: row.text("transaction"),
    preparedAt: row.number("prepared_at"),
    owner: row.text("owner"),
    database: row.text("database"),
    ageMs: row.number("age_ms"),
    lockedCount: row.number("locked"),
  }));
}

/** The slots are read anew each minute beside, because a rate between two looks a few seconds apart is one moment's. */
const slotsEveryMs = 60_000;

/** No shell builtin tells free space, so this starts a process; it is asked once a minute. */
const walDiskScript = `[ -x "$1" ] || { echo closed; exit; }
df -Pk "$1/pg_wal/."`;
const walDiskEveryMs = 60_000;

export interface WalDisk {
  /** What the server's account may still write there. */
  readonly availableBytes: number;
}

/** `closed` where the login may not look into the data directory: whether pg_wal leads to another disk is not known then. */
export function parseWalDisk(text: string): WalDisk {
  if (text.trim() === "closed") throw new NotThere(sentence("postgresql/wal-directory-closed"));
  return { availableBytes: availableBytesIn("the free space where pg_wal is", text) };
}

/** Walks the data directory on the server's side, so it is asked rarely. */
const sizesStatement = "SELECT sum(pg_database_size(oid)) AS bytes FROM pg_database";
const sizesEveryMs = 60_000;

export function parseSizes(text: string): { readonly databaseBytes: number } {
  const row = parseRows("the database sizes", text)[0];
  if (row === undefined) throw new ParseError("the database sizes have no row", text);
  return { databaseBytes: row.number("bytes") };
}

/** Whether a postmaster runs on the data directory, by the host's own word, whatever the server answers. */
export type Liveness =
  | (OnDisk & {
      readonly kind: "not-running";
      /** The slot its postgresql.auto.conf tells it to use; null where that tells none. */
      readonly slotName: string | null;
    })
  | (OnDisk & {
      readonly kind: "running";
      readonly pid: number;
      readonly isStopped: boolean;
      /** Null where the host tells no age. */
      readonly ageMs: number | null;
    });

const startLocks = ["masked", "recovery.conf"] as const;
/** A unit that is masked, or the file beside which a server of 12 or newer refuses to start. */
export type StartLock = (typeof startLocks)[number];

interface OnDisk {
  /** The first line of its standby.signal; null where there is no such file. */
  readonly standbyMark: string | null;
  /** The login may not look into the data directory: what is said of files in it is not known. */
  readonly isDirectoryClosed: boolean;
  /** What keeps it from being started the next time. A recovery.conf in a directory that is closed is not seen. */
  readonly locks: readonly StartLock[];
  /** Null where the login sees neither a file of Patroni's nor that no Patroni runs on the host. */
  readonly isKeptByPatroni: boolean | null;
}

/**
 * Builtins only. `-ef` compares what two paths lead to, which proves that the process is this directory's postmaster and not another that
 * got the number of a dead one; where the link may not be read the name decides, towards "running". A login that may not look into the
 * directory goes by the host's process table, where it may see all of it: there the postmaster names its directory, and no postmaster at
 * all proves that this one does not run. A shell drops the zero bytes between a process's words, so that /x/main-old begins like /x/main with
 * an option behind it: only a setting's name and its equals sign tell. There too no file says that Patroni keeps the server: a postmaster that
 * was started as only Patroni does tells it, and a host on which no Patroni runs that it does not.
 */
export function livenessScript(dataDirectory: string, unitFile: string): string {
  return `d=${quote([dataDirectory])} unit=${quote([unitFile])}
signal() { [ ! -e "$d/standby.signal" ] || { mark=; [ -r "$d/standby.signal" ] && read -r mark <"$d/standby.signal"; echo "standby $mark"; }; }
slot() { slot=; [ ! -r "$d/postgresql.auto.conf" ] || while read -r line; do case $line in primary_slot_name*=*) slot=$line;; esac; done <"$d/postgresql.auto.conf"
 [ -z "$slot" ] || echo "slot \${slot#*=}"; }
owns() { set -- "\${1#/}"; case $1 in ""|--config-file=*) return 0 ;; -c*=*) set -- "\${1#-c}" ;; --*=*) set -- "\${1#--}" ;; *) return 1 ;; esac
 case \${1%%=*} in *[!A-Za-z0-9_.]*) return 1 ;; esac; }
table() {
for p in /proc/[0-9]*; do name=; read -r name 2>/dev/null <"$p/comm"; case $name in *postgres*|*postmaster*) ;; *) continue ;; esac
 other=closed; line=; read -r line 2>/dev/null <"$p/cmdline"
 case $line in *"-D$d"*) line=\${line#*"-D$d"} ;; *) continue ;; esac
 owns "$line" || continue
 case $line in --config-file=*--cluster_name=*) keeper=patroni ;; esac
 read -r line <"$p/stat"; echo "running $line"; return
done; echo "\${other:-absent}"; }
patronis() { for p in /proc/[0-9]*; do name=; read -r name 2>/dev/null <"$p/comm"; case $name in patroni) return 0 ;; python*) ;; *) continue ;; esac
 line=; read -r line 2>/dev/null <"$p/cmdline"; case $line in *patroni*) return 0 ;; esac
done; return 1; }
if [ ! -x "$d" ]; then other=; keeper=
 if [ -r /proc/1/comm ]; then table; echo shut; [ -n "$keeper" ] || patronis || keeper="no patroni"; echo "$keeper"; else echo closed; fi
elif [ ! -e "$d/postmaster.pid" ]; then echo absent; signal; slot
elif [ ! -r "$d/postmaster.pid" ]; then echo closed
else read -r pid <"$d/postmaster.pid"; name=; [ -r "/proc/$pid/comm" ] && read -r name <"/proc/$pid/comm"
if [ -z "$name" ]; then echo stale; signal; slot
elif [ "/proc/$pid/cwd" -ef "$d" ] || { [ "$name" = postgres ] && [ ! -e "/proc/$pid/cwd/." ]; }; then read -r line <"/proc/$pid/stat"; echo "running $line"; signal
else echo stale; signal; slot; fi; fi
[ ! -e "$d/patroni.dynamic.json" ] || echo patroni
[ ! -e "$d/recovery.conf" ] || echo recovery.conf
[ ! "$unit" -ef /dev/null ] || echo masked
${uptimeScript}`;
}

/**
 * ```
 * running 57 (postgres) S 1 57 57 0 -1 4194304 …
 * standby host=10.0.0.5/port=5432/application_name=keel-1/slot_keel_1
 * uptime 812.90 1603.12
 * first 1 (systemd) S 0 1 1 0 -1 4194560 …
 * ```
 * The first line may be one of `absent` (no pid file or no postmaster), `stale` (its process is gone or another), `closed` (the login may
 * not look). `standby` is there where the directory has a standby.signal, after it, for one that does not run, the slot its settings name:
 * ```
 * slot  'slot_keel_1'
 * ```
 * Then `shut` where the login may not look into the directory, and `patroni` where Patroni keeps the server; after `shut` nothing where that
 * cannot be told, and `no patroni` where none can. `recovery.conf` and `masked` are what keeps it from being started.
 */
export function parseLiveness(text: string): Liveness {
  const [line = "", ...rest] = text.trim().split("\n");
  const signal = rest.find((one) => one.startsWith("standby"));
  const onDisk: OnDisk = {
    standbyMark: signal === undefined ? null : signal.replace(/^standby ?/, ""),
    isDirectoryClosed: rest.includes("shut"),
    locks: startLocks.filter((lock) => rest.includes(lock)),
    isKeptByPatroni: rest.includes("patroni") || (rest.includes("shut") && !rest.includes("no patroni") ? null : false),
  };
  if (line === "absent" || line === "stale") {
    const slotName = rest.map((one) => /^slot\s+'?([a-z0-9_]*)'?/.exec(one)?.[1]).find((name) => name !== undefined);
    return { kind: "not-running", ...onDisk, slotName: slotName ?? null };
  }
  if (line === "closed") throw new NotThere(sentence("postgresql/data-directory-closed"));
  const found = /^running (\d+) \(.*\) (\w) /.exec(line);
  if (found === null) throw new ParseError("whether the postmaster runs", line);
  // T: stopped by a signal; it holds its port and answers nobody.
  return {
    kind: "running",
    pid: countOf("process id", found[1]),
    isStopped: found[2] === "T" || found[2] === "t",
    ageMs: processAgeMs(line, rest),
    ...onDisk,
  };
}

export interface PostgresqlProbes extends Readonly<Record<string, Probe<unknown>>> {
  readonly state: Probe<ServerState>;
  readonly replication: Probe<readonly Replica[]>;
  readonly slots: Probe<readonly Slot[]>;
  readonly slotsEachMinute: Probe<readonly Slot[]>;
  readonly walDisk: Probe<WalDisk>;
  readonly prepared: Probe<readonly PreparedTransaction[]>;
  readonly sizes: Probe<{ readonly databaseBytes: number }>;
  readonly liveness: Probe<Liveness>;
}

export function postgresqlProbes(site: PostgresqlSite): PostgresqlProbes {
  const login = loginOf(site);
  const sql = <T>(statement: string, parse: (text: string) => T, everyMs = 0): Probe<T> => ({
    ask: { kind: "postgres", login, statement },
    parse,
    everyMs,
    deadlineMs: 4_000,
  });
  return {
    state: sql(stateStatement, parseState),
    replication: sql(replicationStatement, parseReplication),
    slots: sql(slotsStatement, parseSlots),
    slotsEachMinute: sql(slotsStatement, parseSlots, slotsEveryMs),
    walDisk: {
      ask: {
        kind: "run",
        command: { argv: ["/bin/sh", "-c", walDiskScript, "sh", site.settings.dataDirectory] },
      },
      parse: parseWalDisk,
      everyMs: walDiskEveryMs,
    },
    prepared: sql(preparedStatement, parsePrepared),
    sizes: sql(sizesStatement, parseSizes, sizesEveryMs),
    liveness: {
      // Where `systemctl mask` puts its link; that of `--runtime` is gone with the next boot and is not looked for.
      ask: {
        kind: "read",
        script: livenessScript(site.settings.dataDirectory, `/etc/systemd/system/${site.settings.control}`),
      },
      parse: parseLiveness,
    },
  };
}
