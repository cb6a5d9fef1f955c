import type { Balance, BalancePlan } from "../../../contract/balance";
import type { Figure, Unit } from "../../../contract/figure";
import { sentence } from "../../../contract/sentence";
import { known, missing, numberOf } from "../figure-of";
import { rate, told } from "../redis-server/figures";
import { judgeShares } from "../shares";
import { nameOf, nodeById, type ClusterNode, type ClusterSnapshot } from "./snapshot";
import { countSlots, type KnownNode } from "./topology";
import type { RedisInfo } from "../../probe/parse/redis-info";

/** redis-cli's own threshold: a master may own two per cent more than its share. */
const slotTolerance = 1.02;
const loadTolerance = 1.3;
const workTolerance = 1.5;

/** Slots moved from one master to another. */
export interface SlotMove {
  readonly from: string;
  readonly to: string;
  readonly count: number;
  /** By the mean size of the giver's slots; a slot can be much larger. */
  readonly bytes: number | null;
}

/** What is evened out: the slots themselves, or the bytes in them. */
export type Evened = "slots" | "bytes";

export function redisClusterBalance(snapshot: ClusterSnapshot): readonly Balance[] {
  const masters = mastersOf(snapshot);
  const share = (
    measure: string,
    unit: Unit,
    goal: Balance["goal"],
    tolerance: number | null,
    amountOf: (master: Master) => Figure,
    plan: BalancePlan | null = null,
  ): Balance =>
    judgeShares({
      measure: `redis-cluster/balance.${measure}`,
      unit,
      goal,
      tolerance,
      shares: masters.map((master) => ({ member: master.member, amount: amountOf(master) })),
      plan,
    });
  const none = sentence("probe/not-told");
  const info = (unit: Unit, pick: (info: RedisInfo) => number | null) => (master: Master) =>
    master.node === null ? unwatched : told(master.node, unit, none, pick);
  return [
    share("slots", "count", "better", slotTolerance, slotsOf, planFor(snapshot, "slots")),
    share("bytes", "bytes", "better", loadTolerance, bytesOf, planFor(snapshot, "bytes")),
    share(
      "keys",
      "count",
      "better",
      loadTolerance,
      info("count", ({ keyCount }) => keyCount),
    ),
    share("commandRate", "per-second", "shown", null, commandRate),
    share(
      "clients",
      "count",
      "better",
      workTolerance,
      info("count", ({ clients }) => clients.connected),
    ),
    votesByHost(masters),
  ];
}

const unwatched = missing(sentence("redis-cluster/not-in-inventory"), null);

interface Master {
  readonly member: string;
  readonly known: KnownNode;
  readonly node: ClusterNode | null;
}

/** All masters, also those that own nothing yet: they are where slots can go. */
function mastersOf(snapshot: ClusterSnapshot): readonly Master[] {
  return (snapshot.leading?.known ?? [])
    .filter(({ role, failure, flags }) => role === "master" && failure !== "agreed" && !flags.includes("handshake"))
    .map((known) => ({ member: nameOf(snapshot, known), known, node: nodeById(snapshot, known.id) }))
    .sort((one, other) => one.member.localeCompare(other.member));
}

function slotsOf({ known: { ranges }, node }: Master): Figure {
  return node === null ? unwatched : known(countSlots(ranges), "count", node.nodes.evidence.id);
}

function bytesOf({ node }: Master): Figure {
  return node === null
    ? unwatched
    : told(node, "bytes", sentence("probe/not-told"), ({ memory }) => memory?.datasetBytes ?? null);
}

function commandRate({ node }: Master): Figure {
  return node === null ? unwatched : rate(node, "per-second", ({ statistics }) => statistics.commands);
}

/** Masters with slots by host: a host that holds half of the votes takes the cluster with it. */
function votesByHost(masters: readonly Master[]): Balance {
  const hosts = new Map<string, { count: number; evidence: string }>();
  for (const {
    node,
    known: { ranges },
  } of masters) {
    if (node === null || ranges.length === 0) continue;
    const { count } = hosts.get(node.node) ?? { count: 0 };
    hosts.set(node.node, { count: count + 1, evidence: node.nodes.evidence.id });
  }
  return judgeShares({
    measure: "redis-cluster/balance.votesByHost",
    unit: "count",
    goal: "better",
    tolerance: loadTolerance,
    shares: [...hosts].map(([member, { count, evidence }]) => ({ member, amount: known(count, "count", evidence) })),
  });
}

/** The moves that even it out, or null where there is nothing to move or not everything is known. */
export function movesFor(snapshot: ClusterSnapshot, evened: Evened): readonly SlotMove[] | null {
  const masters = mastersOf(snapshot);
  const measured = masters.map((master) => ({
    member: master.member,
    slots: countSlots(master.known.ranges),
    bytes: numberOf(bytesOf(master)),
  }));
  if (measured.length < 2) return null;
  const bytesPerSlot = (one: (typeof measured)[number]): number | null =>
    one.bytes === null || one.slots === 0 ? null : one.bytes / one.slots;
  if (evened === "bytes" && measured.some(({ bytes }) => bytes === null)) return null;
  const load = (one: (typeof measured)[number]): number => (evened === "slots" ? one.slots : (one.bytes ?? 0));
  const mean = measured.reduce((sum, one) => sum + load(one), 0) / measured.length;
  const tolerance = evened === "slots" ? slotTolerance : loadTolerance;
  if (mean === 0 || Math.max(...measured.map(load)) / mean <= tolerance) return [];
  const givers = measured.map((one) => ({ ...one, over: load(one) - mean })).filter(({ over }) => over > 0);
  const takers = measured.map((one) => ({ ...one, under: mean - load(one) })).filter(({ under }) => under > 0);
  const moves: SlotMove[] = [];
  for (const giver of givers) {
    const size = bytesPerSlot(giver);
    for (const taker of takers) {
      const amount = Math.min(giver.over, taker.under);
      const count = evened === "slots" ? Math.floor(amount) : steady(amount / (size ?? Infinity));
      if (count < 1) continue;
      moves.push({
        from: giver.member,
        to: taker.member,
        count,
        bytes: size === null ? null : Math.round(size * count),
      });
      const moved = evened === "slots" ? count : count * (size ?? 0);
      giver.over -= moved;
      taker.under -= moved;
    }
  }
  return moves;
}

/** Rounded down to its three leading binary digits: bytes differ from one look to the next, and the same plan is to come of both. */
export function steady(amount: number): number {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(amount)) - 2);
  return Math.floor(amount / step) * step;
}

function planFor(snapshot: ClusterSnapshot, evened: Evened): BalancePlan | null {
  const moves = movesFor(snapshot, evened);
  if (moves === null || moves.length === 0) return null;
  const masters = mastersOf(snapshot);
  const loads = new Map(
    masters.map((master) => [
      master.member,
      evened === "slots" ? countSlots(master.known.ranges) : (numberOf(bytesOf(master)) ?? 0),
    ]),
  );
  const skew = (): number => {
    const all = [...loads.values()];
    return (Math.max(...all) * all.length) / all.reduce((sum, one) => sum + one, 0);
  };
  const skewBefore = skew();
  for (const { from, to, count, bytes } of moves) {
    const moved = evened === "slots" ? count : (bytes ?? 0);
    loads.set(from, (loads.get(from) ?? 0) - moved);
    loads.set(to, (loads.get(to) ?? 0) + moved);
  }
  const evidence = snapshot.leading?.node.nodes.evidence.id ?? null;
  return {
    moves: moves.map(({ from, to, count, bytes }) => ({
      from,
      to,
      what: "redis-cluster/slots",
      count,
      bytes:
        bytes === null || evidence === null
          ? missing(sentence("probe/not-told"), evidence)
          : known(bytes, "bytes", evidence),
    })),
    skewBefore,
    skewAfter: skew(),
    action: `redis-cluster/rebalance-by-${evened}`,
    target: wholeCluster,
  };
}

/** What a rebalance is asked for: it concerns no single member. */
export const wholeCluster = "all masters";
