import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { isUntold, namesOf } from "../../redis-server/server";
import { loginOf } from "../../redis-server/settings";
import { nothingToDo } from "../../redis-server/steps";
import { agreedGone, nameOf, type ClusterNode, type ClusterSnapshot } from "../snapshot";
import type { KnownNode } from "../topology";
import { holds, mayLive } from "./judges";

const callMs = 10_000;
/** A forgotten node is kept out for a minute; who still knows it then brings it back to all. */
const mostMembers = 30;

/** Takes a dead node out of every member's list. */
export const forgetNode: RecoveryAction<ClusterSnapshot> = {
  action: "redis-cluster/forget-node",
  risk: "R2",
  answers: ["redis-cluster/PeerFailed", "redis-cluster/NodeUnwatched"],
  verifyWithinMs: 90_000,
  objections: (snapshot) => {
    const unseen = snapshot.nodes.filter(isUntold);
    if (unseen.length > 0) return [sentence("redis-cluster/not-all-seen", { members: namesOf(unseen) })];
    return snapshot.nodes.length > mostMembers
      ? [sentence("redis-cluster/too-many-to-forget", { count: snapshot.nodes.length, most: mostMembers })]
      : [];
  },
  targets: (snapshot) =>
    agreedGone(snapshot).map((node) => ({ target: nameOf(snapshot, node), objections: objectionsTo(snapshot, node) })),
  plan: (snapshot, target) => {
    const node = agreedGone(snapshot).find((one) => nameOf(snapshot, one) === target);
    if (node === undefined) return nothingToDo;
    const members = living(snapshot, node);
    return {
      steps: members.map((member) => ({
        title: sentence("redis-cluster/step.forget", { member: member.member, name: target }),
        node: member.node,
        effect: { kind: "redis", login: loginOf(member.site), command: ["CLUSTER", "FORGET", node.id] },
        changes: true,
        deadlineMs: callMs,
        stillSafe: [holds.knows(member.member, node.id, target), holds.dead(node.id, target)],
        achieved: [holds.knowsNot(member.member, node.id, target)],
        undo: { kind: "none", reason: sentence("redis-cluster/no-undo.forgotten", { name: target }) },
      })),
      warnings: [sentence("redis-cluster/warning.forgotten", { name: target })],
      restsOn: [holds.dead(node.id, target), ...members.map((member) => holds.knows(member.member, node.id, target))],
      goal: members.map((member) => holds.knowsNot(member.member, node.id, target)),
    };
  },
};

function living(snapshot: ClusterSnapshot, { id }: KnownNode): readonly ClusterNode[] {
  return snapshot.nodes.filter((node) => node.nodes.kind === "value" && node.nodes.value.some((one) => one.id === id));
}

function objectionsTo(snapshot: ClusterSnapshot, node: KnownNode): readonly Sentence[] {
  const name = nameOf(snapshot, node);
  const followers = snapshot.nodes.filter(({ own }) => own?.masterId === node.id);
  return [
    node.ranges.length > 0 ? sentence("redis-cluster/still-owns-slots", { name }) : null,
    followers.length > 0 ? sentence("redis-cluster/still-copied", { name, members: namesOf(followers) }) : null,
    mayLive(snapshot, node.id, name),
  ].filter((reason) => reason !== null);
}
