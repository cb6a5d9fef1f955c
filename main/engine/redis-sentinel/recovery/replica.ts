import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { loginOf } from "../../redis-server/settings";
import { nothingToDo } from "../../redis-server/steps";
import { nameAt, replicasOf, soleMaster, sourceOf, type DataServer, type SentinelSnapshot } from "../snapshot";
import { disagreement, holds, notCalm } from "./judges";

const copyMs = 300_000;

/** Points a replica that copies something else at the master the sentinels tell. */
export const repointReplica: RecoveryAction<SentinelSnapshot> = {
  action: "redis-sentinel/repoint-replica",
  risk: "R2",
  answers: ["redis-sentinel/ReplicaAstray"],
  verifyWithinMs: 60_000,
  objections: (snapshot) => {
    const master = soleMaster(snapshot);
    if (master === null) return [sentence("redis-sentinel/no-sole-master")];
    return [disagreement(snapshot, master.member), notCalm(snapshot)].filter((reason) => reason !== null);
  },
  targets: (snapshot) =>
    replicasOf(snapshot).map((one) => ({ target: one.member, objections: objectionsTo(snapshot, one) })),
  plan: (snapshot, target) => {
    const master = soleMaster(snapshot);
    const replica = replicasOf(snapshot).find(({ member }) => member === target);
    const before = replica === undefined ? null : sourceOf(replica);
    if (master === null || replica === undefined || before === null) return nothingToDo;
    return {
      steps: [
        {
          title: sentence("redis-sentinel/step.repoint", { member: target, master: master.member }),
          node: replica.node,
          effect: {
            kind: "redis",
            login: loginOf(replica.site),
            command: ["REPLICAOF", ...wordsOf(master.site.settings.announced)],
          },
          changes: true,
          deadlineMs: copyMs,
          stillSafe: [holds.soleMaster(master.member), holds.agree(master.member), holds.calm(), holds.serving(target)],
          achieved: [holds.copies(target, master.member)],
          // What it copied before was no member's master; nobody wants that back.
          undo: { kind: "none", reason: sentence("redis-sentinel/no-undo.repointed", { member: target }) },
        },
      ],
      warnings: [sentence("redis-sentinel/warning.whole-copy", { member: target, source: nameAt(snapshot, before) })],
      restsOn: [holds.soleMaster(master.member), holds.serving(target)],
      goal: [holds.copies(target, master.member)],
    };
  },
};

function objectionsTo(snapshot: SentinelSnapshot, one: DataServer): readonly Sentence[] {
  const master = soleMaster(snapshot);
  return master !== null && sourceOf(one) === master.site.settings.announced
    ? [sentence("redis-sentinel/copies-it-already", { member: one.member, master: master.member })]
    : [];
}

function wordsOf(address: string): readonly [string, string] {
  const at = address.lastIndexOf(":");
  return [address.slice(0, at), address.slice(at + 1)];
}
