import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { loginOf } from "../../redis-server/settings";
import { nothingToDo } from "../../redis-server/steps";
import {
  isEligible,
  isReplica,
  nodeById,
  nodeIn,
  type ClusterNode,
  type ClusterSnapshot,
  type Shard,
} from "../snapshot";
import { holds, isMaster, shardLayout } from "./judges";

/** The replica throws its copy away and takes a whole new one. */
const copyMs = 300_000;

/** Lets a replica that its shard can spare copy the master that has none. */
export const moveReplica: RecoveryAction<ClusterSnapshot> = {
  action: "redis-cluster/move-replica",
  risk: "R1",
  answers: ["redis-cluster/ShardWithoutReplica"],
  verifyWithinMs: 60_000,
  objections: (snapshot) => (needy(snapshot) === null ? [sentence("redis-cluster/every-shard-has-replica")] : []),
  targets: (snapshot) =>
    snapshot.nodes.filter(isReplica).map((node) => ({ target: node.member, objections: objectionsTo(snapshot, node) })),
  plan: (snapshot, target) => {
    const replica = nodeIn(snapshot, target);
    const master = needy(snapshot);
    const before = replica?.own?.masterId == null ? null : nodeById(snapshot, replica.own.masterId);
    if (replica === null || master === null || before === null) return nothingToDo;
    const replicate = (of: ClusterNode) =>
      ({
        title: sentence("redis-cluster/step.replicate", { member: target, master: of.member }),
        node: replica.node,
        effect: { kind: "redis", login: loginOf(replica.site), command: ["CLUSTER", "REPLICATE", of.id] },
        deadlineMs: copyMs,
      }) as const;
    return {
      steps: [
        {
          ...replicate(master),
          changes: true,
          stillSafe: [holds.copies(target, before.member), holds.master(master.member)],
          achieved: [holds.copies(target, master.member)],
          undo: {
            kind: "by",
            ...replicate(before),
            stillSafe: [holds.copies(target, master.member), holds.master(before.member)],
            achieved: [holds.copies(target, before.member)],
          },
        },
      ],
      warnings: [sentence("redis-cluster/warning.whole-copy", { member: target, master: master.member })],
      restsOn: [...shardLayout(snapshot, before.id), holds.copies(target, before.member)],
      goal: [holds.copies(target, master.member)],
    };
  },
};

/** The first shard without a replica that could take over, whose master serves. */
function needy(snapshot: ClusterSnapshot): ClusterNode | null {
  const shard = snapshot.shards.find(
    ({ master, replicas }) =>
      !replicas.some((one) => isEligible(snapshot, one)) && nodeById(snapshot, master.id)?.standing.kind === "serving",
  );
  return shard === undefined ? null : nodeById(snapshot, shard.master.id);
}

function objectionsTo(snapshot: ClusterSnapshot, node: ClusterNode): readonly Sentence[] {
  const own = shardOf(snapshot, node);
  const master = needy(snapshot);
  if (master !== null && node.own?.masterId === master.id)
    return [sentence("redis-cluster/copies-it-already", { member: node.member, master: master.member })];
  // The copy of an empty master is no loss to anybody.
  const spare = own === null || own.replicas.filter((one) => isEligible(snapshot, one)).length > 1;
  return [
    spare ? null : sentence("redis-cluster/only-replica", { member: node.member }),
    master === null ? null : isMaster(snapshot, master.member),
  ].filter((reason) => reason !== null);
}

function shardOf(snapshot: ClusterSnapshot, node: ClusterNode): Shard | null {
  return snapshot.shards.find(({ master }) => master.id === node.own?.masterId) ?? null;
}
