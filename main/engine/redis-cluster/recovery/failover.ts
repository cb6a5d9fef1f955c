import { sentence, type Sentence } from "../../../../contract/sentence";
import type { Claim, RecoveryAction, Step } from "../../engine";
import { isGone, namesOf } from "../../redis-server/server";
import { loginOf } from "../../redis-server/settings";
import { nothingToDo, serverSteps } from "../../redis-server/steps";
import {
  heldCopy,
  holdsNothing,
  isReplica,
  nameOfId,
  nodeById,
  nodeIn,
  type ClusterNode,
  type ClusterSnapshot,
  type HeldCopy,
  type Shard,
} from "../snapshot";
import { showRanges } from "../topology";
import {
  copies,
  holds,
  isMaster,
  lostMasters,
  mostAdvanced,
  noMajority,
  shardLayout,
  tooFarBehind,
  unsettled,
} from "./judges";

/** What the replica may be behind; the master waits for it to catch up, five seconds at the most. */
const lagAllowedBytes = 1 << 20;
/** The server gives up a failover it could not finish after five seconds, and says so in its log alone. */
const takesMs = 20_000;

const steps = serverSteps("redis-cluster");

/** Makes a replica the master of its shard while all is well; nothing is lost. */
export const failover: RecoveryAction<ClusterSnapshot> = {
  action: "redis-cluster/failover",
  risk: "R2",
  answers: ["redis-cluster/VotesOnOneHost"],
  verifyWithinMs: 30_000,
  objections: (snapshot) => {
    const reason = noMajority(snapshot);
    return reason === null ? [] : [reason];
  },
  targets: (snapshot) =>
    snapshot.nodes.filter(isReplica).map((node) => ({ target: node.member, objections: objectionsTo(snapshot, node) })),
  plan: (snapshot, target) => {
    const replica = nodeIn(snapshot, target);
    const master = replica?.own?.masterId == null ? null : nodeById(snapshot, replica.own.masterId);
    if (replica === null || master?.own == null) return nothingToDo;
    const taken = takenOver(snapshot, replica, master);
    return {
      steps: [
        {
          ...failoverStep(replica, []),
          stillSafe: [
            holds.copies(target, master.member),
            holds.master(master.member),
            holds.near(target, lagAllowedBytes),
            holds.settled(target),
            holds.majority(),
          ],
          achieved: [...taken, holds.copies(master.member, target)],
          undo: {
            kind: "by",
            ...failoverStep(master, []),
            stillSafe: [
              holds.copies(master.member, target),
              holds.master(target),
              holds.settled(master.member),
              holds.majority(),
            ],
            achieved: [holds.master(master.member), holds.copies(target, master.member)],
          },
        },
      ],
      warnings: [sentence("redis-cluster/warning.writes-wait", { master: master.member })],
      restsOn: shardLayout(snapshot, master.id),
      goal: [...taken, holds.copies(master.member, target)],
    };
  },
};

function objectionsTo(snapshot: ClusterSnapshot, node: ClusterNode): readonly Sentence[] {
  const master = nameOfId(snapshot, node.own?.masterId ?? "");
  return [
    isMaster(snapshot, master),
    copies(snapshot, node.member, master),
    tooFarBehind(snapshot, node.member, lagAllowedBytes),
    unsettled(snapshot, node.member),
  ].filter((reason) => reason !== null);
}

/** Its slots and the other replicas of the old master are the new one's. */
function takenOver(snapshot: ClusterSnapshot, replica: ClusterNode, master: ClusterNode): readonly Claim[] {
  const ranges = snapshot.shards.find((shard) => shard.master.id === master.id)?.master.ranges ?? [];
  const others = snapshot.nodes.filter(
    (node) => node !== replica && node.own?.masterId === master.id && isReplica(node),
  );
  return [
    holds.master(replica.member),
    holds.owns(replica.member, showRanges(ranges)),
    ...others.map(({ member }) => holds.copies(member, replica.member)),
  ];
}

function failoverStep(
  replica: ClusterNode,
  how: readonly string[],
): Pick<Step, "title" | "node" | "effect" | "deadlineMs"> & { readonly changes: true } {
  return {
    title: sentence("redis-cluster/step.failover", { member: replica.member }),
    node: replica.node,
    effect: { kind: "redis", login: loginOf(replica.site), command: ["CLUSTER", "FAILOVER", ...how] },
    changes: true,
    deadlineMs: takesMs,
  };
}

/** Makes a replica the master of a shard whose master is proven gone, by the vote of the other masters. */
export const forcedFailover: RecoveryAction<ClusterSnapshot> = {
  ...afterLoss("redis-cluster/forced-failover", "FORCE"),
  risk: "R2",
  objections: (snapshot) => {
    if (lostShards(snapshot).length === 0) return [sentence("redis-cluster/no-shard-lost")];
    const reason = noMajority(snapshot);
    return reason === null ? [] : [reason];
  },
};

/**
 * The same without a vote, where too few masters are left to give one. Those that do not answer must never come back as masters: every one
 * is proven gone by its host, or attested to be switched off.
 */
export const takeover: RecoveryAction<ClusterSnapshot> = {
  ...afterLoss("redis-cluster/takeover", "TAKEOVER"),
  risk: "R3",
  objections: (snapshot) => {
    if (snapshot.leading === null) return [sentence("redis-cluster/nobody-tells")];
    if (noMajority(snapshot) === null) return [sentence("redis-cluster/majority-is-there")];
    if (snapshot.nodes.some((node) => node.state.kind === "value" && node.state.value.isOk))
      return [sentence("redis-cluster/served-somewhere")];
    const askable = snapshot.shards
      .map(({ master }) => nodeById(snapshot, master.id))
      .filter(
        (node) =>
          node !== null && node.standing.kind !== "serving" && !isGone(node) && node.reachability.state === "reachable",
      )
      .filter((node) => node !== null);
    return askable.length === 0 ? [] : [sentence("redis-cluster/host-answers", { members: namesOf(askable) })];
  },
};

function lostShards(snapshot: ClusterSnapshot): readonly Shard[] {
  const lost = lostMasters(snapshot);
  return snapshot.shards.filter(({ master }) => lost.includes(nameOfId(snapshot, master.id)));
}

/** Shards whose master does not serve: proven for a vote, attested where no vote is left. */
function leaderless(snapshot: ClusterSnapshot, how: "FORCE" | "TAKEOVER"): readonly Shard[] {
  if (how === "FORCE") return lostShards(snapshot);
  return snapshot.shards.filter(({ master }) => nodeById(snapshot, master.id)?.standing.kind !== "serving");
}

function afterLoss(
  action: string,
  how: "FORCE" | "TAKEOVER",
): Omit<RecoveryAction<ClusterSnapshot>, "objections" | "risk"> {
  return {
    action,
    answers: ["redis-cluster/ShardWithoutMaster", "redis-cluster/ClusterDown"],
    verifyWithinMs: 30_000,
    targets: (snapshot) =>
      leaderless(snapshot, how).flatMap((shard) =>
        candidates(snapshot, shard).map((node) => ({
          target: node.member,
          objections: lossObjections(snapshot, shard, node, how),
        })),
      ),
    plan: (snapshot, target) => {
      const replica = nodeIn(snapshot, target);
      const shard = leaderless(snapshot, how).find(({ master }) => master.id === replica?.own?.masterId);
      const copy = replica === null ? null : heldCopy(snapshot, replica);
      if (replica === null || shard === undefined || copy === null) return nothingToDo;
      const master = nodeById(snapshot, shard.master.id);
      const taken = [holds.master(target), holds.owns(target, showRanges(shard.master.ranges))];
      const isProven = master !== null && isGone(master);
      return {
        steps: [
          ...(master === null ? [] : steps.endHung(master)),
          {
            ...failoverStep(replica, [how]),
            stillSafe: [
              holds.serving(target),
              holds.mostAdvanced(target),
              holds.holdsCopy(target, copy.kind),
              ...(isProven ? [holds.stopped(master.member)] : []),
              how === "FORCE" ? holds.majority() : holds.noMajority(),
            ],
            achieved: taken,
            undo: { kind: "none", reason: sentence("redis-cluster/no-undo.promoted", { member: target }) },
          },
        ],
        warnings: [
          ...ofCopy(copy, target, nameOfId(snapshot, shard.master.id)),
          ...(how === "TAKEOVER" ? [sentence("redis-cluster/warning.no-vote", { member: target })] : []),
        ],
        restsOn: shardLayout(snapshot, shard.master.id),
        goal: taken,
        // Redis would not let it take over, and the old master throws away what only it has once it is back.
        ...(copy.kind !== "current" && { risk: "R3" }),
      };
    },
  };
}

function ofCopy(copy: HeldCopy, member: string, master: string): readonly Sentence[] {
  switch (copy.kind) {
    case "current":
      return [sentence("redis-cluster/warning.unsent-lost", { master })];
    case "old":
      return [sentence("redis-cluster/warning.old-copy", { member, master, ageMs: copy.ageMs })];
    case "never-linked":
      return [sentence("redis-cluster/warning.never-linked", { member, master, keys: copy.keyCount })];
  }
}

function candidates(snapshot: ClusterSnapshot, shard: Shard): readonly ClusterNode[] {
  return snapshot.nodes.filter((node) => node.own?.masterId === shard.master.id && isReplica(node));
}

function lossObjections(
  snapshot: ClusterSnapshot,
  shard: Shard,
  node: ClusterNode,
  how: "FORCE" | "TAKEOVER",
): readonly Sentence[] {
  const master = nodeById(snapshot, shard.master.id);
  const unproven =
    how === "FORCE" && (master === null || !isGone(master))
      ? sentence("redis-cluster/not-proven-stopped", { member: nameOfId(snapshot, shard.master.id) })
      : null;
  const empty = holdsNothing(heldCopy(snapshot, node))
    ? sentence("redis-cluster/never-copied", { member: node.member, master: nameOfId(snapshot, shard.master.id) })
    : null;
  return [unproven, empty, mostAdvanced(snapshot, node.member)].filter((reason) => reason !== null);
}
