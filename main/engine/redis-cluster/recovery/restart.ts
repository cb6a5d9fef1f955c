import { sentence, type Sentence } from "../../../../contract/sentence";
import type { Claim, RecoveryAction } from "../../engine";
import { isGone } from "../../redis-server/server";
import { mayStartEmpty, notControlled, nothingToDo, serverSteps } from "../../redis-server/steps";
import { isEligible, isReplica, nameOf, nodeById, nodeIn, type ClusterNode, type ClusterSnapshot } from "../snapshot";
import { countSlots } from "../topology";
import { holds, lostMasters } from "./judges";

const steps = serverSteps("redis-cluster");

/** Stops a replica and starts it again, or ends one that hangs. A master must hand its shard over first. */
export const restartNode: RecoveryAction<ClusterSnapshot> = {
  action: "redis-cluster/restart-node",
  risk: "R2",
  answers: ["redis-cluster/NodeHung", "redis-cluster/MemoryFragmented"],
  verifyWithinMs: 120_000,
  objections: () => [],
  targets: (snapshot) =>
    snapshot.nodes
      .filter(({ standing }) => standing.kind === "serving" || standing.kind === "hung")
      .map((node) => ({ target: node.member, objections: objectionsTo(snapshot, node) })),
  plan: (snapshot, target) => {
    const node = nodeIn(snapshot, target);
    if (node === null) return nothingToDo;
    const before = [holds.standing(target, node.standing.kind)];
    const joined = [holds.joined(target)];
    const stop = node.standing.kind === "hung" ? steps.endHung(node) : steps.stop(node, before, joined);
    return {
      steps: [...stop, ...steps.start(node, [], joined)],
      warnings: [
        ...lossOf(snapshot, node),
        ...(isReplica(node) ? [] : [sentence("redis-cluster/warning.restart", { member: target })]),
      ],
      restsOn: before,
      goal: joined,
      ...(lossOf(snapshot, node).length > 0 && { risk: "R3" }),
    };
  },
};

/** Starts a server that its host says does not run. */
export const startNode: RecoveryAction<ClusterSnapshot> = {
  action: "redis-cluster/start-node",
  risk: "R2",
  answers: ["redis-cluster/NodeStopped", "redis-cluster/ShardWithoutMaster"],
  verifyWithinMs: 120_000,
  objections: () => [],
  targets: (snapshot) =>
    snapshot.nodes
      .filter(({ standing }) => standing.kind === "stopped")
      .map((node) => ({ target: node.member, objections: control(node) })),
  plan: (snapshot, target) => {
    const node = nodeIn(snapshot, target);
    if (node === null) return nothingToDo;
    const joined: readonly Claim[] = [holds.joined(target)];
    const emptied = emptiedWarning(snapshot, node);
    return {
      steps: steps.start(node, [], joined),
      warnings: [
        ...emptied,
        ...(lostMasters(snapshot).includes(target)
          ? []
          : [sentence("redis-cluster/warning.writes-dropped", { member: target })]),
      ],
      restsOn: [holds.stopped(target)],
      goal: joined,
      ...(emptied.length > 0 && { risk: "R3" }),
    };
  },
};

function emptiedWarning(snapshot: ClusterSnapshot, node: ClusterNode): readonly Sentence[] {
  const emptied = emptiedBy(snapshot, node);
  const starts = snapshot.leading === null ? "may-be-copied" : "starts-empty";
  return emptied.length === 0
    ? []
    : [sentence(`redis-cluster/warning.${starts}`, { member: node.member, replicas: emptied.join(", ") })];
}

/** What a restart may lose: the only copy of a shard's data that is left, where it is in its memory alone, and what others copy of it. */
function lossOf(snapshot: ClusterSnapshot, node: ClusterNode): readonly Sentence[] {
  return isOnlyCopy(snapshot, node) && mayStartEmpty(node)
    ? [sentence("redis-cluster/warning.memory-only", { member: node.member }), ...emptiedWarning(snapshot, node)]
    : [];
}

/** No other server is known to serve the shard, or to be able to take it over; where nobody tells the layout none is. */
function isOnlyCopy(snapshot: ClusterSnapshot, node: ClusterNode): boolean {
  if (snapshot.leading === null) return true;
  const shard = snapshot.shards.find(
    ({ master, replicas }) => master.id === node.id || replicas.some(({ id }) => id === node.id),
  );
  if (shard === undefined) return false;
  const others = shard.replicas.filter(({ id }) => id !== node.id);
  const isMasterThere = shard.master.id !== node.id && nodeById(snapshot, shard.master.id)?.standing.kind === "serving";
  return !isMasterThere && !others.some((one) => isEligible(snapshot, one));
}

/** Who copies a master that may start without its data, and loses its own by that. */
function emptiedBy(snapshot: ClusterSnapshot, node: ClusterNode): readonly string[] {
  if (!mayStartEmpty(node)) return [];
  // Nobody tells who copies whom: it may be any that is not known to be stopped.
  if (snapshot.leading === null)
    return snapshot.nodes.filter((one) => one !== node && one.standing.kind !== "stopped").map(({ member }) => member);
  const replicas = snapshot.shards.find(({ master }) => master.id === node.id)?.replicas ?? [];
  return replicas.filter(({ id }) => !isStopped(snapshot, id)).map((one) => nameOf(snapshot, one));
}

/** One that this desktop does not see may well run. */
function isStopped(snapshot: ClusterSnapshot, id: string): boolean {
  return nodeById(snapshot, id)?.standing.kind === "stopped";
}

function control(node: ClusterNode): readonly Sentence[] {
  const reason = notControlled("redis-cluster", node);
  return reason === null ? [] : [reason];
}

/** A master with slots is not restarted while a replica could take its place; one that hangs may still be the only copy. */
function objectionsTo(snapshot: ClusterSnapshot, node: ClusterNode): readonly Sentence[] {
  const shard = snapshot.shards.find(({ master }) => master.id === node.id);
  const slots = countSlots(shard?.master.ranges ?? node.own?.ranges ?? []);
  if (slots === 0) return control(node);
  const canHandOver = shard?.replicas.some((one) => isEligible(snapshot, one)) ?? true;
  // One that hangs serves nobody; where no replica could take its place, ending it is all that is left.
  return isGone(node) && !canHandOver
    ? control(node)
    : [sentence("redis-cluster/fail-over-first", { member: node.member, slots })];
}
