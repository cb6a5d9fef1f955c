import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { isGone, isUntold, namesOf } from "../../redis-server/server";
import { loginOf } from "../../redis-server/settings";
import { nothingToDo } from "../../redis-server/steps";
import { isLost } from "../health";
import { claimants, nameOfId, nodeById, type ClusterNode, type ClusterSnapshot } from "../snapshot";
import { ownersOf, rangesWhere, showRanges, type SlotRange } from "../topology";
import { copiesOfLost, holds, lostMasters } from "./judges";
import { slotsCall } from "./slots";

const callMs = 15_000;

/**
 * Gives the slots of shards that are gone with all their copies to the masters that are left, empty: their data is given up. By our own
 * calls and not by redis-cli's `fix --cluster-fix-with-unreachable-masters`, which gives away the slots of every master that its host does
 * not reach, well or not.
 */
export const giveUpLostSlots: RecoveryAction<ClusterSnapshot> = {
  action: "redis-cluster/give-up-lost-slots",
  risk: "R3",
  answers: ["redis-cluster/ShardWithoutMaster"],
  verifyWithinMs: 60_000,
  objections: (snapshot) => {
    if (lostMasters(snapshot).length === 0) return [sentence("redis-cluster/no-shard-lost")];
    if (claimants(snapshot).length === 0) return [sentence("redis-cluster/nobody-tells")];
    const unseen = snapshot.nodes.filter((node) => isUntold(node) && node.reachability.state === "reachable");
    if (unseen.length > 0) return [sentence("redis-cluster/host-answers", { members: namesOf(unseen) })];
    const saved = copiesOfLost(snapshot);
    return saved.length === 0 ? [] : [sentence("redis-cluster/a-copy-lives", { members: namesOf(saved) })];
  },
  targets: (snapshot) =>
    lostMasters(snapshot).length === 0 ? [] : [{ target: lostMasters(snapshot).join(", "), objections: [] }],
  plan: (snapshot, target) => {
    const lost = snapshot.shards.filter((shard) => isLost(snapshot, shard)).map(({ master }) => master);
    const taken = shareOut(snapshot, lost);
    if (taken.length === 0) return nothingToDo;
    const gone = lost.flatMap(({ id }) => {
      const node = nodeById(snapshot, id);
      return node !== null && isGone(node) ? [holds.standing(node.member, node.standing.kind)] : [];
    });
    // What the others own is theirs before and after.
    const kept = claimants(snapshot).map(({ member, own }) => holds.owns(member, showRanges(own.ranges)));
    const given = taken.map(({ node, ranges }) => holds.owns(node.member, showRanges(ranges)));
    return {
      steps: taken.map(({ node, ranges }) => ({
        title: sentence("redis-cluster/step.giveUp", {
          members: lost.map(({ id }) => nameOfId(snapshot, id)).join(", "),
          slots: showRanges(ranges),
          member: node.member,
        }),
        node: node.node,
        effect: { kind: "calls", calls: takeOver(node, ranges) },
        changes: true,
        deadlineMs: callMs,
        stillSafe: [holds.unserved(showRanges(ranges)), holds.master(node.member), ...gone],
        achieved: [holds.owns(node.member, showRanges(ranges))],
        undo: { kind: "none", reason: sentence("redis-cluster/no-undo.given-up") },
      })),
      warnings: [sentence("redis-cluster/warning.data-given-up", { members: target })],
      restsOn: [...gone, ...kept],
      goal: [...kept, ...given, holds.allOwned(), holds.mastersServe()],
    };
  },
};

interface Taken {
  readonly node: ClusterNode;
  readonly ranges: readonly SlotRange[];
}

/** A slot on its way from a lost master goes to where its keys were going, the others in even parts to all masters that serve. */
function shareOut(
  snapshot: ClusterSnapshot,
  lost: readonly { readonly id: string; readonly ranges: readonly SlotRange[] }[],
): readonly Taken[] {
  const receivers = claimants(snapshot);
  const owners = ownersOf(lost);
  const arriving = new Map(
    receivers.flatMap(({ id, own }) =>
      own.openSlots
        .filter(({ slot, direction, peerId }) => direction === "importing" && owners[slot] === peerId)
        .map(({ slot }) => [slot, id] as const),
    ),
  );
  const others = owners.flatMap((owner, slot) => (owner === null || arriving.has(slot) ? [] : [slot]));
  const size = Math.ceil(others.length / receivers.length);
  const receiverOf = new Map(others.map((slot, at) => [slot, receivers[Math.floor(at / size)]?.id] as const));
  return receivers
    .map((node) => ({
      node,
      ranges: rangesWhere((slot) => (arriving.get(slot) ?? receiverOf.get(slot)) === node.id),
    }))
    .filter(({ ranges }) => ranges.length > 0);
}

/**
 * As redis-cli does it, but the epoch first: what a node claims with an epoch below that of the owner before it, others tell it to give up
 * again. A slot that has no owner in its eyes cannot be taken from one.
 */
function takeOver(node: ClusterNode, ranges: readonly SlotRange[]) {
  const wanted = ownersOf([{ id: "wanted", ranges }]);
  const seen = ownersOf(node.nodes.kind === "value" ? node.nodes.value : []);
  const owned = rangesWhere((slot) => wanted[slot] != null && seen[slot] != null);
  const bump = { kind: "redis", login: loginOf(node.site), command: ["CLUSTER", "BUMPEPOCH"] } as const;
  return [
    bump,
    ...(owned.length === 0 ? [] : [slotsCall(node, "DEL", owned)]),
    slotsCall(node, "ADD", ranges),
  ] as const;
}
