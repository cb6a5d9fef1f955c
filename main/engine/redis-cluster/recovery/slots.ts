import { sentence, type Sentence } from "../../../../contract/sentence";
import type { Claim, Effect, RecoveryAction, Step } from "../../engine";
import type { RedisCall } from "../../../probe/probe";
import { isUntold, infoOf, namesOf } from "../../redis-server/server";
import { loginOf } from "../../redis-server/settings";
import { nothingToDo } from "../../redis-server/steps";
import { movesFor, steady, wholeCluster, type Evened, type SlotMove } from "../balance";
import { claimants, contested, nodeIn, unowned, type ClusterNode, type ClusterSnapshot } from "../snapshot";
import { countSlots, showRanges, type SlotRange } from "../topology";
import { holds, lacksRoom, mastersServe, openSlots } from "./judges";

const callMs = 15_000;
const fixMs = 600_000;
const chunkMs = 600_000;
/** A chunk is what is under way when a person says stop. */
const chunkBytes = 256 << 20;
const chunkSlots = 512;
const mostChunks = 40;

/**
 * redis-cli's own cluster manager, run on a host of the cluster: it moves the keys of a slot one after the other. The node it is given must
 * be named as the others know it: it tells masters to send keys to that very address, and on another host 127.0.0.1 is the sender itself.
 */
function manager(node: ClusterNode, ...words: readonly string[]): Extract<Effect, { readonly kind: "run" }> {
  const { programDirectory, host, port } = node.site.settings;
  const address = node.own === null || node.own.host === "" ? `${host}:${port}` : `${node.own.host}:${node.own.port}`;
  const [verb = "", ...rest] = words;
  return {
    kind: "run",
    command: { argv: [`${programDirectory}/redis-cli`, "--cluster", verb, address, ...rest, "--cluster-yes"] },
  };
}

/** Gives slots to a node, or takes them from it, in its own eyes. Ranges came with 7.0; an older server takes each slot by its number. */
export function slotsCall(node: ClusterNode, verb: "ADD" | "DEL", ranges: readonly SlotRange[]): RedisCall {
  const takesRanges = Number.parseInt(infoOf(node)?.version ?? "0", 10) >= 7;
  const words = ranges.flatMap(({ from, to }) =>
    takesRanges ? [from, to] : Array.from({ length: to - from + 1 }, (_, at) => from + at),
  );
  return {
    kind: "redis",
    login: loginOf(node.site),
    command: ["CLUSTER", takesRanges ? `${verb}SLOTSRANGE` : `${verb}SLOTS`, ...words.map(String)],
  };
}

/** The master that the manager is run beside; any that serves will do. */
function anyMaster(snapshot: ClusterSnapshot): ClusterNode | null {
  return claimants(snapshot)[0] ?? null;
}

/** Gives slots that nobody owns to a master; the keys, if there were any, are where they were. */
export const assignSlots: RecoveryAction<ClusterSnapshot> = {
  action: "redis-cluster/assign-slots",
  risk: "R2",
  answers: ["redis-cluster/SlotsUnowned"],
  verifyWithinMs: 30_000,
  objections: (snapshot) => {
    if (snapshot.leading === null) return [sentence("redis-cluster/nobody-tells")];
    if (unowned(snapshot).length === 0) return [sentence("redis-cluster/no-slot-unowned")];
    const unseen = snapshot.nodes.filter(isUntold);
    return unseen.length === 0 ? [] : [sentence("redis-cluster/not-all-seen", { members: namesOf(unseen) })];
  },
  targets: (snapshot) => serving(snapshot).map(({ member }) => ({ target: member, objections: [] })),
  plan: (snapshot, target) => {
    const node = nodeIn(snapshot, target);
    const ranges = unowned(snapshot);
    if (node === null || ranges.length === 0) return nothingToDo;
    const slots = showRanges(ranges);
    return {
      steps: [
        {
          title: sentence("redis-cluster/step.assign", { member: target, slots }),
          node: node.node,
          effect: slotsCall(node, "ADD", ranges),
          changes: true,
          deadlineMs: callMs,
          stillSafe: [holds.unowned(slots), holds.master(target)],
          achieved: [holds.owns(target, slots)],
          undo: {
            kind: "by",
            title: sentence("redis-cluster/step.unassign", { member: target, slots }),
            node: node.node,
            effect: slotsCall(node, "DEL", ranges),
            deadlineMs: callMs,
            stillSafe: [holds.owns(target, slots)],
            achieved: [holds.unowned(slots)],
          },
        },
      ],
      warnings: [sentence("redis-cluster/warning.hidden-keys", { member: target })],
      restsOn: [holds.unowned(slots)],
      goal: [holds.owns(target, slots), holds.allOwned()],
    };
  },
};

/** Masters that answer, whether they own slots yet or not. */
function serving(snapshot: ClusterSnapshot): readonly ClusterNode[] {
  return snapshot.nodes.filter((node) => node.own?.role === "master" && infoOf(node)?.replication?.role === "master");
}

/** Brings moves of slots to their end that were left unfinished. */
export const finishOpenSlots: RecoveryAction<ClusterSnapshot> = {
  action: "redis-cluster/finish-open-slots",
  risk: "R2",
  answers: ["redis-cluster/SlotOpen"],
  verifyWithinMs: 60_000,
  objections: (snapshot) => {
    if (!snapshot.nodes.some(({ own }) => (own?.openSlots.length ?? 0) > 0))
      return [sentence("redis-cluster/no-slot-open")];
    return [mastersServe(snapshot), claimedTwice(snapshot)].filter((reason) => reason !== null);
  },
  targets: () => [{ target: wholeCluster, objections: [] }],
  plan: (snapshot) => {
    const node = anyMaster(snapshot);
    if (node === null) return nothingToDo;
    return {
      steps: [
        {
          title: sentence("redis-cluster/step.finish", { member: node.member }),
          node: node.node,
          effect: manager(node, "fix"),
          changes: true,
          deadlineMs: fixMs,
          stillSafe: [holds.mastersServe()],
          achieved: [holds.noneOpen(), holds.allOwned()],
          undo: { kind: "none", reason: sentence("redis-cluster/no-undo.moved") },
        },
      ],
      warnings: [sentence("redis-cluster/warning.moving-slots")],
      restsOn: [holds.mastersServe()],
      goal: [holds.noneOpen(), holds.allOwned()],
    };
  },
};

function claimedTwice(snapshot: ClusterSnapshot): Sentence | null {
  const twice = contested(snapshot)[0];
  return twice === undefined ? null : sentence("redis-cluster/claimed-twice", { members: namesOf(twice.by) });
}

export const rebalanceBySlots = rebalance("slots");
export const rebalanceByBytes = rebalance("bytes");

/** Moves slots until the masters have their share, in chunks: a run can be stopped after each, and every state between is whole. */
function rebalance(evened: Evened): RecoveryAction<ClusterSnapshot> {
  return {
    action: `redis-cluster/rebalance-by-${evened}`,
    risk: "R2",
    answers: [],
    verifyWithinMs: 60_000,
    objections: (snapshot) => {
      const moves = movesFor(snapshot, evened);
      const reason =
        moves === null
          ? sentence("redis-cluster/shares-unknown")
          : moves.length === 0
            ? sentence("redis-cluster/balanced-already")
            : null;
      return [
        reason,
        noRoom(snapshot, moves ?? []),
        mastersServe(snapshot),
        openSlots(snapshot),
        claimedTwice(snapshot),
      ].filter((one) => one !== null);
    },
    targets: () => [{ target: wholeCluster, objections: [] }],
    plan: (snapshot) => {
      const chunks = (movesFor(snapshot, evened) ?? []).flatMap(chunksOf);
      const made = chunks.slice(0, mostChunks);
      const counts = new Map(serving(snapshot).map(({ member, own }) => [member, countSlots(own?.ranges ?? [])]));
      const claimsOf = (members: readonly string[]): readonly Claim[] =>
        members.map((member) => holds.ownsCount(member, counts.get(member) ?? 0));
      const restsOn = claimsOf([...counts.keys()]);
      const steps = made.flatMap((move): readonly Step[] => {
        const before = claimsOf([move.from, move.to]);
        counts.set(move.from, (counts.get(move.from) ?? 0) - move.count);
        counts.set(move.to, (counts.get(move.to) ?? 0) + move.count);
        return moveStep(snapshot, move, before, claimsOf([move.from, move.to]));
      });
      return {
        steps,
        warnings: [
          sentence("redis-cluster/warning.moving-slots"),
          ...(made.length < chunks.length
            ? [sentence("redis-cluster/warning.more-chunks", { made: made.length, all: chunks.length })]
            : []),
        ],
        restsOn: [...restsOn, holds.noneOpen()],
        goal: [...claimsOf([...counts.keys()]), holds.allOwned(), holds.noneOpen()],
      };
    },
  };
}

/** Whom all that is to come would make too full. */
function noRoom(snapshot: ClusterSnapshot, moves: readonly SlotMove[]): Sentence | null {
  const takers = [...new Set(moves.map(({ to }) => to))];
  const reasons = takers.map((taker) => {
    const incoming = moves.filter(({ to }) => to === taker).map(({ bytes }) => bytes);
    const known = incoming.filter((bytes) => bytes !== null);
    return lacksRoom(
      snapshot,
      taker,
      known.length < incoming.length ? null : known.reduce((sum, bytes) => sum + bytes, 0),
    );
  });
  return reasons.find((reason) => reason !== null) ?? null;
}

function chunksOf(move: SlotMove): readonly SlotMove[] {
  const bytesPerSlot = move.bytes === null || move.count === 0 ? 0 : move.bytes / move.count;
  const size = Math.max(1, Math.min(chunkSlots, bytesPerSlot === 0 ? chunkSlots : steady(chunkBytes / bytesPerSlot)));
  return Array.from({ length: Math.ceil(move.count / size) }, (_, at) => {
    const count = Math.min(size, move.count - at * size);
    return { ...move, count, bytes: move.bytes === null ? null : Math.round(bytesPerSlot * count) };
  });
}

function moveStep(
  snapshot: ClusterSnapshot,
  { from, to, count, bytes }: SlotMove,
  before: readonly Claim[],
  after: readonly Claim[],
): readonly Step[] {
  const giver = nodeIn(snapshot, from);
  const taker = nodeIn(snapshot, to);
  if (giver === null || taker === null) return [];
  const move = (source: ClusterNode, sink: ClusterNode) => ({
    title: sentence("redis-cluster/step.move", { count, from: source.member, to: sink.member }),
    node: source.node,
    effect: manager(
      source,
      "reshard",
      ...["--cluster-from", source.id, "--cluster-to", sink.id, "--cluster-slots", String(count)],
      ...["--cluster-pipeline", "10", "--cluster-timeout", "60000"],
    ),
    deadlineMs: chunkMs,
  });
  const room = (member: string): Claim => (bytes === null ? holds.unlimited(member) : holds.hasRoom(member, bytes));
  return [
    {
      ...move(giver, taker),
      changes: true,
      stillSafe: [room(to), ...before, holds.noneOpen(), holds.mastersServe()],
      achieved: [...after, holds.noneOpen()],
      undo: {
        kind: "by",
        ...move(taker, giver),
        stillSafe: [room(from), ...after, holds.noneOpen(), holds.mastersServe()],
        achieved: [...before, holds.noneOpen()],
      },
    },
  ];
}
