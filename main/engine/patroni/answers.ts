import { sentence } from "../../../contract/sentence";
import { parseHttpAnswer } from "../../probe/parse/http-answer";
import { parseJsonObject, type JsonObject } from "../../probe/parse/json";
import { NotThere, ParseError } from "../../probe/probe";

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
