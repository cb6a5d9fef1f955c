import { sentence, type Fact, type Sentence } from "../../../../contract/sentence";
import type { Claim, Judge } from "../../engine";
import { numberOf } from "../../figure-of";
import { infoOf, isUntold, namesOf, replicationOf } from "../../redis-server/server";
import { memberOf, serverHolds, serverJudges } from "../../redis-server/steps";
import { isLost } from "../health";
import { lagBytes } from "../members";
import {
  claimants,
  contested,
  heldCopy,
  holdsNothing,
  isReplica,
  nameOfId,
  nodeById,
  nodeIn,
  nodeTimeoutMs,
  unowned,
  type ClusterNode,
  type ClusterSnapshot,
  type HeldCopy,
} from "../snapshot";
import { countSlots, ownersOf, showRanges, slotCount, type SlotRange } from "../topology";

type Facts = Readonly<Record<string, Fact>>;
const engine = "redis-cluster";

/** What the recoveries of the cluster claim, as data; `redisClusterJudges` says whether a snapshot shows it. */
export const holds = {
  ...serverHolds(engine),
  master: (member: string): Claim => sentence("redis-cluster/holds.master", { member }),
  copies: (member: string, master: string): Claim => sentence("redis-cluster/holds.copies", { member, master }),
  near: (member: string, allowedBytes: number): Claim => sentence("redis-cluster/holds.near", { member, allowedBytes }),
  settled: (member: string): Claim => sentence("redis-cluster/holds.settled", { member }),
  majority: (): Claim => sentence("redis-cluster/holds.majority"),
  noMajority: (): Claim => sentence("redis-cluster/holds.no-majority"),
  mostAdvanced: (member: string): Claim => sentence("redis-cluster/holds.most-advanced", { member }),
  holdsCopy: (member: string, copy: HeldCopy["kind"]): Claim =>
    sentence("redis-cluster/holds.holds-copy", { member, copy: `redis-cluster/copy.${copy}` }),
  lost: (member: string): Claim => sentence("redis-cluster/holds.lost", { member }),
  owns: (member: string, slots: string): Claim => sentence("redis-cluster/holds.owns", { member, slots }),
  ownsCount: (member: string, count: number): Claim => sentence("redis-cluster/holds.owns-count", { member, count }),
  unowned: (slots: string): Claim => sentence("redis-cluster/holds.unowned", { slots }),
  unserved: (slots: string): Claim => sentence("redis-cluster/holds.unserved", { slots }),
  allOwned: (): Claim => sentence("redis-cluster/holds.all-owned"),
  noneOpen: (): Claim => sentence("redis-cluster/holds.none-open"),
  mastersServe: (): Claim => sentence("redis-cluster/holds.masters-serve"),
  joined: (member: string): Claim => sentence("redis-cluster/holds.joined", { member }),
  /** Where one member after another forgets it, those that already did no longer tell how it is. */
  dead: (id: string, name: string): Claim => sentence("redis-cluster/holds.dead", { id, name }),
  hasRoom: (member: string, bytes: number): Claim => sentence("redis-cluster/holds.has-room", { member, bytes }),
  unlimited: (member: string): Claim => sentence("redis-cluster/holds.unlimited", { member }),
  knows: (member: string, id: string, name: string): Claim =>
    sentence("redis-cluster/holds.knows", { member, id, name }),
  knowsNot: (member: string, id: string, name: string): Claim =>
    sentence("redis-cluster/holds.knows-not", { member, id, name }),
} as const;

export const redisClusterJudges: Readonly<Record<string, Judge<ClusterSnapshot>>> = {
  ...serverJudges<ClusterSnapshot>(engine, nodeIn),
  "redis-cluster/holds.master": (now, facts) => isMaster(now, memberOf(facts)),
  "redis-cluster/holds.copies": (now, facts) => copies(now, memberOf(facts), String(facts.master)),
  "redis-cluster/holds.near": (now, facts) => tooFarBehind(now, memberOf(facts), Number(facts.allowedBytes)),
  "redis-cluster/holds.settled": (now, facts) => unsettled(now, memberOf(facts)),
  "redis-cluster/holds.majority": (now) => noMajority(now),
  "redis-cluster/holds.no-majority": (now) =>
    noMajority(now) === null ? sentence("redis-cluster/majority-is-there") : null,
  "redis-cluster/holds.most-advanced": (now, facts) => mostAdvanced(now, memberOf(facts)),
  "redis-cluster/holds.holds-copy": (now, facts) => {
    const node = nodeIn(now, memberOf(facts));
    const copy = node === null ? null : heldCopy(now, node);
    if (copy === null) return sentence("redis-cluster/is-not-replica", { member: memberOf(facts) });
    return facts.copy === `redis-cluster/copy.${copy.kind}` && !holdsNothing(copy)
      ? null
      : sentence("redis-cluster/copy-is", { member: memberOf(facts), copy: `redis-cluster/copy.${copy.kind}` });
  },
  "redis-cluster/holds.lost": (now, facts) =>
    lostMasters(now).includes(memberOf(facts))
      ? null
      : sentence("redis-cluster/shard-has-master", { member: memberOf(facts) }),
  "redis-cluster/holds.owns": (now, facts) => {
    const owned = nodeIn(now, memberOf(facts))?.own?.ranges ?? null;
    const has = owned === null ? "?" : showRanges(owned);
    return owned !== null && includes(owned, rangesOf(String(facts.slots)))
      ? null
      : sentence("redis-cluster/owns-other", { member: memberOf(facts), has });
  },
  "redis-cluster/holds.owns-count": (now, facts) => {
    const owned = nodeIn(now, memberOf(facts))?.own?.ranges ?? null;
    if (owned === null) return sentence("redis-cluster/not-told", { member: memberOf(facts) });
    return countSlots(owned) === facts.count
      ? null
      : sentence("redis-cluster/owns-other-count", { member: memberOf(facts), count: countSlots(owned) });
  },
  "redis-cluster/holds.unowned": (now, facts) => {
    const found = showRanges(unowned(now));
    return now.leading !== null && found === facts.slots
      ? null
      : sentence("redis-cluster/unowned-are", { slots: found });
  },
  "redis-cluster/holds.unserved": (now, facts) => servedStill(now, rangesOf(String(facts.slots))),
  "redis-cluster/holds.all-owned": (now) => {
    if (now.leading === null) return sentence("redis-cluster/nobody-tells");
    const gap = showRanges(unowned(now));
    if (gap !== "") return sentence("redis-cluster/unowned-are", { slots: gap });
    const twice = contested(now)[0];
    return twice === undefined ? null : sentence("redis-cluster/claimed-twice", { members: namesOf(twice.by) });
  },
  "redis-cluster/holds.none-open": (now) => openSlots(now),
  "redis-cluster/holds.masters-serve": (now) => mastersServe(now),
  "redis-cluster/holds.joined": (now, facts) => notJoined(now, memberOf(facts)),
  "redis-cluster/holds.dead": (now, facts) => {
    const id = String(facts.id);
    const heard = now.nodes.some(
      ({ nodes }) => nodes.kind === "value" && nodes.value.some((one) => one.id === id && one.failure === "none"),
    );
    return heard
      ? sentence("redis-cluster/not-proven-stopped", { member: String(facts.name) })
      : mayLive(now, id, String(facts.name));
  },
  "redis-cluster/holds.has-room": (now, facts) => lacksRoom(now, memberOf(facts), Number(facts.bytes)),
  "redis-cluster/holds.unlimited": (now, facts) => lacksRoom(now, memberOf(facts), null),
  "redis-cluster/holds.knows": (now, facts) =>
    lists(now, facts) === true ? null : sentence("redis-cluster/knows-not", knownFacts(facts)),
  "redis-cluster/holds.knows-not": (now, facts) =>
    lists(now, facts) === false ? null : sentence("redis-cluster/still-knows", knownFacts(facts)),
};

/** A member's own list, or null where it was not read. */
function lists(now: ClusterSnapshot, facts: Facts): boolean | null {
  const reading = nodeIn(now, memberOf(facts))?.nodes;
  return reading?.kind === "value" ? reading.value.some(({ id }) => id === facts.id) : null;
}

function knownFacts(facts: Facts): Facts {
  return { member: memberOf(facts), name: String(facts.name) };
}

export function isMaster(now: ClusterSnapshot, member: string): Sentence | null {
  const node = nodeIn(now, member);
  return node?.own?.role === "master" && replicationOf(node)?.role === "master"
    ? null
    : sentence("redis-cluster/is-not-master", { member });
}

/** By the replica's own word: whom it copies, with its link up. */
export function copies(now: ClusterSnapshot, member: string, master: string): Sentence | null {
  const node = nodeIn(now, member);
  if (node?.own == null || !isReplica(node)) return sentence("redis-cluster/is-not-replica", { member });
  if (node.own.masterId === null || nameOfId(now, node.own.masterId) !== master)
    return sentence("redis-cluster/copies-other", { member, master });
  const replication = replicationOf(node);
  return replication?.role === "replica" && replication.isLinkUp
    ? null
    : sentence("redis-cluster/link-is-down", { member, master });
}

export function tooFarBehind(now: ClusterSnapshot, member: string, allowedBytes: number): Sentence | null {
  const node = nodeIn(now, member);
  const bytes = node === null ? null : numberOf(lagBytes(now, node));
  if (bytes === null) return sentence("redis-cluster/lag-unknown", { member });
  return bytes > allowedBytes ? sentence("redis-cluster/too-far-behind", { member, bytes, allowedBytes }) : null;
}

/**
 * Voters refuse a shard a second failover within twice the node timeout, and the server answers OK all the same. When the last one was is
 * nowhere told; but every failover makes the replicas connect anew, so a connection younger than that may be one.
 */
export function unsettled(now: ClusterSnapshot, member: string): Sentence | null {
  const node = nodeIn(now, member);
  const master = node?.own?.masterId == null ? null : nodeById(now, node.own.masterId);
  if (node?.own == null || master?.replicas.kind !== "value")
    return sentence("redis-cluster/link-age-unknown", { member });
  const { host } = node.own;
  // On a host with several servers the youngest is taken: it errs towards waiting.
  const ages = master.replicas.value
    .filter(({ address }) => address.startsWith(`${host}:`))
    .map(({ ageSeconds }) => ageSeconds);
  if (ages.length === 0) return sentence("redis-cluster/link-age-unknown", { member });
  const ageMs = Math.min(...ages) * 1000;
  const neededMs = 2 * nodeTimeoutMs(now) + 1000;
  return ageMs >= neededMs ? null : sentence("redis-cluster/linked-lately", { member, ageMs, neededMs });
}

/** Null where a majority of the masters with slots serves, by their own words. */
export function noMajority(now: ClusterSnapshot): Sentence | null {
  const all = now.shards.length;
  const needs = Math.floor(all / 2) + 1;
  const serving = now.shards.filter(({ master }) => nodeById(now, master.id)?.standing.kind === "serving").length;
  return now.leading !== null && all > 0 && serving >= needs
    ? null
    : sentence("redis-cluster/no-majority", { serving, needs });
}

/** Of the replicas of the same master that answer none may have more than this one: what it lacks would be lost. */
export function mostAdvanced(now: ClusterSnapshot, member: string): Sentence | null {
  const node = nodeIn(now, member);
  const own = node === null ? null : replicationOf(node);
  if (node?.own == null || own?.role !== "replica") return sentence("redis-cluster/is-not-replica", { member });
  for (const other of now.nodes) {
    if (other === node || other.own?.masterId !== node.own.masterId) continue;
    const theirs = replicationOf(other);
    if (theirs?.role === "replica" && theirs.offsetBytes > own.offsetBytes)
      return sentence("redis-cluster/another-has-more", {
        member,
        other: other.member,
        bytes: theirs.offsetBytes - own.offsetBytes,
      });
  }
  return null;
}

export function lostMasters(now: ClusterSnapshot): readonly string[] {
  return now.shards.filter((shard) => isLost(now, shard)).map(({ master }) => nameOfId(now, master.id));
}

/** Replicas that answer, or may, of masters that are lost: a copy of what they held. */
export function copiesOfLost(now: ClusterSnapshot): readonly ClusterNode[] {
  const lost = lostMasters(now);
  return now.nodes.filter(
    (node) =>
      node.own?.masterId != null &&
      lost.includes(nameOfId(now, node.own.masterId)) &&
      !holdsNothing(heldCopy(now, node)),
  );
}

/** Whoever serves one of these slots, or could: a node that claims it, an owner that is not lost, a copy of a lost owner's data. */
function servedStill(now: ClusterSnapshot, ranges: readonly SlotRange[]): Sentence | null {
  if (now.leading === null) return sentence("redis-cluster/nobody-tells");
  const wanted = ownersOf([{ id: "wanted", ranges }]);
  const claiming = claimants(now).find(({ own }) => overlaps(wanted, own.ranges));
  if (claiming !== undefined)
    return sentence("redis-cluster/owns-other", { member: claiming.member, has: showRanges(claiming.own.ranges) });
  const owner = now.shards.find((shard) => overlaps(wanted, shard.master.ranges) && !isLost(now, shard));
  if (owner !== undefined)
    return sentence("redis-cluster/shard-has-master", { member: nameOfId(now, owner.master.id) });
  const saved = copiesOfLost(now);
  return saved.length === 0 ? null : sentence("redis-cluster/a-copy-lives", { members: namesOf(saved) });
}

function overlaps(wanted: readonly (string | null)[], ranges: readonly SlotRange[]): boolean {
  const owned = ownersOf([{ id: "own", ranges }]);
  return wanted.some((one, slot) => one !== null && owned[slot] != null);
}

export function openSlots(now: ClusterSnapshot): Sentence | null {
  const open = now.nodes.flatMap(({ own }) => own?.openSlots ?? []);
  const unread = now.nodes.filter((node) => node.own === null && isUntold(node));
  if (unread.length > 0) return sentence("redis-cluster/not-all-seen", { members: namesOf(unread) });
  return open.length === 0
    ? null
    : sentence("redis-cluster/slots-open", { slots: [...new Set(open.map(({ slot }) => slot))].join(", ") });
}

export function mastersServe(now: ClusterSnapshot): Sentence | null {
  const silent = now.shards.filter(({ master }) => nodeById(now, master.id)?.standing.kind !== "serving");
  if (now.leading === null || now.shards.length === 0) return sentence("redis-cluster/nobody-tells");
  return silent.length === 0
    ? null
    : sentence("redis-cluster/masters-silent", {
        members: silent.map(({ master }) => nameOfId(now, master.id)).join(", "),
      });
}

/** It serves, sees the cluster well, is seen by it, and hears its master if it has one. */
function notJoined(now: ClusterSnapshot, member: string): Sentence | null {
  const node = nodeIn(now, member);
  if (node?.standing.kind !== "serving" || node.standing.info.persistence?.isLoading === true || node.own === null)
    return sentence("redis-cluster/does-not-serve", { member });
  const seen = now.leading?.known.find(({ id }) => id === node.id);
  if (seen === undefined || seen.failure !== "none") return sentence("redis-cluster/not-seen-by-others", { member });
  if (node.own.role === "replica") return copies(now, member, nameOfId(now, node.own.masterId ?? ""));
  return null;
}

/** The slots a text names, as `showRanges` writes them. */
function rangesOf(text: string): readonly SlotRange[] {
  return text
    .split(", ")
    .filter((range) => range !== "")
    .map((range) => {
      const [from, to] = range.split("-").map(Number);
      return { from: from ?? -1, to: to ?? from ?? -1 };
    });
}

function includes(owned: readonly SlotRange[], wanted: readonly SlotRange[]): boolean {
  const table = ownersOf([{ id: "own", ranges: owned }]);
  return wanted.every(({ from, to }) => {
    for (let slot = from; slot <= to; slot += 1) if (slot >= slotCount || table[slot] == null) return false;
    return true;
  });
}

/** A member whose host does not say that it is stopped; of others nothing but the cluster's own word is known. */
export function mayLive(now: ClusterSnapshot, id: string, name: string): Sentence | null {
  const node = nodeById(now, id);
  return node !== null && node.standing.kind !== "stopped"
    ? sentence("redis-cluster/not-proven-stopped", { member: name })
    : null;
}

/** Of its limit: the keys on their way are in the memory of both, and so are the buffers of its replicas. */
const roomShare = 0.9;

/** Why a master could not take so many bytes; null of them where they are not known, which only one without a limit can take. */
export function lacksRoom(now: ClusterSnapshot, member: string, bytes: number | null): Sentence | null {
  const node = nodeIn(now, member);
  const memory = node === null ? null : (infoOf(node)?.memory ?? null);
  if (memory === null) return sentence("redis-cluster/not-told", { member });
  const { usedBytes, mostBytes } = memory;
  if (mostBytes === 0) return null;
  if (bytes === null) return sentence("redis-cluster/room-unknown", { member, mostBytes });
  return usedBytes + bytes > mostBytes * roomShare
    ? sentence("redis-cluster/no-room", { member, bytes, usedBytes, mostBytes })
    : null;
}

/** What every plan about one shard rests on. */
export function shardLayout(now: ClusterSnapshot, masterId: string): readonly Claim[] {
  const master = nodeById(now, masterId);
  const replicas = now.nodes.filter((node) => node.own?.masterId === masterId);
  return [
    ...(master === null ? [] : [holds.standing(master.member, master.standing.kind)]),
    ...replicas
      .filter((node) => isReplica(node))
      .map((node: ClusterNode) => holds.standing(node.member, node.standing.kind)),
  ];
}
