import type { Subject } from "../../../contract/health";
import { sentence, type Fact } from "../../../contract/sentence";
import type { HealthRule, Sighting } from "../engine";
import { numberOf } from "../figure-of";
import { lastHeardFacts, linkDownFacts, memberSubject, serverRules } from "../redis-server/health";
import { evidenceOf, infoOf, isGone, isUntold, namesOf, replicationOf } from "../redis-server/server";
import { lagBytes } from "./members";
import {
  dataAt,
  hasVotes,
  isBlind,
  isEligible,
  mastersOf,
  nameAt,
  replicasOf,
  sourceOf,
  watchingSentinels,
  type DataServer,
  type Sentinel,
  type SentinelSnapshot,
} from "./snapshot";

const cluster: Subject = { kind: "cluster" };
const lagWatchShare = 0.1;
const lagWatchSeconds = 10;

type Rule = HealthRule<SentinelSnapshot>;

const splitView: Rule = {
  code: "redis-sentinel/SplitView",
  level: "critical",
  explains: ["redis-sentinel/ReplicaAstray", "redis-sentinel/MasterNotAsTold", "redis-sentinel/MasterUntold"],
  find: (snapshot) => {
    const masters = mastersOf(snapshot);
    if (masters.length < 2) return [];
    const told = snapshot.told === null ? "?" : nameAt(snapshot, snapshot.told.address);
    return [
      {
        subject: cluster,
        facts: { members: namesOf(masters), told },
        evidence: masters.map(({ info }) => info.evidence.id),
      },
    ];
  },
};

const noMaster: Rule = {
  code: "redis-sentinel/NoMaster",
  level: "critical",
  explains: [
    "redis-sentinel/NodeStopped",
    "redis-sentinel/NodeHung",
    "redis-sentinel/ReplicaLinkDown",
    "redis-sentinel/SubjectivelyDown",
    "redis-sentinel/ObjectivelyDown",
    "redis-sentinel/NoGoodReplica",
  ],
  find: (snapshot) => {
    if (mastersOf(snapshot).length > 0) return [];
    const unseen = snapshot.data.filter(isUntold);
    return [
      {
        subject: cluster,
        facts: { gone: namesOf(snapshot.data.filter(isGone)) },
        evidence: snapshot.data.flatMap(evidenceOf),
        ...(unseen.length > 0 && { cannotTell: sentence("redis-sentinel/not-all-seen", { members: namesOf(unseen) }) }),
      },
    ];
  },
};

/** Sentinels that name different masters, or know of different failovers. */
const sentinelsDisagree: Rule = {
  code: "redis-sentinel/SentinelsDisagree",
  level: "critical",
  find: (snapshot) => {
    const told = snapshot.sentinels.flatMap((one) =>
      one.master.kind === "value"
        ? [{ one, says: `${nameAt(snapshot, one.master.value.address)} (${one.master.value.configEpoch})` }]
        : [],
    );
    if (new Set(told.map(({ says }) => says)).size < 2) return [];
    return [
      {
        subject: cluster,
        facts: { says: told.map(({ one, says }) => `${one.member}: ${says}`).join(", ") },
        evidence: told.map(({ one }) => one.master.evidence.id),
        // Each takes the new master over in turn while a failover goes on.
        ...(told.some(({ one }) => isActing(one)) && { level: "watch" }),
      },
    ];
  },
};

function isActing({ master }: Sentinel): boolean {
  return master.kind === "value" && master.value.flags.includes("failover_in_progress");
}

/** Clients are sent to a server that says of itself that it is no master. */
const masterNotAsTold: Rule = {
  code: "redis-sentinel/MasterNotAsTold",
  level: "critical",
  find: (snapshot) => {
    const { told } = snapshot;
    const server = told === null ? null : dataAt(snapshot, told.address);
    if (told === null || server === null || replicationOf(server)?.role !== "replica") return [];
    const facts = { member: server.member, masters: namesOf(mastersOf(snapshot)) };
    return [{ subject: memberSubject(server), facts, evidence: [server.info.evidence.id, told.by.master.evidence.id] }];
  },
};

/**
 * A server that takes writes as the master while clients are sent to one that is not seen to serve here: another host's, or no member at
 * all. Its writes are thrown away once it hears the sentinels. One that is being promoted is told only some moments later.
 */
const masterUntold: Rule = {
  code: "redis-sentinel/MasterUntold",
  level: "critical",
  find: (snapshot) => {
    const { told } = snapshot;
    const server = told === null ? null : dataAt(snapshot, told.address);
    if (told === null || (server !== null && infoOf(server) !== null)) return [];
    const standing = server === null ? "no-member" : isGone(server) ? "gone" : "unseen";
    return mastersOf(snapshot).map((one) => ({
      subject: memberSubject(one),
      facts: {
        member: one.member,
        told: nameAt(snapshot, told.address),
        standing: `redis-sentinel/told.${standing}`,
      },
      evidence: [one.info.evidence.id, told.by.master.evidence.id],
      ...(snapshot.sentinels.some(isActing) && { level: "watch" }),
    }));
  },
};

function flagged(
  name: "ObjectivelyDown" | "SubjectivelyDown",
  level: "critical" | "watch",
  isSo: (flags: readonly string[]) => boolean,
): Rule {
  return {
    code: `redis-sentinel/${name}`,
    level,
    find: (snapshot) => {
      const seen = snapshot.sentinels.filter(({ master }) => master.kind === "value" && isSo(master.value.flags));
      const first = seen[0];
      if (first?.master.kind !== "value") return [];
      const facts = { master: nameAt(snapshot, first.master.value.address), by: namesOf(seen), count: seen.length };
      return [{ subject: cluster, facts, evidence: seen.map(({ master }) => master.evidence.id) }];
    },
  };
}

function bySentinel(
  code: Rule["code"],
  level: Rule["level"],
  see: (one: Sentinel) => Readonly<Record<string, Fact>> | null,
  evidence: (one: Sentinel) => string,
): Rule {
  return {
    code,
    level,
    find: ({ sentinels }) =>
      sentinels.flatMap((one): readonly Sighting[] => {
        const facts = see(one);
        return facts === null
          ? []
          : [{ subject: memberSubject(one), facts: { member: one.member, ...facts }, evidence: [evidence(one)] }];
      }),
  };
}

/** What one sentinel cannot reach others may: it is critical only where none of all has the votes. */
const noQuorum: Rule = {
  code: "redis-sentinel/NoQuorum",
  level: "critical",
  find: (snapshot) => {
    const unseen = snapshot.sentinels.filter(isUntold);
    const isElsewhere = watchingSentinels(snapshot).some(hasVotes);
    return snapshot.sentinels.flatMap((one): readonly Sighting[] => {
      if (one.quorum.kind !== "value" || hasVotes(one)) return [];
      const { lacksQuorum, lacksMajority, usableCount } = one.quorum.value;
      const what = lacksQuorum && lacksMajority ? "both" : lacksQuorum ? "quorum" : "majority";
      return [
        {
          subject: memberSubject(one),
          facts: { member: one.member, usable: usableCount, missing: `redis-sentinel/missing.${what}` },
          evidence: [one.quorum.evidence.id],
          ...(isElsewhere && { level: "degraded" }),
          ...(isBlind(snapshot) && {
            cannotTell: sentence("redis-sentinel/not-all-seen", { members: namesOf(unseen) }),
          }),
        },
      ];
    });
  },
};

const tilt = bySentinel(
  "redis-sentinel/Tilt",
  "degraded",
  (one) => {
    const told = infoOf(one)?.sentinel ?? null;
    return told?.isTilted === true ? { sinceMs: (told.tiltSeconds ?? 0) * 1000 } : null;
  },
  ({ info }) => info.evidence.id,
);

/** Who is still counted by the sentinels and answers nobody. */
interface Ghost {
  readonly kind: "sentinel" | "replica";
  readonly address: string;
  readonly by: readonly Sentinel[];
}

export function ghostsOf(snapshot: SentinelSnapshot): readonly Ghost[] {
  const ghosts = new Map<string, { kind: Ghost["kind"]; by: Sentinel[] }>();
  const add = (kind: Ghost["kind"], address: string, by: Sentinel): void => {
    const entry = ghosts.get(address) ?? { kind, by: [] };
    entry.by.push(by);
    ghosts.set(address, entry);
  };
  for (const by of snapshot.sentinels) {
    if (by.sentinels.kind === "value")
      for (const { address, flags } of by.sentinels.value) if (isDown(flags)) add("sentinel", address, by);
    if (by.replicas.kind === "value")
      for (const { address, flags } of by.replicas.value) if (isDown(flags)) add("replica", address, by);
  }
  return [...ghosts].map(([address, { kind, by }]) => ({ kind, address, by }));
}

function isDown(flags: readonly string[]): boolean {
  return flags.includes("s_down") || flags.includes("o_down");
}

/** The member at an address a sentinel tells, of either kind. */
export function memberAt(snapshot: SentinelSnapshot, address: string): string {
  return snapshot.members.find(({ site }) => site.settings.announced === address)?.member ?? address;
}

const ghostCounted: Rule = {
  code: "redis-sentinel/GhostCounted",
  level: "watch",
  find: (snapshot) =>
    ghostsOf(snapshot).map(({ kind, address, by }) => ({
      subject: { kind: "object", object: address, member: memberAt(snapshot, address) },
      facts: { name: memberAt(snapshot, address), kind: `redis-sentinel/role.${kind}`, by: namesOf(by) },
      evidence: by.map((one) => (kind === "sentinel" ? one.sentinels : one.replicas).evidence.id),
    })),
};

function eachReplica(
  see: (server: DataServer, snapshot: SentinelSnapshot) => Omit<Sighting, "subject" | "evidence"> | null,
): Rule["find"] {
  return (snapshot) =>
    replicasOf(snapshot).flatMap((server) => {
      const seen = see(server, snapshot);
      return seen === null ? [] : [{ subject: memberSubject(server), evidence: [server.info.evidence.id], ...seen }];
    });
}

/** A replica that copies another than the master the sentinels tell. */
const replicaAstray: Rule = {
  code: "redis-sentinel/ReplicaAstray",
  level: "degraded",
  find: eachReplica((server, snapshot) => {
    const source = sourceOf(server);
    const { told } = snapshot;
    if (told === null || source === told.address || server.site.settings.announced === told.address) return null;
    return {
      facts: { member: server.member, copies: nameAt(snapshot, source ?? "?"), told: nameAt(snapshot, told.address) },
    };
  }),
};

const replicaLinkDown: Rule = {
  code: "redis-sentinel/ReplicaLinkDown",
  level: "degraded",
  find: eachReplica((server, snapshot) => {
    const replication = replicationOf(server);
    if (replication?.role !== "replica" || replication.isLinkUp) return null;
    const facts = {
      member: server.member,
      master: nameAt(snapshot, sourceOf(server) ?? "?"),
      ...linkDownFacts("redis-sentinel", replication),
    };
    return { facts };
  }),
};

const replicaLagging: Rule = {
  code: "redis-sentinel/ReplicaLagging",
  level: "watch",
  find: eachReplica((server, snapshot) => {
    const replication = replicationOf(server);
    const bytes = numberOf(lagBytes(snapshot, server));
    if (replication?.role !== "replica" || bytes === null) return null;
    const isSilent = replication.isLinkUp && (replication.lastHeardSeconds ?? 0) > lagWatchSeconds;
    if (bytes <= replication.backlogBytes * lagWatchShare && !isSilent) return null;
    const facts = {
      member: server.member,
      lagBytes: bytes,
      backlogBytes: replication.backlogBytes,
      ...lastHeardFacts("redis-sentinel", replication),
    };
    return { facts, level: bytes > replication.backlogBytes ? "degraded" : "watch" };
  }),
};

function hasLostLink(server: DataServer): boolean {
  const replication = replicationOf(server);
  return replication?.role === "replica" && !replication.isLinkUp;
}

const noGoodReplica: Rule = {
  code: "redis-sentinel/NoGoodReplica",
  level: "degraded",
  find: (snapshot) => {
    if (snapshot.data.some((one) => isEligible(snapshot, one))) return [];
    // Whether a replica that has lost its link may still be promoted is for a sentinel to tell.
    const judges = replicasOf(snapshot).some(hasLostLink) ? snapshot.sentinels : [];
    const unseen = [...snapshot.data, ...judges].filter(isUntold);
    return [
      {
        subject: cluster,
        facts: { replicas: namesOf(replicasOf(snapshot)) },
        evidence: snapshot.data.map(({ info }) => info.evidence.id),
        ...(unseen.length > 0 && { cannotTell: sentence("redis-sentinel/not-all-seen", { members: namesOf(unseen) }) }),
      },
    ];
  },
};

const nodePartlyRead: Rule = {
  code: "redis-sentinel/NodePartlyRead",
  level: "watch",
  find: ({ sentinels }) =>
    sentinels.flatMap((one) =>
      one.info.kind !== "value"
        ? []
        : [one.master, one.replicas, one.sentinels, one.quorum].flatMap((reading): readonly Sighting[] =>
            reading.kind === "value"
              ? []
              : [
                  {
                    subject: { kind: "object", object: reading.evidence.id, member: one.member },
                    facts: { member: one.member },
                    evidence: [reading.evidence.id],
                    cannotTell: reading.reason,
                  },
                ],
          ),
    ),
};

/** Nobody watches: a dead master stays dead. */
const nobodyWatches: Rule = {
  code: "redis-sentinel/NobodyWatches",
  level: "critical",
  find: (snapshot) => {
    if (watchingSentinels(snapshot).length > 0) return [];
    const unseen = snapshot.sentinels.filter(isUntold);
    return [
      {
        subject: cluster,
        facts: { gone: namesOf(snapshot.sentinels.filter(isGone)) },
        evidence: snapshot.sentinels.flatMap(evidenceOf),
        ...(unseen.length > 0 && { cannotTell: sentence("redis-sentinel/not-all-seen", { members: namesOf(unseen) }) }),
      },
    ];
  },
};

export const redisSentinelHealth: readonly Rule[] = [
  splitView,
  noMaster,
  sentinelsDisagree,
  masterNotAsTold,
  masterUntold,
  noQuorum,
  nobodyWatches,
  flagged("ObjectivelyDown", "critical", (flags) => flags.includes("o_down")),
  flagged("SubjectivelyDown", "watch", (flags) => flags.includes("s_down") && !flags.includes("o_down")),
  tilt,
  ghostCounted,
  replicaAstray,
  replicaLinkDown,
  replicaLagging,
  noGoodReplica,
  nodePartlyRead,
  ...serverRules<SentinelSnapshot>("redis-sentinel", ({ members }) => members),
];
