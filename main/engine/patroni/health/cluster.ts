import { sentence } from "../../../../contract/sentence";
import { candidatesOf, isSynchronous, synchronousRoles } from "../candidates";
import { each, evidenceOf, names, whole, type Rule } from "./rule";
import { answering, soleLeader } from "../snapshot";
import { isStoreGone, storeSaid } from "../store";

const connectionsWatchRatio = 0.8;
const connectionsDegradedRatio = 0.95;
const flappingChanges = 3;
const dayMs = 24 * 60 * 60_000;
/** Clocks of host and desktop may differ by so much before a store is called unseen for it. */
const clockToleranceMs = 60_000;

/** What the cluster would do when something fails, how it is set, and what its members lack for it. */
export const clusterRules: readonly Rule[] = [
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
