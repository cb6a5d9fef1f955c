import { sentence } from "../../../contract/sentence";
import { parseHttpAnswer } from "../../probe/parse/http-answer";
import { parseJsonObject, type JsonObject } from "../../probe/parse/json";
import { countOf } from "../../probe/parse/key-values";
import { parseRows } from "../../probe/parse/rows";
import { NotThere, ParseError, type Ask, type Probe } from "../../probe/probe";
import { quote } from "../../ssh/quote";
import type { BlockCounters } from "../postgresql-server/blocks";
import { livenessScript, parseLiveness, type Liveness } from "../process-liveness";
import { rest, serverLoginOf, type PatroniSite } from "./settings";

/** What a member says of itself. Positions in the write-ahead log are bytes, instants milliseconds since the Unix epoch. */
export interface MemberStatus {
  /** `running`, `starting`, `stopped`, `creating replica`, …: of PostgreSQL. */
  readonly state: string;
  /** What PostgreSQL is, not who holds the leader key: `primary` takes writes. */
  readonly role: "primary" | "replica" | "standby-leader" | "other";
  readonly timeline: number | null;
  readonly writtenBytes: number | null;
  readonly receivedBytes: number | null;
  readonly replayedBytes: number | null;
  readonly isReplayPaused: boolean;
  readonly replication: readonly { readonly name: string; readonly state: string; readonly syncState: string }[];
  /** Nobody holds the leader key, as this member last read it. */
  readonly isUnlocked: boolean;
  readonly isFailsafeActive: boolean;
  readonly isPaused: boolean;
  readonly needsRestart: boolean;
  readonly hasWatchdogFailed: boolean;
  readonly storeSeenAt: number | null;
  readonly systemIdentifier: string | null;
  readonly serverVersion: number | null;
  readonly startedAt: number | null;
  readonly version: string;
  readonly scope: string;
}

function answered(what: string, text: string): JsonObject {
  const { status, body } = parseHttpAnswer(what, text);
  // 503 with a body is how a member whose PostgreSQL does not run answers.
  if (status !== 200 && status !== 503)
    throw new NotThere(sentence("patroni/answered-error", { status, said: body.trim().slice(0, 200) }));
  return parseJsonObject(what, body);
}

function countOrNull(object: JsonObject, name: string): number | null {
  return object.has(name) ? object.count(name) : null;
}

/** `2026-11-24 12:05:06.593457+00:00` */
function instantIn(object: JsonObject, name: string): number | null {
  const text = object.textOrNull(name);
  const at = text === null ? Number.NaN : Date.parse(text.replace(" ", "T").replace(/(\.\d{3})\d+/, "$1"));
  return Number.isNaN(at) ? null : at;
}

/**
 * ```
 * {"state": "running", "postmaster_start_time": "2026-11-24 12:05:06.593457+00:00", "role": "master", "server_version": 150020,
 *  "xlog": {"location": 67381760}, "timeline": 1, "replication": [{"application_name": "t3", "state": "streaming", "sync_state": "async", …}],
 *  "dcs_last_seen": 1795522030, "database_system_identifier": "7711…", "patroni": {"version": "3.0.2", "scope": "lab"}}
 * ```
 * A replica has `"xlog": {"received_location": …, "replayed_location": …, "replayed_timestamp": …, "paused": false}`.
 */
export function parseStatus(text: string): MemberStatus {
  const what = "the member's status";
  const body = answered(what, text);
  const about = body.object("patroni");
  const position = body.has("xlog") ? body.object("xlog") : null;
  const seen = countOrNull(body, "dcs_last_seen");
  return {
    state: body.text("state"),
    role: roleOf(body.textOrNull("role")),
    timeline: countOrNull(body, "timeline"),
    writtenBytes: position === null ? null : countOrNull(position, "location"),
    receivedBytes: position === null ? null : countOrNull(position, "received_location"),
    replayedBytes: position === null ? null : countOrNull(position, "replayed_location"),
    isReplayPaused: position?.flag("paused") ?? false,
    replication: body.objects("replication").map((sender) => ({
      name: sender.textOrNull("application_name") ?? "",
      state: sender.textOrNull("state") ?? "",
      syncState: sender.textOrNull("sync_state") ?? "",
    })),
    isUnlocked: body.flag("cluster_unlocked"),
    isFailsafeActive: body.flag("failsafe_mode_is_active"),
    isPaused: body.flag("pause"),
    needsRestart: body.flag("pending_restart"),
    hasWatchdogFailed: body.flag("watchdog_failed"),
    storeSeenAt: seen === null || seen === 0 ? null : seen * 1000,
    systemIdentifier: body.textOrNull("database_system_identifier"),
    serverVersion: countOrNull(body, "server_version"),
    startedAt: instantIn(body, "postmaster_start_time"),
    version: about.text("version"),
    scope: about.text("scope"),
  };
}

/** `master` until 3, `primary` from 4 on. */
function roleOf(role: string | null): MemberStatus["role"] {
  if (role === "master" || role === "primary") return "primary";
  if (role === "standby_leader") return "standby-leader";
  return role === "replica" ? "replica" : "other";
}

/** One member as the store lists it; up to ttl old, and in a member that lost the store older. */
export interface ListedMember {
  readonly name: string;
  /** `leader`, `standby_leader`, `sync_standby`, `quorum_standby` or `replica`. */
  readonly role: string;
  readonly state: string;
  readonly host: string | null;
  readonly port: number | null;
  readonly apiUrl: string | null;
  readonly timeline: number | null;
  /** As Patroni counts it; null where it says `unknown`, and for the leader. */
  readonly lagBytes: number | null;
  /** `nofailover`, `nosync`, `clonefrom`, `noloadbalance=true`, … */
  readonly tags: readonly string[];
}

export interface ClusterView {
  readonly members: readonly ListedMember[];
  readonly isPaused: boolean;
  readonly scheduledSwitchover: { readonly at: string; readonly to: string } | null;
}

/**
 * ```
 * {"members": [{"name": "t1", "role": "replica", "state": "running", "api_url": "http://10.0.0.41:8008/patroni", "host": "10.0.0.41",
 *   "port": 5432, "timeline": 1, "lag": 0, "tags": {"nofailover": true}}, …], "pause": true,
 *  "scheduled_switchover": {"at": "2026-11-24T14:00:00+00:00", "from": "t1", "to": "t2"}}
 * ```
 */
export function parseCluster(text: string): ClusterView {
  const body = answered("the member list", text);
  const scheduled = body.has("scheduled_switchover") ? body.object("scheduled_switchover") : null;
  return {
    members: body.objects("members").map((member) => ({
      name: member.text("name"),
      role: member.text("role"),
      state: member.textOrNull("state") ?? "",
      host: member.textOrNull("host"),
      port: countOrNull(member, "port"),
      apiUrl: member.textOrNull("api_url"),
      timeline: countOrNull(member, "timeline"),
      lagBytes: lagOf(member),
      tags: member.has("tags") ? tagsOf(member.object("tags")) : [],
    })),
    isPaused: body.flag("pause"),
    scheduledSwitchover: scheduled && { at: scheduled.text("at"), to: scheduled.textOrNull("to") ?? "" },
  };
}

function lagOf(member: JsonObject): number | null {
  try {
    return countOrNull(member, "lag");
  } catch (error) {
    if (error instanceof ParseError && member.textOrNull("lag") === "unknown") return null;
    throw error;
  }
}

function tagsOf(tags: JsonObject): readonly string[] {
  return tags.names().flatMap((name) => {
    try {
      return tags.flag(name) ? [name] : [];
    } catch (error) {
      if (error instanceof ParseError) return [`${name}=…`];
      throw error;
    }
  });
}

/** Settings of the whole cluster, with Patroni's standards where it says nothing. */
export interface ClusterSettings {
  readonly ttlMs: number;
  readonly loopWaitMs: number;
  readonly retryTimeoutMs: number;
  readonly allowedLagBytes: number;
  readonly isSynchronous: boolean;
  /** How many replicas synchronous mode keeps synchronous; it takes fewer where there are not as many. */
  readonly synchronousCount: number;
  readonly isStrict: boolean;
  readonly isFailsafe: boolean;
  readonly mayRewind: boolean;
}

/** `{"ttl": 20, "loop_wait": 3, "retry_timeout": 5, "maximum_lag_on_failover": 1048576, "synchronous_mode": true, "postgresql": {…}}` */
export function parseSettings(text: string): ClusterSettings {
  const body = answered("the cluster's settings", text);
  const seconds = (name: string, standard: number): number => (countOrNull(body, name) ?? standard) * 1000;
  const postgresql = body.has("postgresql") ? body.object("postgresql") : null;
  return {
    ttlMs: seconds("ttl", 30),
    loopWaitMs: seconds("loop_wait", 10),
    retryTimeoutMs: seconds("retry_timeout", 10),
    allowedLagBytes: countOrNull(body, "maximum_lag_on_failover") ?? 1_048_576,
    isSynchronous: isOn(body, "synchronous_mode"),
    synchronousCount: countOrNull(body, "synchronous_node_count") ?? 1,
    isStrict: isOn(body, "synchronous_mode_strict"),
    isFailsafe: isOn(body, "failsafe_mode"),
    mayRewind: postgresql !== null && isOn(postgresql, "use_pg_rewind"),
  };
}

/** People write `true`, `on`, and from 4.0 `quorum`. */
function isOn(object: JsonObject, name: string): boolean {
  try {
    return object.flag(name);
  } catch (error) {
    if (error instanceof ParseError) return !["off", "false", "no"].includes(object.textOrNull(name) ?? "off");
    throw error;
  }
}

/** A change of leader: the timeline that ended, why, when and, where it is told, who took over. */
export interface PastChange {
  readonly timeline: number;
  readonly reason: string;
  readonly at: number | null;
  readonly newLeader: string | null;
}

/** `[[1, 67381880, "no recovery target specified", "2026-11-24T12:09:01.5+00:00", "t2"]]` */
export function parseHistory(text: string): readonly PastChange[] {
  const what = "the history";
  const { status, body } = parseHttpAnswer(what, text);
  if (status !== 200)
    throw new NotThere(sentence("patroni/answered-error", { status, said: body.trim().slice(0, 200) }));
  const rows = jsonOf(what, body);
  if (!Array.isArray(rows)) throw new ParseError(what, body);
  return rows.map((row: unknown) => {
    const [timeline, , reason, at, newLeader] = (Array.isArray(row) ? row : []) as readonly unknown[];
    if (typeof timeline !== "number") throw new ParseError(what, JSON.stringify(row));
    const when = typeof at === "string" ? Date.parse(at) : Number.NaN;
    return {
      timeline,
      reason: typeof reason === "string" ? reason : "",
      at: Number.isNaN(when) ? null : when,
      newLeader: typeof newLeader === "string" ? newLeader : null,
    };
  });
}

function jsonOf(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new ParseError(what, text);
    throw error;
  }
}

/** What PostgreSQL itself says, without Patroni. */
export interface ServerState extends BlockCounters {
  readonly isInRecovery: boolean;
  readonly timeline: number | null;
  readonly maxConnections: number;
  /** Null for a login without pg_read_all_stats, which sees nothing of other accounts' sessions. */
  readonly activity: {
    readonly connectionCount: number;
    /** Sessions that wait for a lock another one holds. */
    readonly lockWaitCount: number;
  } | null;
  readonly receiverStatus: string | null;
  readonly replayLagMs: number | null;
}

/**
 * The timeline as PostgreSQL's engine reads it, because pg_control_checkpoint() names the old one right after a promotion; the sessions too:
 * no row of them for a login that does not see them, to whom pg_stat_activity gives nulls.
 */
const serverStatement = `SELECT pg_is_in_recovery() AS in_recovery,
 CASE WHEN pg_is_in_recovery() THEN (SELECT received_tli FROM pg_stat_wal_receiver)
  ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
 round(extract(epoch FROM pg_postmaster_start_time()) * 1000) AS started_at,
 a.connections, current_setting('max_connections') AS max_connections, a.lock_waits, d.hit_blocks, d.read_blocks,
 (SELECT status FROM pg_stat_wal_receiver) AS receiver_status,
 CASE WHEN pg_is_in_recovery() THEN CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
  ELSE round(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000) END END AS replay_lag_ms
FROM (SELECT sum(blks_hit) AS hit_blocks, sum(blks_read) AS read_blocks FROM pg_stat_database) d
LEFT JOIN (SELECT count(*) FILTER (WHERE backend_type = 'client backend') AS connections,
  count(*) FILTER (WHERE wait_event_type = 'Lock') AS lock_waits
  FROM pg_stat_activity HAVING pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')) a ON true`;

/** `[{"in_recovery":"f","timeline":"2","connections":"4","max_connections":"100","lock_waits":"0","receiver_status":null,"replay_lag_ms":null}]` */
export function parseServer(text: string): ServerState {
  const row = parseRows("the server's state", text)[0];
  if (row === undefined) throw new ParseError("the server's state has no row", text);
  const connectionCount = row.numberOrNull("connections");
  return {
    isInRecovery: row.flag("in_recovery"),
    timeline: row.numberOrNull("timeline"),
    maxConnections: row.number("max_connections"),
    activity: connectionCount === null ? null : { connectionCount, lockWaitCount: row.number("lock_waits") },
    startedAt: row.number("started_at"),
    hitBlocks: row.numberOrNull("hit_blocks"),
    readBlocks: row.numberOrNull("read_blocks"),
    receiverStatus: row.textOrNull("receiver_status"),
    replayLagMs: row.numberOrNull("replay_lag_ms"),
  };
}

/** The server that Patroni started, by its host's own word, whoever answers. */
export type Postmaster =
  | { readonly kind: "not-running" }
  | {
      readonly kind: "running";
      readonly pid: number;
      readonly isStopped: boolean;
      /** Told by its children: only a server that takes writes has a WAL writer, only one in recovery a startup process. */
      readonly takesWrites: boolean | null;
    };

/** Builtins only. Patroni starts it with `-D <directory> --config-file=…`; a shell's `read` drops the zero bytes between the words. */
function postmasterScript(dataDirectory: string): string {
  return `for p in /proc/[0-9]*; do
 name=; read -r name <"$p/comm" || continue
 case $name in postgres|postmaster) ;; *) continue;; esac
 line=; read -r line <"$p/cmdline"; case $line in *${quote([`-D${dataDirectory}--config-file=`])}*) ;; *) continue;; esac
 read -r line <"$p/stat" && echo "postmaster $line"
 children=; read -r children <"$p/task/\${p#/proc/}/children"
 for c in $children; do line=; read -r line <"/proc/$c/cmdline"
  case $line in *startup*|*walwriter*|*"wal writer"*) echo "child $line";; esac; done
done 2>/dev/null
[ -r /proc/1/stat ] && echo seen || echo hidden`;
}

/**
 * ```
 * postmaster 183 (postgres) S 1 183 183 0 -1 4194560 …
 * child postgres: lab: walwriter
 * seen
 * ```
 */
export function parsePostmaster(text: string): Postmaster {
  const lines = text.trim().split("\n");
  const found = lines.map((line) => /^postmaster (\d+) \(.*\) (\w) /.exec(line)).find((one) => one !== null);
  if (!lines.includes("seen") && !lines.includes("hidden")) throw new ParseError("whether PostgreSQL runs", text);
  if (found == null) {
    if (lines.includes("hidden")) throw new NotThere(sentence("probe/processes-hidden"));
    return { kind: "not-running" };
  }
  const hasChild = (pattern: RegExp): boolean => lines.some((line) => line.startsWith("child ") && pattern.test(line));
  return {
    kind: "running",
    pid: countOf("process id", found[1]),
    isStopped: found[2] === "T" || found[2] === "t",
    takesWrites: hasChild(/: wal ?writer\b/) ? true : hasChild(/: startup\b/) ? false : null,
  };
}

/** Whether the store that holds the leader key has a majority, as the one of its members says that this host asks. */
export type StoreHealth = "majority" | "no-majority";

/** etcd: `{"health":"true"}`, with 503 `{"health":"false"}`; consul: the leader's address in quotes, or nothing in them. */
export function parseStore(text: string): StoreHealth {
  const what = "the health of the store";
  const { status, body } = parseHttpAnswer(what, text);
  if (/^\s*"[^"]*"\s*$/.test(body)) return /^\s*""\s*$/.test(body) ? "no-majority" : "majority";
  const [, healthy] = /"health":\s*"?(true|false)/.exec(body) ?? [];
  if (healthy !== undefined) return healthy === "true" ? "majority" : "no-majority";
  if (status >= 500) return "no-majority";
  throw new ParseError(what, body);
}

function storeAsk({ settings }: PatroniSite): Ask {
  const { storeKind, storeHost, storePort } = settings;
  if (storeHost === "") return { kind: "read", script: "echo unasked" };
  const login = { service: storeKind, target: { kind: "tcp", host: storeHost, port: storePort }, tls: null } as const;
  return { kind: "http", login, method: "GET", path: storeKind === "consul" ? "/v1/status/leader" : "/health" };
}

function unasked(code: string, facts: Readonly<Record<string, string>> = {}): () => never {
  return () => {
    throw new NotThere(sentence(code, facts));
  };
}

export interface PatroniProbes extends Readonly<Record<string, Probe<unknown>>> {
  readonly status: Probe<MemberStatus>;
  readonly cluster: Probe<ClusterView>;
  readonly settings: Probe<ClusterSettings>;
  readonly history: Probe<readonly PastChange[]>;
  readonly server: Probe<ServerState>;
  readonly postmaster: Probe<Postmaster>;
  readonly liveness: Probe<Liveness>;
  readonly store: Probe<StoreHealth>;
}

export function patroniProbes(site: PatroniSite): PatroniProbes {
  const { settings } = site;
  const get = <T>(path: string, parse: (text: string) => T, everyMs = 0): Probe<T> => ({
    ask: rest(site, "GET", path),
    parse,
    everyMs,
    deadlineMs: 3_000,
  });
  return {
    status: get("/patroni", parseStatus),
    cluster: get("/cluster", parseCluster),
    settings: get("/config", parseSettings),
    history: get("/history", parseHistory, 30_000),
    server: {
      ask: { kind: "postgres", login: serverLoginOf(site), statement: serverStatement },
      parse: parseServer,
      deadlineMs: 4_000,
    },
    postmaster: {
      ask: {
        kind: "read",
        script: settings.dataDirectory === "" ? "echo unasked" : postmasterScript(settings.dataDirectory),
      },
      parse: settings.dataDirectory === "" ? unasked("patroni/data-directory-unknown") : parsePostmaster,
    },
    liveness: {
      ask: {
        kind: "read",
        script: livenessScript({ name: settings.processName, words: ["patroni"], control: settings.control }),
      },
      parse: parseLiveness,
    },
    store: {
      ask: storeAsk(site),
      parse: settings.storeHost === "" ? unasked("patroni/store-not-asked", { kind: settings.storeKind }) : parseStore,
      deadlineMs: 3_000,
    },
  };
}
