import { sentence, type Fact, type Sentence } from "../../../../contract/sentence";
import type { Claim, Judge } from "../../engine";
import { numberOf } from "../../figure-of";
import { infoOf, isUntold, namesOf, replicationOf } from "../../redis-server/server";
import { memberOf, serverHolds, serverJudges } from "../../redis-server/steps";
import { lagBytes } from "../members";
import {
  dataAt,
  hasVotes,
  isEligible,
  mastersOf,
  memberIn,
  nameAt,
  replicasOf,
  soleMaster,
  sourceOf,
  watchingSentinels,
  type DataServer,
  type Sentinel,
  type SentinelSnapshot,
} from "../snapshot";

type Facts = Readonly<Record<string, Fact>>;
const engine = "redis-sentinel";

/** What the recoveries of Sentinel claim, as data; `redisSentinelJudges` says whether a snapshot shows it. */
export const holds = {
  ...serverHolds(engine),
  soleMaster: (member: string): Claim => sentence("redis-sentinel/holds.sole-master", { member }),
  noMaster: (): Claim => sentence("redis-sentinel/holds.no-master"),
  goodReplica: (allowedBytes: number): Claim => sentence("redis-sentinel/holds.good-replica", { allowedBytes }),
  anyReplica: (): Claim => sentence("redis-sentinel/holds.any-replica"),
  agree: (member: string): Claim => sentence("redis-sentinel/holds.agree", { member }),
  noVotes: (): Claim => sentence("redis-sentinel/holds.no-votes"),
  calm: (): Claim => sentence("redis-sentinel/holds.calm"),
  candidatesSeen: (): Claim => sentence("redis-sentinel/holds.candidates-seen"),
  unheard: (member: string): Claim => sentence("redis-sentinel/holds.unheard", { member }),
  movedOn: (member: string, configEpoch: number): Claim =>
    sentence("redis-sentinel/holds.moved-on", { member, configEpoch }),
  demoted: (member: string): Claim => sentence("redis-sentinel/holds.demoted", { member }),
  copies: (member: string, master: string): Claim => sentence("redis-sentinel/holds.copies", { member, master }),
  countsOnly: (member: string, sentinels: number, replicas: number): Claim =>
    sentence("redis-sentinel/holds.counts-only", { member, sentinels, replicas }),
  watchedFor: (member: string, neededMs: number): Claim =>
    sentence("redis-sentinel/holds.watched-for", { member, neededMs }),
  watches: (member: string): Claim => sentence("redis-sentinel/holds.watches", { member }),
} as const;

export const redisSentinelJudges: Readonly<Record<string, Judge<SentinelSnapshot>>> = {
  ...serverJudges<SentinelSnapshot>(engine, memberIn),
  "redis-sentinel/holds.sole-master": (now, facts) => notSoleMaster(now, memberOf(facts)),
  "redis-sentinel/holds.no-master": (now) => {
    const masters = mastersOf(now);
    return masters.length === 0 ? null : sentence("redis-sentinel/masters-are", { members: namesOf(masters) });
  },
  "redis-sentinel/holds.good-replica": (now, facts) => noGoodReplica(now, Number(facts.allowedBytes)),
  "redis-sentinel/holds.any-replica": (now) =>
    replicasOf(now).length > 0 ? null : sentence("redis-sentinel/no-good-replica"),
  "redis-sentinel/holds.agree": (now, facts) => disagreement(now, memberOf(facts)),
  "redis-sentinel/holds.no-votes": (now) => votesAreThere(now),
  "redis-sentinel/holds.calm": (now) => notCalm(now),
  "redis-sentinel/holds.candidates-seen": (now) => unseenCandidate(now),
  "redis-sentinel/holds.unheard": (now, facts) => stillHeard(now, memberOf(facts)),
  "redis-sentinel/holds.moved-on": (now, facts) => notMovedOn(now, facts),
  "redis-sentinel/holds.demoted": (now, facts) => {
    const one = memberIn(now, memberOf(facts));
    const replication = one === null ? null : replicationOf(one);
    return replication?.role === "replica" && replication.isLinkUp
      ? null
      : sentence("redis-sentinel/not-demoted", { member: memberOf(facts) });
  },
  "redis-sentinel/holds.copies": (now, facts) => copies(now, memberOf(facts), String(facts.master)),
  "redis-sentinel/holds.counts-only": (now, facts) => {
    const one = sentinelIn(now, memberOf(facts));
    const counted = one?.master.kind === "value" ? one.master.value : null;
    const sentinels = counted === null ? -1 : counted.otherSentinelCount + 1;
    const replicas = counted?.replicaCount ?? -1;
    return sentinels === facts.sentinels && replicas === facts.replicas
      ? null
      : sentence("redis-sentinel/counts-other", { member: memberOf(facts), sentinels, replicas });
  },
  "redis-sentinel/holds.watched-for": (now, facts) => {
    const one = sentinelIn(now, memberOf(facts));
    const times = one?.replicas.kind === "value" ? one.replicas.value.map(({ knownForMs }) => knownForMs) : [];
    const knownForMs = times.length === 0 ? 0 : Math.min(...times);
    return knownForMs >= Number(facts.neededMs)
      ? null
      : sentence("redis-sentinel/watched-lately", { member: memberOf(facts), knownForMs });
  },
  "redis-sentinel/holds.watches": (now, facts) =>
    watchingSentinels(now).some(({ member }) => member === facts.member)
      ? null
      : sentence("redis-sentinel/does-not-watch", { member: memberOf(facts) }),
};

function sentinelIn(now: SentinelSnapshot, member: string): Sentinel | null {
  return now.sentinels.find((one) => one.member === member) ?? null;
}

export function notSoleMaster(now: SentinelSnapshot, member: string): Sentence | null {
  return soleMaster(now)?.member === member
    ? null
    : sentence("redis-sentinel/masters-are", { members: namesOf(mastersOf(now)) });
}

/** A sentinel promotes by priority before it looks at the offset: none of those it prefers is further behind than allowed. */
export function noGoodReplica(now: SentinelSnapshot, allowedBytes: number): Sentence | null {
  const eligible = now.data.filter((one) => isEligible(now, one));
  if (eligible.length === 0) return sentence("redis-sentinel/no-good-replica");
  const lowest = Math.min(...eligible.map(priorityOf));
  const behind = eligible.filter(
    (one) => priorityOf(one) === lowest && (numberOf(lagBytes(now, one)) ?? Infinity) > allowedBytes,
  );
  return behind.length === 0 ? null : sentence("redis-sentinel/preferred-behind", { members: namesOf(behind) });
}

function priorityOf(one: DataServer): number {
  const replication = replicationOf(one);
  return replication?.role === "replica" ? replication.priority : Infinity;
}

/** Every sentinel that watches gives this member's address to clients, and knows of the same failover: one behind would be outvoted. */
export function disagreement(now: SentinelSnapshot, member: string): Sentence | null {
  const watching = watchingSentinels(now);
  if (watching.length === 0) return sentence("redis-sentinel/nobody-watches");
  const other = watching.find(({ master }) => master.kind === "value" && nameAt(now, master.value.address) !== member);
  if (other !== undefined) return sentence("redis-sentinel/names-other", { member: other.member, master: member });
  const latest = now.told?.configEpoch ?? 0;
  const behind = watching.find(({ master }) => master.kind === "value" && master.value.configEpoch !== latest);
  return behind === undefined ? null : sentence("redis-sentinel/knows-earlier", { member: behind.member });
}

/** A server that a sentinel hears and that is not seen here may be the one it promotes, and nobody here could tell. */
export function unseenCandidate(now: SentinelSnapshot): Sentence | null {
  const heard = watchingSentinels(now).flatMap(({ replicas }) =>
    replicas.kind === "value" ? replicas.value.filter(({ flags, priority }) => isHeard(flags) && priority !== 0) : [],
  );
  const unseen = heard.filter(({ address }) => {
    const server = dataAt(now, address);
    return server === null || isUntold(server);
  });
  if (unseen.length === 0) return null;
  const names = new Set(unseen.map(({ address }) => nameAt(now, address)));
  return sentence("redis-sentinel/promotable-unseen", { members: [...names].join(", ") });
}

function isHeard(flags: readonly string[]): boolean {
  return !["s_down", "o_down", "disconnected"].some((flag) => flags.includes(flag));
}

/** A sentinel hears the master it tells, so that this desktop asks at a wrong place or it is back. */
export function stillHeard(now: SentinelSnapshot, member: string): Sentence | null {
  const one = watchingSentinels(now).find(
    ({ master }) =>
      master.kind === "value" && nameAt(now, master.value.address) === member && isHeard(master.value.flags),
  );
  return one === undefined ? null : sentence("redis-sentinel/hears-it", { member: one.member, master: member });
}

/** Sentinels that have the votes fail over by themselves; one that did so without them would make a second master. */
export function votesAreThere(now: SentinelSnapshot): Sentence | null {
  const one = watchingSentinels(now).find(hasVotes);
  return one === undefined ? null : sentence("redis-sentinel/votes-are-there", { member: one.member });
}

/** No sentinel is in tilt, acts, or holds the master for down: who acts already must not be doubled. */
export function notCalm(now: SentinelSnapshot): Sentence | null {
  for (const one of watchingSentinels(now)) {
    if (infoOf(one)?.sentinel?.isTilted === true) return sentence("redis-sentinel/tilted", { member: one.member });
    const flags = one.master.kind === "value" ? one.master.value.flags : [];
    if (flags.includes("failover_in_progress")) return sentence("redis-sentinel/acts-already", { member: one.member });
  }
  return null;
}

/** All that watch name one other master, by a later failover; it alone says that it is one, and every replica that answers copies it. */
function notMovedOn(now: SentinelSnapshot, facts: Facts): Sentence | null {
  const watching = watchingSentinels(now);
  const first = watching[0];
  if (first?.master.kind !== "value") return sentence("redis-sentinel/nobody-watches");
  const name = nameAt(now, first.master.value.address);
  const reason = disagreement(now, name);
  if (reason !== null) return reason;
  const before = Number(facts.configEpoch);
  const isEarlier = ({ master }: Sentinel): boolean => master.kind !== "value" || master.value.configEpoch <= before;
  if (name === facts.member || watching.some(isEarlier))
    return sentence("redis-sentinel/not-moved-on", { member: memberOf(facts) });
  const other = notSoleMaster(now, name);
  if (other !== null) return other;
  const astray = replicasOf(now).map(({ member }) => copies(now, member, name));
  return astray.find((one) => one !== null) ?? null;
}

export function copies(now: SentinelSnapshot, member: string, master: string): Sentence | null {
  const one = now.data.find((server) => server.member === member);
  const replication = one === undefined ? null : replicationOf(one);
  if (one === undefined || replication?.role !== "replica")
    return sentence("redis-sentinel/is-not-replica", { member });
  if (nameAt(now, sourceOf(one) ?? "") !== master) return sentence("redis-sentinel/copies-other", { member, master });
  return replication.isLinkUp ? null : sentence("redis-sentinel/link-is-down", { member, master });
}
