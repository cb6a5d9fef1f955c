import type { FindingCode, Subject } from "../../../contract/health";
import { sentence } from "../../../contract/sentence";
import type { HealthRule, Sighting } from "../engine";
import { ofEachMember } from "../member-rule";
import {
  answeredIn,
  epochOf,
  fileOf,
  inSyncCounter,
  isWeighed,
  leaderOf,
  leadersOf,
  nameOf,
  quorumOf,
  serving,
  untold,
  votersOf,
  type EnsembleSnapshot,
  type Server,
} from "./snapshot";
import { comparedTexts, listText } from "./server-lines";

const mebibyte = 1 << 20;
const latencyWatchMs = 10;
const latencyDegradedMs = 100;
/** A mean over fewer comes and goes with any slow one of a quiet ensemble, unless clients waited so long for these alone. */
const judgedAnswers = 20;
const judgedFewTookMs = 1_000;
const outstandingWatch = 10;
const outstandingDegraded = 100;
const fsyncWatchMs = 20;
const fsyncDegradedMs = 100;
const dataWatchBytes = 500 * mebibyte;
const dataDegradedBytes = 1024 * mebibyte;
const filesWatchRatio = 0.8;
const snapshotWatchMs = 24 * 3_600_000;

type Rule = HealthRule<EnsembleSnapshot>;
type Evident = Pick<Server, "measured" | "srvr" | "list" | "disk" | "liveness" | "lastSnapshot" | "mntr" | "leader">;

const cluster: Subject = { kind: "cluster" };
const names = (servers: readonly Server[]): string => servers.map(({ member }) => member).join(", ");
const standingEvidence = ({ servers }: EnsembleSnapshot): readonly string[] =>
  servers.flatMap(({ srvr, ruok, liveness }) => [srvr.evidence.id, ruok.evidence.id, liveness.evidence.id]);

/** A rule over each server by itself. */
const each = ofEachMember<keyof Evident, Server, EnsembleSnapshot>(({ servers }) => servers, "measured");

/** A rule over one measured number with two thresholds. */
function above(
  code: FindingCode,
  fact: string,
  measure: (server: Server) => number | null,
  watch: number,
  degraded: number,
): Rule {
  return each(code, "watch", (server) => {
    const value = measure(server);
    if (value === null || value <= watch) return null;
    return { facts: { [fact]: value }, level: value > degraded ? "degraded" : "watch" };
  });
}

const number =
  (name: string) =>
  ({ measured }: Server): number | null =>
    measured.kind === "value" ? measured.value.number(name) : null;

function isIn(server: Server, ...kinds: readonly Server["standing"]["kind"][]): boolean {
  return kinds.includes(server.standing.kind);
}

/** Voters that cannot take part now, proven by their hosts. */
function lostVoters(snapshot: EnsembleSnapshot): readonly Server[] {
  const voters = new Set(votersOf(snapshot).map(({ id }) => id));
  return snapshot.servers.filter((server) => voters.has(server.serverId) && isIn(server, "stopped", "hung"));
}

/** Nobody that is seen serves with a majority behind it; one that serves only reads has none. */
function nobodyServes(snapshot: EnsembleSnapshot): boolean {
  return !serving(snapshot).some((server) => !isIn(server, "read-only"));
}

function isMajorityLost(snapshot: EnsembleSnapshot): boolean {
  const quorum = quorumOf(snapshot);
  return quorum !== null && votersOf(snapshot).length - lostVoters(snapshot).length < quorum;
}

/** What is not seen suffices for a majority of its own. */
function mayServeUnseen(snapshot: EnsembleSnapshot): boolean {
  const quorum = quorumOf(snapshot);
  const known = new Set(snapshot.servers.map(({ serverId }) => serverId));
  const strangers = votersOf(snapshot).filter(({ id }) => !known.has(id)).length;
  return quorum === null || untold(snapshot).length + strangers >= quorum;
}

const memberRules: readonly FindingCode[] = [
  "zookeeper/ServerStopped",
  "zookeeper/ServerHung",
  "zookeeper/ServerCutOff",
  "zookeeper/ReadOnly",
];

export const zookeeperHealth: readonly Rule[] = [
  {
    code: "zookeeper/QuorumLost",
    level: "critical",
    explains: memberRules,
    find: (snapshot) => {
      if (!nobodyServes(snapshot) || !isMajorityLost(snapshot)) return [];
      const stillSayOk = snapshot.servers.filter(
        ({ ruok, standing }) => ruok.kind === "value" && standing.kind === "waiting",
      );
      const facts = {
        gone: names(lostVoters(snapshot)),
        voters: votersOf(snapshot).length,
        needs: quorumOf(snapshot) ?? 0,
        stillSayOk: names(stillSayOk),
      };
      return [{ subject: cluster, facts, evidence: standingEvidence(snapshot) }];
    },
  },
  {
    code: "zookeeper/NoLeader",
    level: "critical",
    explains: memberRules,
    find: (snapshot) => {
      if (!nobodyServes(snapshot) || isMajorityLost(snapshot)) return [];
      const waiting = snapshot.servers.filter(({ standing }) => standing.kind === "waiting");
      const sighting = {
        subject: cluster,
        facts: { members: names(waiting) },
        evidence: standingEvidence(snapshot),
      };
      if (!mayServeUnseen(snapshot)) return [sighting];
      const members = names(untold(snapshot));
      const cannotTell =
        isWeighed(snapshot) && members === ""
          ? sentence("zookeeper/votes-weighed")
          : sentence("zookeeper/not-all-seen", { members });
      return [{ ...sighting, cannotTell }];
    },
  },
  {
    code: "zookeeper/TwoLeaders",
    level: "critical",
    explains: ["zookeeper/LeaderViewsDiffer", "zookeeper/EpochsDiffer", "zookeeper/ServerCutOff"],
    find: (snapshot) => {
      const leaders = leadersOf(snapshot);
      if (leaders.length < 2) return [];
      const facts = {
        members: leaders.map((server) => `${server.member} (${epochOf(server) ?? "?"})`).join(", "),
        newest: leaderOf(snapshot)?.member ?? "",
      };
      return [{ subject: cluster, facts, evidence: leaders.map(({ srvr }) => srvr.evidence.id) }];
    },
  },
  {
    code: "zookeeper/LeaderViewsDiffer",
    level: "degraded",
    find: (snapshot) => {
      const told = snapshot.servers.flatMap((server) =>
        server.leader.kind === "value" ? [{ server, id: server.leader.value }] : [],
      );
      if (new Set(told.map(({ id }) => id)).size < 2) return [];
      const facts = { views: told.map(({ server, id }) => `${server.member}: ${nameOf(snapshot, id)}`).join(", ") };
      return [{ subject: cluster, facts, evidence: told.map(({ server }) => server.leader.evidence.id) }];
    },
  },
  {
    code: "zookeeper/ServerListsDiffer",
    level: "critical",
    find: (snapshot) => {
      const told = snapshot.servers.flatMap((server) =>
        server.list.kind === "value" ? [{ server, list: server.list.value }] : [],
      );
      if (new Set(comparedTexts(told.map(({ list }) => list))).size < 2) return [];
      const facts = { lists: told.map(({ server, list }) => `${server.member}: ${listText(list)}`).join("; ") };
      return [{ subject: cluster, facts, evidence: told.map(({ server }) => server.list.evidence.id) }];
    },
  },
  {
    code: "zookeeper/ConfigurationChanged",
    level: "degraded",
    // What the file says counts at the next start: two lists can then make two majorities.
    find: (snapshot) =>
      snapshot.servers.flatMap((server): readonly Sighting[] => {
        const onDisk = fileOf(server);
        if (snapshot.listed === null || onDisk === null || onDisk.servers.length === 0) return [];
        const [running = "", file = ""] = comparedTexts([snapshot.listed, onDisk]);
        if (running === file) return [];
        const evidence = [server.disk.evidence.id, server.list.evidence.id];
        return [{ subject: member(server), facts: { member: server.member, running, file }, evidence }];
      }),
  },
  {
    code: "zookeeper/ServerIdTwice",
    level: "critical",
    find: (snapshot) => {
      const ids = snapshot.servers.map(({ disk, serverId }) =>
        disk.kind === "value" ? (disk.value.serverId ?? serverId) : serverId,
      );
      const twice = snapshot.servers.filter(
        (_, at) => ids[at] !== 0 && ids.indexOf(ids[at] ?? 0) !== ids.lastIndexOf(ids[at] ?? 0),
      );
      if (twice.length === 0) return [];
      return [
        { subject: cluster, facts: { members: names(twice) }, evidence: twice.map(({ disk }) => disk.evidence.id) },
      ];
    },
  },
  each("zookeeper/ServerStopped", "degraded", (server) => (isIn(server, "stopped") ? { of: "liveness" } : null)),
  each("zookeeper/ServerHung", "degraded", ({ standing }) =>
    standing.kind === "hung" ? { facts: { pid: standing.pid }, of: "liveness" } : null,
  ),
  {
    code: "zookeeper/ServerNotRead",
    level: "degraded",
    find: (snapshot) =>
      untold(snapshot).map((server) => ({
        subject: member(server),
        facts: { member: server.member },
        evidence: [server.srvr.evidence.id],
        cannotTell: "reason" in server.standing ? server.standing.reason : sentence("zookeeper/not-serving"),
      })),
  },
  {
    code: "zookeeper/ServerPartlyRead",
    level: "watch",
    find: (snapshot) =>
      serving(snapshot).flatMap((server) =>
        [server.measured, server.srvr, server.list, server.liveness].flatMap((reading): readonly Sighting[] =>
          reading.kind === "value"
            ? []
            : [
                {
                  subject: { kind: "object", object: reading.evidence.id, member: server.member },
                  facts: { member: server.member },
                  evidence: [reading.evidence.id],
                  cannotTell: reading.reason,
                },
              ],
        ),
      ),
  },
  each("zookeeper/WordsRefused", "watch", ({ mntr, measured }) =>
    mntr.kind === "not-there" && mntr.reason.code === "zookeeper/word-refused" && measured.kind === "value"
      ? { of: "mntr" }
      : null,
  ),
  each("zookeeper/ServerCutOff", "degraded", (server, snapshot) =>
    isIn(server, "waiting") && !nobodyServes(snapshot) ? { of: "srvr" } : null,
  ),
  each("zookeeper/ReadOnly", "degraded", (server) => (isIn(server, "read-only") ? {} : null)),
  {
    code: "zookeeper/ServerUnknownHere",
    level: "watch",
    find: (snapshot) => {
      const known = new Set(snapshot.servers.map(({ serverId }) => serverId));
      return (snapshot.listed?.servers ?? [])
        .filter(({ id }) => !known.has(id))
        .map(({ id, host }) => ({
          subject: { kind: "object", object: `server.${id}`, member: host },
          facts: { id, host },
          evidence: snapshot.servers.map(({ list }) => list.evidence.id),
        }));
    },
  },
  each("zookeeper/ServerRemoved", "degraded", (server, { listed }) => {
    const isListed = listed?.servers.some(({ id }) => id === server.serverId) ?? true;
    if (isListed || server.serverId === 0) return null;
    // An observer is left out by who tells voters alone.
    return listed?.isWhole === false && isObserver(server) ? null : { of: "list" };
  }),
  {
    code: "zookeeper/VotesWeighed",
    level: "watch",
    find: (snapshot) =>
      isWeighed(snapshot)
        ? [{ subject: cluster, facts: {}, evidence: snapshot.servers.map(({ disk }) => disk.evidence.id) }]
        : [],
  },
  {
    code: "zookeeper/FollowersNotSynced",
    level: "degraded",
    find: (snapshot) => {
      const leader = leaderOf(snapshot);
      const synced = leader === null ? null : number("synced_followers")(leader);
      if (leader === null || synced === null) return [];
      const needs = votersOf(snapshot).length - 1;
      if (synced >= needs || needs < 1) return [];
      const facts = { leader: leader.member, synced, needs };
      return [{ subject: cluster, facts, evidence: [leader.measured.evidence.id] }];
    },
  },
  {
    code: "zookeeper/EpochsDiffer",
    level: "degraded",
    find: (snapshot) => {
      const told = serving(snapshot).flatMap((server) =>
        server.disk.kind === "value" && server.disk.value.currentEpoch !== null
          ? [{ server, epoch: server.disk.value.currentEpoch }]
          : [],
      );
      if (new Set(told.map(({ epoch }) => epoch)).size < 2) return [];
      const facts = { members: told.map(({ server, epoch }) => `${server.member}: ${epoch}`).join(", ") };
      return [{ subject: cluster, facts, evidence: told.map(({ server }) => server.disk.evidence.id) }];
    },
  },
  each("zookeeper/ServerBehind", "watch", (server, snapshot) => {
    const leader = leaderOf(snapshot);
    if (leader?.srvr.kind !== "value" || server.srvr.kind !== "value") return null;
    const [ahead, own] = [leader.srvr.value, server.srvr.value];
    if (ahead.epoch !== own.epoch || ahead.counter - own.counter <= inSyncCounter) return null;
    return { facts: { leader: leader.member, behind: ahead.counter - own.counter }, of: "srvr" };
  }),
  each("zookeeper/DigestMismatch", "critical", (server) => {
    const count = number("digest_mismatches_count")(server);
    return count !== null && count > 0 ? { facts: { count } } : null;
  }),
  // `avg_latency` is a mean over the server's whole life, which a stall after weeks hardly moves.
  above(
    "zookeeper/LatencyHigh",
    "latencyMs",
    ({ since }) => {
      const answered = since === null ? null : answeredIn(since);
      if (answered === null || answered.count === 0) return null;
      const isEnough = answered.count >= judgedAnswers || answered.tookMs >= judgedFewTookMs;
      return isEnough ? answered.tookMs / answered.count : null;
    },
    latencyWatchMs,
    latencyDegradedMs,
  ),
  // The mean of its life is all that a version without these counters tells (3.5).
  above(
    "zookeeper/LatencyHighSinceStart",
    "latencyMs",
    (server) => (number("cnt_readlatency")(server) === null ? number("avg_latency")(server) : null),
    latencyWatchMs,
    latencyDegradedMs,
  ),
  above("zookeeper/RequestsWaiting", "waiting", number("outstanding_requests"), outstandingWatch, outstandingDegraded),
  above(
    "zookeeper/FsyncSlow",
    "tookMs",
    ({ since }) => {
      const [took, count] = [since?.grown("sum_fsynctime") ?? null, since?.grown("cnt_fsynctime") ?? null];
      return took === null || count === null || count === 0 ? null : took / count;
    },
    fsyncWatchMs,
    fsyncDegradedMs,
  ),
  above("zookeeper/DataLarge", "dataBytes", number("approximate_data_size"), dataWatchBytes, dataDegradedBytes),
  each("zookeeper/FilesNearLimit", "watch", (server) => {
    const [openFiles, maxFiles] = [
      number("open_file_descriptor_count")(server),
      number("max_file_descriptor_count")(server),
    ];
    if (openFiles === null || maxFiles === null || maxFiles === 0 || openFiles / maxFiles < filesWatchRatio)
      return null;
    return { facts: { openFiles, maxFiles } };
  }),
  each("zookeeper/ConnectionsRejected", "watch", ({ since }) => {
    const count = since?.grown("connection_rejected") ?? null;
    return since !== null && count !== null && count > 0
      ? { facts: { count, seconds: Math.round(since.seconds) } }
      : null;
  }),
  each("zookeeper/UnrecoverableErrors", "degraded", (server) => {
    const count = number("unrecoverable_error_count")(server);
    return count !== null && count > 0 ? { facts: { count } } : null;
  }),
  each("zookeeper/SnapshotOld", "watch", ({ lastSnapshot }) => {
    if (lastSnapshot.kind !== "value") return null;
    const ageMs = lastSnapshot.evidence.takenAt - lastSnapshot.value;
    return ageMs > snapshotWatchMs ? { facts: { ageMs }, of: "lastSnapshot" } : null;
  }),
  each("zookeeper/KeepsRestarting", "degraded", (server) => (server.keepsRestarting ? { of: "liveness" } : null)),
];

/** By what it says, else by its file. */
function isObserver(server: Server): boolean {
  const own = fileOf(server)?.servers.find(({ id }) => id === server.serverId);
  return isIn(server, "observer") || own?.role === "observer";
}

function member(server: Server): Subject {
  return { kind: "member", member: server.member };
}
