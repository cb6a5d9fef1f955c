import { sentence } from "../../../contract/sentence";
import { parseHttpAnswer } from "../../probe/parse/http-answer";
import { parseJsonObject, type JsonObject } from "../../probe/parse/json";
import { parseMetrics, type Bucket, type Metrics } from "../../probe/parse/metrics";
import { NotThere, ParseError, type Probe } from "../../probe/probe";
import { livenessScript, parseLiveness, type Liveness } from "../process-liveness";
import { directoryProbes, type DirectoryProbes } from "./directory";
import { gateway, loginOf, metricsLoginOf, type EtcdSite } from "./settings";

export interface Alarm {
  /** Whose alarm it is, in hexadecimal. */
  readonly memberId: string;
  /** `NOSPACE` or `CORRUPT`. */
  readonly kind: string;
}

/** What a member says of itself. Ids are in hexadecimal, as etcd's own commands write them. */
export interface MemberStatus {
  readonly clusterId: string;
  readonly memberId: string;
  /** Null when it knows no leader. */
  readonly leaderId: string | null;
  readonly term: number;
  readonly index: number;
  readonly appliedIndex: number;
  readonly revision: number;
  readonly version: string;
  readonly dbBytes: number;
  readonly dbInUseBytes: number;
  readonly isLearner: boolean;
  readonly alarms: readonly Alarm[];
}

/** The gateway's answer as an object; anything but success is an answer without a value, with etcd's own words. */
function bodyOf(what: string, text: string): JsonObject {
  const { status, body } = parseHttpAnswer(what, text);
  if (status !== 200) throw new NotThere(sentence("etcd/answered-error", { status, said: saidIn(body) }));
  return parseJsonObject(what, body);
}

/** `{"error":"etcdserver: request timed out","message":"…","code":14}`; a proxy's page is cut. */
export function saidIn(body: string): string {
  return /"error":"([^"]*)"/.exec(body)?.[1] ?? body.trim().slice(0, 200);
}

/** Ids have 64 bits and come as decimal text; a number in JavaScript would lose their ends. */
function hexId(what: string, decimal: string): string {
  if (!/^\d{1,20}$/.test(decimal)) throw new ParseError(what, decimal);
  return BigInt(decimal).toString(16);
}

/** The form the gateway takes ids in. */
export function decimalId(hex: string): string {
  return BigInt(`0x${hex}`).toString();
}

/**
 * ```
 * {"header":{"cluster_id":"122…","member_id":"262…","revision":"1","raft_term":"2"},"version":"3.4.23","dbSize":"20480",
 *  "leader":"102…","raftIndex":"8","raftTerm":"2","raftAppliedIndex":"8","errors":["memberID:1 alarm:CORRUPT "],"dbSizeInUse":"16384"}
 * ```
 * Without a leader `leader` is left out and `errors` holds `etcdserver: no leader`. The alarms a member knows of are among its errors:
 * asking for them by the alarm call would be a write, which every look would repeat (3.4).
 */
export function parseStatus(text: string): MemberStatus {
  const what = "the member's status";
  const body = bodyOf(what, text);
  const header = body.object("header");
  const leader = body.textOrNull("leader");
  return {
    clusterId: hexId(what, header.text("cluster_id")),
    memberId: hexId(what, header.text("member_id")),
    leaderId: leader === null || leader === "0" ? null : hexId(what, leader),
    term: body.countOrZero("raftTerm"),
    index: body.countOrZero("raftIndex"),
    appliedIndex: body.countOrZero("raftAppliedIndex"),
    revision: header.countOrZero("revision"),
    version: body.text("version"),
    dbBytes: body.count("dbSize"),
    dbInUseBytes: body.countOrZero("dbSizeInUse"),
    isLearner: body.flag("isLearner"),
    alarms: body.texts("errors").flatMap((error): readonly Alarm[] => {
      const [, id = "", kind = ""] = /^memberID:(\d+) alarm:(\w+)/.exec(error) ?? [];
      return id === "" ? [] : [{ memberId: hexId(what, id), kind }];
    }),
  };
}

export interface ListedMember {
  readonly id: string;
  /** Empty for one that was added and never started. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** Answered by the member from what it has applied, also without a leader, because `linearizable` is left out. */
export function parseMembers(text: string): readonly ListedMember[] {
  const what = "the member list";
  const members = bodyOf(what, text).objects("members");
  if (members.length === 0) throw new ParseError(what, text);
  return members
    .map((member) => ({
      id: hexId(what, member.text("ID")),
      name: member.textOrNull("name") ?? "",
      peerUrls: member.texts("peerURLs"),
      clientUrls: member.texts("clientURLs"),
      isLearner: member.flag("isLearner"),
    }))
    .sort((one, other) => one.id.localeCompare(other.id));
}

/**
 * A read that a majority stood behind. With authentication on, the refusal comes after that majority was asked, so it proves the same.
 * ```
 * {"header":{"cluster_id":"122…","member_id":"262…","revision":"1","raft_term":"2"}}
 * ```
 */
export function parseQuorumRead(text: string): true {
  const what = "a read that a majority confirms";
  const { status, body } = parseHttpAnswer(what, text);
  if (/etcdserver: (user name is empty|permission denied|invalid auth token)/.test(body)) return true;
  if (status !== 200) throw new NotThere(sentence("etcd/answered-error", { status, said: saidIn(body) }));
  parseJsonObject(what, body).object("header");
  return true;
}

/** A hash over all keys up to the revision; equal on all members for equal revisions. */
export interface KeyHash {
  readonly revision: number;
  readonly compactRevision: number;
  readonly hash: number;
}

/** `{"header":{…,"revision":"51"},"hash":2972205870,"compact_revision":"40"}` */
export function parseHash(text: string): KeyHash {
  const body = bodyOf("the hash of all keys", text);
  return {
    revision: body.has("hash_revision") ? body.count("hash_revision") : body.object("header").countOrZero("revision"),
    compactRevision: body.countOrZero("compact_revision"),
    hash: body.countOrZero("hash"),
  };
}

/** Null where this version does not tell. */
export interface MemberMetrics {
  readonly quotaBytes: number | null;
  readonly leaderChanges: number | null;
  readonly proposalsFailed: number | null;
  readonly proposalsPending: number | null;
  readonly watchers: number | null;
  readonly requests: number | null;
  readonly clientSentBytes: number | null;
  readonly openFiles: number | null;
  readonly maxFiles: number | null;
  readonly startedAt: number | null;
  readonly compactRevision: number | null;
  readonly openReadTransactions: number | null;
  readonly slowReads: number | null;
  readonly fsync: readonly Bucket[];
  readonly commit: readonly Bucket[];
  /** Its links to the other members, by their ids in hexadecimal. */
  readonly links: ReadonlyMap<string, PeerLink>;
}

export interface PeerLink {
  readonly isUp: boolean;
  /** How often it broke since the process began. */
  readonly breaks: number;
}

/**
 * ```
 * etcd_network_active_peers{Local="a5134f8e27bebc40",Remote="acbc41a9613551ac"} 1
 * etcd_network_disconnected_peers_total{Local="a5134f8e27bebc40",Remote="cba386141b5073f0"} 2
 * ```
 * A link that never broke has no second line.
 */
function linksIn(metrics: Metrics): ReadonlyMap<string, PeerLink> {
  const breaks = metrics.by("etcd_network_disconnected_peers_total", "Remote");
  return new Map(
    [...metrics.by("etcd_network_active_peers", "Remote")].map(([id, up]) => [
      id,
      { isUp: up === 1, breaks: breaks.get(id) ?? 0 },
    ]),
  );
}

export function parseMemberMetrics(text: string): MemberMetrics {
  const what = "the member's metrics";
  const { status, body } = parseHttpAnswer(what, text);
  if (status !== 200) throw new NotThere(sentence("etcd/answered-error", { status, said: saidIn(body) }));
  const metrics = parseMetrics(what, body);
  const started = metrics.sum("process_start_time_seconds");
  if (started === null) throw new ParseError(what, body);
  return {
    quotaBytes: metrics.sum("etcd_server_quota_backend_bytes"),
    leaderChanges: metrics.sum("etcd_server_leader_changes_seen_total"),
    proposalsFailed: metrics.sum("etcd_server_proposals_failed_total"),
    proposalsPending: metrics.sum("etcd_server_proposals_pending"),
    watchers: metrics.sum("etcd_debugging_mvcc_watcher_total"),
    requests: metrics.sum("grpc_server_handled_total"),
    clientSentBytes: metrics.sum("etcd_network_client_grpc_sent_bytes_total"),
    openFiles: metrics.sum("process_open_fds"),
    maxFiles: metrics.sum("process_max_fds"),
    startedAt: started * 1000,
    compactRevision: metrics.sum("etcd_debugging_mvcc_compact_revision"),
    openReadTransactions: metrics.sum("etcd_mvcc_db_open_read_transactions"),
    slowReads: metrics.sum("etcd_server_slow_read_indexes_total"),
    fsync: metrics.histogram("etcd_disk_wal_fsync_duration_seconds"),
    commit: metrics.histogram("etcd_disk_backend_commit_duration_seconds"),
    links: linksIn(metrics),
  };
}

/** How many changes of leader one run of a member has seen. */
export interface ElectionCount {
  readonly startedAt: number | null;
  readonly leaderChanges: number | null;
}

export interface EtcdProbes extends DirectoryProbes, Readonly<Record<string, Probe<unknown>>> {
  readonly status: Probe<MemberStatus>;
  readonly members: Probe<readonly ListedMember[]>;
  readonly quorumRead: Probe<true>;
  readonly metrics: Probe<MemberMetrics>;
  /** Read seldom, so that it and the one before it are what changes of leader are counted from over minutes. */
  readonly electionCount: Probe<ElectionCount>;
  readonly hash: Probe<KeyHash>;
  readonly liveness: Probe<Liveness>;
}

/** Half of the quarter of an hour over which changes of leader are counted. */
export const electionsEveryMs = 450_000;

/** It walks all keys: seconds on a database of gigabytes. */
const hashEveryMs = 30 * 60_000;

export function etcdProbes(site: EtcdSite): EtcdProbes {
  const login = loginOf(site);
  const post = <T>(path: string, parse: (text: string) => T, body = {}): Probe<T> => ({
    ask: { ...gateway(login, path, body), reads: true },
    parse,
    deadlineMs: 3_000,
  });
  const measured = { kind: "http", login: metricsLoginOf(site), method: "GET", path: "/metrics" } as const;
  const process = { name: "etcd", words: [], control: site.settings.control };
  return {
    status: post("/v3/maintenance/status", parseStatus),
    members: post("/v3/cluster/member/list", parseMembers),
    // "health" in base64: the key that etcd's own health command reads; it need not exist.
    quorumRead: post("/v3/kv/range", parseQuorumRead, { key: "aGVhbHRo", keys_only: true }),
    metrics: { ask: measured, parse: parseMemberMetrics, deadlineMs: 4_000 },
    electionCount: {
      ask: measured,
      parse: (text) => {
        const { startedAt, leaderChanges } = parseMemberMetrics(text);
        return { startedAt, leaderChanges };
      },
      everyMs: electionsEveryMs,
      deadlineMs: 4_000,
      seldom: true,
    },
    hash: { ...post("/v3/maintenance/hash", parseHash), everyMs: hashEveryMs, deadlineMs: 20_000, seldom: true },
    liveness: { ask: { kind: "read", script: livenessScript(process) }, parse: parseLiveness },
    ...directoryProbes(site),
  };
}
