import type { EvidenceId } from "../../../contract/figure";
import type { FindingCode, Subject } from "../../../contract/health";
import { sentence, type Fact, type Sentence } from "../../../contract/sentence";
import type { HealthRule, Sighting } from "../engine";
import { candidatesOf, isSynchronous, synchronousRoles } from "./candidates";
import { isStoreGone, storeSaid } from "./store";
import {
  answering,
  lagBytes,
  leaderIn,
  memberNamed,
  namedLeaders,
  notReplayedBytes,
  soleLeader,
  streams,
  timelineOf,
  untold,
  writers,
  type PatroniMember,
  type PatroniSnapshot,
} from "./snapshot";

const lagDegradedBytes = 1 << 30;
const connectionsWatchRatio = 0.8;
const connectionsDegradedRatio = 0.95;
const flappingChanges = 3;
const dayMs = 24 * 60 * 60_000;
/** Clocks of host and desktop may differ by so much before a store is called unseen for it. */
const clockToleranceMs = 60_000;

type Rule = HealthRule<PatroniSnapshot>;
type Level = NonNullable<Sighting["level"]>;
type Evident = Pick<
  PatroniMember,
  "status" | "cluster" | "settings" | "history" | "server" | "postmaster" | "liveness" | "store"
>;

const cluster: Subject = { kind: "cluster" };
const names = (members: readonly PatroniMember[]): string => members.map(({ member }) => member).join(", ");
const evidenceOf = (members: readonly PatroniMember[], ...of: readonly (keyof Evident)[]): readonly string[] =>
  members.flatMap((member) => of.map((name) => member[name].evidence.id));

/** A rule over each member by itself; the facts of what is seen, with its own level where that differs. */
function each(
  code: FindingCode,
  level: Level,
  see: (
    member: PatroniMember,
    snapshot: PatroniSnapshot,
  ) => { readonly facts?: Readonly<Record<string, Fact>>; readonly level?: Level; readonly of?: keyof Evident } | null,
  explains: readonly FindingCode[] = [],
): Rule {
  return {
    code,
    level,
    explains,
    find: (snapshot) =>
      snapshot.members.flatMap((member): readonly Sighting[] => {
        const seen = see(member, snapshot);
        if (seen === null) return [];
        return [
          {
            subject: { kind: "member", member: member.member },
            facts: { member: member.member, ...seen.facts },
            evidence: [member[seen.of ?? "status"].evidence.id],
            ...(seen.level !== undefined && { level: seen.level }),
          },
        ];
      }),
  };
}

/** A rule over the cluster as a whole. */
function whole(
  code: FindingCode,
  level: Level,
  see: (
    snapshot: PatroniSnapshot,
  ) => (Pick<Sighting, "facts" | "level" | "cannotTell"> & { readonly evidence?: readonly string[] }) | null,
  explains: readonly FindingCode[] = [],
): Rule {
  return {
    code,
    level,
    explains,
    find: (snapshot) => {
      const seen = see(snapshot);
      if (seen === null) return [];
      const { evidence, ...rest } = seen;
      return [{ subject: cluster, evidence: evidence ?? evidenceOf(snapshot.members, "status", "cluster"), ...rest }];
    },
  };
}

function partlyRead(member: string, evidence: EvidenceId, reason: Sentence): Sighting {
  return {
    subject: { kind: "object", object: evidence, member },
    facts: { member },
    evidence: [evidence],
    cannotTell: reason,
  };
}

const withoutLeader: readonly FindingCode[] = [
  "patroni/PatroniStopped",
  "patroni/PatroniHung",
  "patroni/ServerNotRunning",
  "patroni/NotStreaming",
  "patroni/NotListed",
  "patroni/LeaderViewsDiffer",
];

export const patroniHealth: readonly Rule[] = [
  whole(
    "patroni/StoreLost",
    "critical",
    (snapshot) => {
      const { asked, isLost } = storeSaid(snapshot);
      if (!isLost) return null;
      const isFailsafe = snapshot.settings?.isFailsafe === true;
      const kind = snapshot.members.find(({ site }) => site.settings.storeKind !== "")?.site.settings.storeKind ?? "";
      return {
        facts: {
          kind,
          asked,
          named: namedLeaders(snapshot)
            .filter((name) => name !== null)
            .join(", "),
          writing: names(writers(snapshot)),
        },
        ...(isFailsafe && writers(snapshot).length === 1 && { level: "degraded" as const }),
        evidence: evidenceOf(snapshot.members, "store", "status"),
      };
    },
    ["patroni/NoLeader", "patroni/StoreUnwell", "patroni/StoreNotSeen", ...withoutLeader],
  ),
  whole(
    "patroni/TwoPrimaries",
    "critical",
    (snapshot) => {
      const taking = writers(snapshot);
      if (taking.length < 2) return null;
      const named = namedLeaders(snapshot).filter((name) => name !== null);
      return {
        facts: {
          members: taking.map((member) => `${member.member} (${timelineOf(member) ?? "?"})`).join(", "),
          named: named.map((name) => memberNamed(snapshot, name)).join(", "),
          others: names(taking.filter(({ name }) => !named.includes(name))),
        },
        evidence: evidenceOf(taking, "status", "postmaster", "server"),
      };
    },
    [
      "patroni/PrimaryUnguarded",
      "patroni/PatroniHung",
      "patroni/PatroniStopped",
      "patroni/LeaderViewsDiffer",
      "patroni/TimelineBehind",
      "patroni/NotStreaming",
      "patroni/NotListed",
    ],
  ),
  whole(
    "patroni/NoLeader",
    "critical",
    (snapshot) => {
      if (
        writers(snapshot).length > 0 ||
        answering(snapshot).some(({ standing }) => standing.kind === "standby-leader")
      )
        return null;
      const named = namedLeaders(snapshot).filter((name) => name !== null);
      const missing = untold(snapshot);
      const facts = { named: named.map((name) => memberNamed(snapshot, name)).join(", ") };
      const evidence = evidenceOf(snapshot.members, "status", "cluster", "postmaster");
      // Whoever is not seen may be the leader, and is where the others name it.
      return missing.length === 0 && snapshot.members.length > 0
        ? { facts, evidence }
        : { facts, evidence, cannotTell: sentence("patroni/not-all-seen", { members: names(missing) }) };
    },
    withoutLeader,
  ),
  each(
    "patroni/PrimaryUnguarded",
    "critical",
    ({ takesWrites, standing, postmaster }) =>
      takesWrites === true && (standing.kind === "stopped" || standing.kind === "hung")
        ? {
            facts: {
              pid: postmaster.kind === "value" && postmaster.value.kind === "running" ? postmaster.value.pid : 0,
            },
            of: "postmaster",
          }
        : null,
    ["patroni/PatroniHung", "patroni/PatroniStopped"],
  ),
  whole("patroni/LeaderViewsDiffer", "degraded", (snapshot) => {
    if (namedLeaders(snapshot).length < 2) return null;
    const told = snapshot.members.flatMap(({ member, cluster: view }) =>
      view.kind === "value" ? [`${member}: ${leaderIn(view.value) ?? "-"}`] : [],
    );
    return { facts: { views: told.join(", ") }, evidence: evidenceOf(snapshot.members, "cluster") };
  }),
  whole("patroni/SystemIdentifierDiffers", "critical", ({ members }) => {
    const told = members.flatMap(({ member, status }) =>
      status.kind === "value" && status.value.systemIdentifier !== null
        ? [{ member, id: status.value.systemIdentifier }]
        : [],
    );
    if (new Set(told.map(({ id }) => id)).size < 2) return null;
    return { facts: { members: told.map(({ member, id }) => `${member}: ${id}`).join(", ") } };
  }),
  each("patroni/PatroniStopped", "degraded", ({ standing }) =>
    standing.kind === "stopped" ? { of: "liveness" } : null,
  ),
  each("patroni/PatroniHung", "degraded", ({ standing }) =>
    standing.kind === "hung" ? { facts: { pid: standing.pid }, of: "liveness" } : null,
  ),
  {
    code: "patroni/MemberNotRead",
    level: "degraded",
    find: ({ members }) =>
      members.flatMap(({ member, standing, status }): readonly Sighting[] =>
        standing.kind === "unseen" || standing.kind === "refusing"
          ? [
              {
                subject: { kind: "member", member },
                facts: { member },
                evidence: [status.evidence.id],
                cannotTell: standing.reason,
              },
            ]
          : [],
      ),
  },
  {
    code: "patroni/MemberPartlyRead",
    level: "watch",
    // What was not read cannot be called well. PostgreSQL itself is a further witness, missing where no login is let in.
    find: (snapshot) =>
      answering(snapshot).flatMap(({ member, cluster: view, settings, liveness, postmaster, server }) => [
        ...[view, settings, liveness, postmaster].flatMap((reading) =>
          reading.kind === "value" ? [] : [partlyRead(member, reading.evidence.id, reading.reason)],
        ),
        ...(server.kind === "value" && server.value.activity === null
          ? [partlyRead(member, server.evidence.id, sentence("patroni/sessions-not-seen"))]
          : []),
      ]),
  },
  each("patroni/ServerNotRunning", "degraded", ({ standing }) =>
    standing.kind === "serverless" ? { facts: { state: standing.status.state } } : null,
  ),
  each(
    "patroni/TimelineBehind",
    "degraded",
    (member, snapshot) => {
      const leader = soleLeader(snapshot);
      const [own, wanted] = [
        member.listed?.timeline ?? timelineOf(member),
        leader === null ? null : timelineOf(leader),
      ];
      if (leader === null || member.standing.kind !== "replica" || own === null || wanted === null || own === wanted)
        return null;
      const { state } = member.standing.status;
      return { facts: { timeline: own, leader: leader.member, leaderTimeline: wanted, state }, of: "cluster" };
    },
    ["patroni/NotStreaming", "patroni/ReplicaLagging"],
  ),
  each("patroni/NotStreaming", "degraded", (member, snapshot) => {
    const leader = soleLeader(snapshot);
    if (leader === null || member.standing.kind !== "replica" || streams(snapshot, member)) return null;
    return { facts: { leader: leader.member } };
  }),
  each("patroni/ReplicaLagging", "watch", (member, snapshot) => {
    const bytes = lagBytes(snapshot, member);
    const allowedBytes = snapshot.settings?.allowedLagBytes;
    if (bytes === null || allowedBytes === undefined || bytes <= allowedBytes) return null;
    return { facts: { lagBytes: bytes, allowedBytes }, level: bytes >= lagDegradedBytes ? "degraded" : "watch" };
  }),
  each("patroni/ReplayBehind", "watch", ({ standing }, { settings }) => {
    const bytes = standing.kind === "replica" ? notReplayedBytes(standing.status) : null;
    if (bytes === null || settings === null || bytes <= settings.allowedLagBytes) return null;
    return { facts: { notReplayedBytes: bytes }, level: bytes >= lagDegradedBytes ? "degraded" : "watch" };
  }),
  whole("patroni/NoCandidate", "degraded", (snapshot) => {
    const leader = soleLeader(snapshot);
    const others = snapshot.members.filter(({ member }) => member !== leader?.member);
    if (leader === null || others.length === 0 || candidatesOf(snapshot).length > 0) return null;
    const facts = { leader: leader.member, others: names(others) };
    const unseen = others.filter(({ standing }) => standing.kind === "unseen" || standing.kind === "refusing");
    return unseen.length === 0
      ? { facts }
      : { facts, cannotTell: sentence("patroni/candidates-not-seen", { members: names(unseen) }) };
  }),
  whole("patroni/Paused", "watch", (snapshot) => {
    const told = answering(snapshot).filter(({ standing }) => standing.status.isPaused);
    if (told.length === 0) return null;
    return { facts: { members: names(told) }, evidence: evidenceOf(told, "status") };
  }),
  whole("patroni/SynchronousMissing", "degraded", (snapshot) => {
    const leader = soleLeader(snapshot);
    if (leader === null || snapshot.settings?.isSynchronous !== true || snapshot.members.some(isSynchronous))
      return null;
    const { isStrict } = snapshot.settings;
    return {
      facts: { leader: leader.member },
      level: isStrict ? "critical" : "degraded",
      evidence: [leader.cluster.evidence.id],
    };
  }),
  whole("patroni/SynchronousTooFew", "watch", (snapshot) => {
    const leader = soleLeader(snapshot);
    if (leader === null || snapshot.settings?.isSynchronous !== true) return null;
    // By the list, which may name members that are not kept here.
    const has = (snapshot.view?.members ?? []).filter(({ role }) => synchronousRoles.has(role)).length;
    const wanted = snapshot.settings.synchronousCount;
    if (has === 0 || has >= wanted) return null;
    return { facts: { leader: leader.member, has, wanted }, evidence: evidenceOf([leader], "cluster", "settings") };
  }),
  whole("patroni/FailsafeActive", "degraded", (snapshot) => {
    const told = answering(snapshot).filter(({ standing }) => standing.status.isFailsafeActive);
    return told.length === 0 ? null : { facts: { members: names(told) }, evidence: evidenceOf(told, "status") };
  }),
  {
    code: "patroni/StoreUnwell",
    level: "watch",
    find: (snapshot) => {
      const { lost, isLost } = storeSaid(snapshot);
      if (lost === 0 || isLost) return [];
      return snapshot.members
        .filter(({ store, reachability }) => reachability.state === "reachable" && isStoreGone(store))
        .map(({ member, site, store }) => ({
          subject: { kind: "member", member },
          facts: {
            member,
            kind: site.settings.storeKind,
            store: `${site.settings.storeHost}:${site.settings.storePort}`,
          },
          evidence: [store.evidence.id],
        }));
    },
  },
  each("patroni/StoreNotSeen", "degraded", ({ status, storeStoodStill }, { settings }) => {
    if (status.kind !== "value" || status.value.storeSeenAt === null || settings === null || !storeStoodStill)
      return null;
    const ageMs = status.evidence.takenAt - status.value.storeSeenAt;
    return ageMs > settings.ttlMs + clockToleranceMs ? { facts: { ageMs, ttlMs: settings.ttlMs } } : null;
  }),
  each("patroni/NotListed", "degraded", (member, { view }) =>
    view !== null && member.listed === null ? { of: "cluster" } : null,
  ),
  {
    code: "patroni/MemberUnknownHere",
    level: "watch",
    find: ({ view, members }) =>
      (view?.members ?? [])
        .filter(({ name }) => !members.some((member) => member.name === name))
        .map(({ name, host }) => ({
          subject: { kind: "object", object: name, member: name },
          facts: { name, host: host ?? "?" },
          evidence: evidenceOf(members, "cluster"),
        })),
  },
  each("patroni/PendingRestart", "watch", ({ status }) =>
    status.kind === "value" && status.value.needsRestart ? {} : null,
  ),
  each("patroni/WatchdogFailed", "degraded", ({ status }) =>
    status.kind === "value" && status.value.hasWatchdogFailed ? {} : null,
  ),
  whole("patroni/SwitchoverScheduled", "watch", ({ view }) =>
    view?.scheduledSwitchover == null
      ? null
      : { facts: { at: Date.parse(view.scheduledSwitchover.at), to: view.scheduledSwitchover.to } },
  ),
  whole("patroni/LeaderChanging", "watch", (snapshot) => {
    const teller = soleLeader(snapshot) ?? answering(snapshot)[0];
    if (teller?.history.kind !== "value") return null;
    const { takenAt, id } = teller.history.evidence;
    const recent = teller.history.value.filter(({ at }) => at !== null && takenAt - at < dayMs).length;
    return recent < flappingChanges ? null : { facts: { changes: recent }, evidence: [id] };
  }),
  whole("patroni/TimesUnsafe", "watch", ({ settings, members }) => {
    if (settings === null || settings.loopWaitMs + 2 * settings.retryTimeoutMs <= settings.ttlMs) return null;
    const { ttlMs, loopWaitMs, retryTimeoutMs } = settings;
    return { facts: { ttlMs, loopWaitMs, retryTimeoutMs }, evidence: evidenceOf(members, "settings") };
  }),
  each("patroni/KeepsRestarting", "degraded", (member) => (member.keepsRestarting ? { of: "liveness" } : null)),
  each("patroni/ConnectionsNearLimit", "watch", ({ server }) => {
    if (server.kind !== "value" || server.value.activity === null) return null;
    const { maxConnections } = server.value;
    const { connectionCount } = server.value.activity;
    const ratio = connectionCount / maxConnections;
    if (ratio < connectionsWatchRatio) return null;
    const level = ratio >= connectionsDegradedRatio ? "degraded" : "watch";
    return { facts: { connectionCount, maxConnections }, level, of: "server" };
  }),
  whole("patroni/VersionsDiffer", "watch", (snapshot) => {
    const told = answering(snapshot);
    if (new Set(told.map(({ standing }) => standing.status.version)).size < 2) return null;
    return {
      facts: { members: told.map(({ member, standing }) => `${member}: ${standing.status.version}`).join(", ") },
    };
  }),
];
