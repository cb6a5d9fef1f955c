import { sentence, type Sentence } from "../../../../contract/sentence";
import type { Claim, RecoveryAction } from "../../engine";
import { isGone, namesOf, replicationOf } from "../../redis-server/server";
import { mayStartEmpty, notControlled, nothingToDo, serverSteps } from "../../redis-server/steps";
import {
  memberIn,
  nameAt,
  replicasOf,
  soleMaster,
  sourceOf,
  watchingSentinels,
  type DataServer,
  type SentinelSnapshot,
} from "../snapshot";
import { votesNeeded } from "../tolerance";
import { holds } from "./judges";

const steps = serverSteps("redis-sentinel");
type Member = SentinelSnapshot["members"][number];

/** Stops a replica or a sentinel and starts it again, or ends one that hangs. A master must hand its role over first. */
export const restartMember: RecoveryAction<SentinelSnapshot> = {
  action: "redis-sentinel/restart-member",
  risk: "R2",
  answers: ["redis-sentinel/NodeHung", "redis-sentinel/Tilt"],
  verifyWithinMs: 120_000,
  objections: () => [],
  targets: (snapshot) =>
    snapshot.members
      .filter(({ standing }) => standing.kind === "serving" || standing.kind === "hung")
      .map((one) => ({ target: one.member, objections: objectionsTo(snapshot, one) })),
  plan: (snapshot, target) => {
    const one = memberIn(snapshot, target);
    if (one === null) return nothingToDo;
    const before = [holds.standing(target, one.standing.kind)];
    const back = backInPlace(snapshot, one);
    return {
      steps: [
        ...(one.standing.kind === "hung" ? steps.endHung(one) : steps.stop(one, before, back)),
        ...steps.start(one, [], back),
      ],
      warnings: [],
      restsOn: before,
      goal: back,
    };
  },
};

/** Starts a data server or sentinel that its host says does not run. */
export const startMember: RecoveryAction<SentinelSnapshot> = {
  action: "redis-sentinel/start-member",
  risk: "R2",
  answers: [
    "redis-sentinel/NodeStopped",
    "redis-sentinel/NoMaster",
    "redis-sentinel/NoQuorum",
    "redis-sentinel/NobodyWatches",
  ],
  verifyWithinMs: 120_000,
  objections: () => [],
  targets: (snapshot) =>
    snapshot.members
      .filter(({ standing }) => standing.kind === "stopped")
      .map((one) => ({ target: one.member, objections: control(one) })),
  plan: (snapshot, target) => {
    const one = memberIn(snapshot, target);
    if (one === null) return nothingToDo;
    const back = backInPlace(snapshot, one);
    const emptied = one.kind === "data" ? emptiedBy(snapshot, one) : [];
    const starts = isUntoldWhoCopies(snapshot) ? "may-be-copied" : "starts-empty";
    return {
      steps: steps.start(one, [], back),
      warnings: [
        ...(emptied.length > 0
          ? [sentence(`redis-sentinel/warning.${starts}`, { member: target, replicas: namesOf(emptied) })]
          : []),
        ...(one.kind === "data" ? [sentence("redis-sentinel/warning.writes-dropped", { member: target })] : []),
      ],
      restsOn: [holds.stopped(target)],
      goal: back,
      ...(emptied.length > 0 && { risk: "R3" }),
    };
  },
};

/** No sentinel and no data server tells who copies whom. */
function isUntoldWhoCopies(snapshot: SentinelSnapshot): boolean {
  return snapshot.told === null && snapshot.data.every((one) => replicationOf(one) === null);
}

/** Who copies a master that may start without its data, and loses its own by that. */
function emptiedBy(snapshot: SentinelSnapshot, one: DataServer): readonly DataServer[] {
  const { announced } = one.site.settings;
  const isMaster =
    isUntoldWhoCopies(snapshot) ||
    snapshot.told?.address === announced ||
    replicasOf(snapshot).some((replica) => sourceOf(replica) === announced);
  return isMaster && mayStartEmpty(one) ? snapshot.data.filter((other) => other !== one && !isGone(other)) : [];
}

/** A sentinel watches again; a replica copies whom it copied; what a server that was gone becomes, its sentinels decide. */
function backInPlace(snapshot: SentinelSnapshot, one: Member): readonly Claim[] {
  if (one.kind === "sentinel") return [holds.watches(one.member)];
  const source = sourceOf(one);
  return [holds.serving(one.member), ...(source === null ? [] : [holds.copies(one.member, nameAt(snapshot, source))])];
}

function control(one: Member): readonly Sentence[] {
  const reason = notControlled("redis-sentinel", one);
  return reason === null ? [] : [reason];
}

function objectionsTo(snapshot: SentinelSnapshot, one: Member): readonly Sentence[] {
  if (one.kind === "data")
    return replicationOf(one)?.role === "master" || soleMaster(snapshot) === null
      ? [sentence("redis-sentinel/fail-over-first", { member: one.member })]
      : control(one);
  const needs = votesNeeded(snapshot) ?? Infinity;
  const left = watchingSentinels(snapshot).filter((other) => other !== one).length;
  return left < needs
    ? [
        sentence("redis-sentinel/votes-would-lack", {
          member: one.member,
          left,
          needs: Number.isFinite(needs) ? needs : 0,
        }),
      ]
    : control(one);
}
