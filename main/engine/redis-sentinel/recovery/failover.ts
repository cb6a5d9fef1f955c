import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction, Step } from "../../engine";
import { isGone, isUntold, namesOf } from "../../redis-server/server";
import { loginOf } from "../../redis-server/settings";
import { nothingToDo, serverSteps } from "../../redis-server/steps";
import {
  dataAt,
  mastersOf,
  replicasOf,
  soleMaster,
  watchingSentinels,
  type DataServer,
  type Sentinel,
  type SentinelSnapshot,
} from "../snapshot";
import { disagreement, holds, noGoodReplica, notCalm, stillHeard, unseenCandidate, votesAreThere } from "./judges";

/** What the replica to be promoted may be behind; it does not wait for the rest. */
const lagAllowedBytes = 1 << 20;
/** The old master is told to be a replica some ten seconds after the new one is one; a whole copy may follow. */
const takesMs = 60_000;

const steps = serverSteps("redis-sentinel");

/** Lets a sentinel move the master's role away from where it is; which replica gets it, the sentinel chooses by priority and offset. */
export const failover: RecoveryAction<SentinelSnapshot> = {
  action: "redis-sentinel/failover",
  risk: "R2",
  answers: [],
  verifyWithinMs: 60_000,
  objections: (snapshot) => {
    const master = soleMaster(snapshot);
    if (master === null) return [sentence("redis-sentinel/no-sole-master")];
    return [
      disagreement(snapshot, master.member),
      notCalm(snapshot),
      noGoodReplica(snapshot, lagAllowedBytes),
      unseenCandidate(snapshot),
    ].filter((reason) => reason !== null);
  },
  targets: (snapshot) => mastersOf(snapshot).map(({ member }) => ({ target: member, objections: [] })),
  plan: (snapshot, target) => {
    const master = soleMaster(snapshot);
    const asked = elsewhere(snapshot, master?.node ?? "");
    if (master === null || master.member !== target || asked === null || snapshot.told === null) return nothingToDo;
    const moved = holds.movedOn(target, snapshot.told.configEpoch);
    return {
      steps: [
        {
          ...failoverStep(asked),
          stillSafe: [
            holds.soleMaster(target),
            holds.agree(target),
            holds.calm(),
            holds.goodReplica(lagAllowedBytes),
            holds.candidatesSeen(),
          ],
          achieved: [moved, holds.demoted(target)],
        },
      ],
      warnings: [sentence("redis-sentinel/warning.unsent-lost", { master: target })],
      restsOn: [holds.soleMaster(target), holds.agree(target)],
      goal: [moved, holds.demoted(target)],
    };
  },
};

/**
 * Lets one sentinel promote a replica without the others' vote, when the master is proven gone and no vote comes about. Where some are not
 * seen they may promote another on their side of a cut: whoever goes on attests that they are switched off.
 */
export const failoverAfterLoss: RecoveryAction<SentinelSnapshot> = {
  action: "redis-sentinel/failover-after-loss",
  risk: "R3",
  answers: ["redis-sentinel/NoMaster", "redis-sentinel/NoQuorum"],
  verifyWithinMs: 60_000,
  objections: (snapshot) => {
    if (mastersOf(snapshot).length > 0) return [sentence("redis-sentinel/a-master-is-there")];
    if (watchingSentinels(snapshot).length === 0) return [sentence("redis-sentinel/nobody-watches")];
    if (replicasOf(snapshot).length === 0) return [sentence("redis-sentinel/no-good-replica")];
    const askable = snapshot.members.filter((one) => isUntold(one) && one.reachability.state === "reachable");
    return [
      askable.length === 0 ? null : sentence("redis-sentinel/host-answers", { members: namesOf(askable) }),
      votesAreThere(snapshot),
      notCalm(snapshot),
    ].filter((reason) => reason !== null);
  },
  targets: (snapshot) => {
    const lost = toldMaster(snapshot);
    return lost === null ? [] : [{ target: lost.member, objections: proof(snapshot, lost) }];
  },
  plan: (snapshot, target) => {
    const lost = toldMaster(snapshot);
    const asked = elsewhere(snapshot, lost?.node ?? "");
    if (lost === null || lost.member !== target || asked === null || snapshot.told === null) return nothingToDo;
    const moved = holds.movedOn(target, snapshot.told.configEpoch);
    return {
      steps: [
        ...steps.endHung(lost),
        {
          ...failoverStep(asked),
          stillSafe: [
            holds.stopped(target),
            holds.unheard(target),
            holds.noMaster(),
            holds.anyReplica(),
            holds.noVotes(),
            holds.calm(),
          ],
          achieved: [moved],
        },
      ],
      warnings: [
        sentence("redis-sentinel/warning.unsent-gone", { master: target }),
        sentence("redis-sentinel/warning.no-vote", {
          member: asked.member,
          unseen: namesOf(snapshot.members.filter(isUntold)),
        }),
      ],
      restsOn: [holds.standing(target, lost.standing.kind)],
      goal: [moved],
    };
  },
};

/** Its host's word, and no sentinel that hears it: the two are asked at different places. */
function proof(snapshot: SentinelSnapshot, lost: DataServer): readonly Sentence[] {
  if (!isGone(lost)) return [sentence("redis-sentinel/not-proven-stopped", { member: lost.member })];
  const heard = stillHeard(snapshot, lost.member);
  return heard === null ? [] : [heard];
}

function toldMaster(snapshot: SentinelSnapshot): DataServer | null {
  return snapshot.told === null ? null : dataAt(snapshot, snapshot.told.address);
}

/** Of the sentinels that know of the latest failover, one on another host than the master's where there is one. */
function elsewhere(snapshot: SentinelSnapshot, host: string): Sentinel | null {
  const latest = watchingSentinels(snapshot).filter(
    ({ master }) => master.kind === "value" && master.value.configEpoch === snapshot.told?.configEpoch,
  );
  return latest.find(({ node }) => node !== host) ?? latest[0] ?? null;
}

function failoverStep(asked: Sentinel): Omit<Step, "stillSafe" | "achieved"> {
  const { masterName } = asked.site.settings;
  return {
    title: sentence("redis-sentinel/step.failover", { member: asked.member, name: masterName }),
    node: asked.node,
    effect: { kind: "redis", login: loginOf(asked.site), command: ["SENTINEL", "FAILOVER", masterName] },
    changes: true,
    deadlineMs: takesMs,
    undo: { kind: "none", reason: sentence("redis-sentinel/no-undo.promoted") },
  };
}
