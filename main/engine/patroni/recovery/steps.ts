import { sentence } from "../../../../contract/sentence";
import type { Claim, Effect, PlannedSteps, Step } from "../../engine";
import { controlOf, startEffect, stopEffect } from "../../service";
import { rest } from "../settings";
import { timelineOf, type Answering, type PatroniMember } from "../snapshot";
import { holds } from "./judges";

/** Patroni looks for the outcome itself for twice ten seconds or twice loop_wait before it answers (3.0). */
const changeLeaderMs = 90_000;
const callMs = 20_000;
const restartMs = 120_000;
const reinitializeMs = 600_000;
const stopMs = 100_000;
const startMs = 90_000;

/** What a plan is when the snapshot no longer shows what it acts on. */
export const nothingToDo: PlannedSteps = { steps: [], warnings: [], restsOn: [], goal: [] };

export function none(code: string, member: string): Step["undo"] {
  return { kind: "none", reason: sentence(code, { member }) };
}

/** Asked of the leader, which refuses unless it is the one that is named. */
export function switchOver(leader: Answering, candidate: PatroniMember): Step {
  const timeline = timelineOf(leader) ?? 0;
  const ask = (by: PatroniMember, from: PatroniMember, to: PatroniMember): Effect =>
    rest(by.site, "POST", "/switchover", { leader: from.name, candidate: to.name });
  return {
    title: sentence("patroni/step.switchOver", { from: leader.member, to: candidate.member }),
    node: leader.node,
    effect: ask(leader, leader, candidate),
    changes: true,
    deadlineMs: changeLeaderMs,
    stillSafe: [holds.leads(leader.member), holds.candidate(candidate.member)],
    achieved: [holds.leads(candidate.member), holds.timelineAfter(timeline)],
    undo: {
      kind: "by",
      title: sentence("patroni/step.switchOver", { from: candidate.member, to: leader.member }),
      node: candidate.node,
      effect: ask(candidate, candidate, leader),
      deadlineMs: changeLeaderMs,
      stillSafe: [holds.leads(candidate.member), holds.candidate(leader.member)],
      achieved: [holds.leads(leader.member)],
    },
  };
}

export function failOver(candidate: PatroniMember): Step {
  const { member, node, name, site } = candidate;
  return {
    title: sentence("patroni/step.failOver", { member }),
    node,
    effect: rest(site, "POST", "/failover", { candidate: name }),
    changes: true,
    deadlineMs: changeLeaderMs,
    stillSafe: [holds.noLeader(), holds.mostAdvanced(member)],
    achieved: [holds.leads(member)],
    undo: none("patroni/no-undo.promoted", member),
  };
}

/** `null` takes a key out of the settings that all members share. */
export function setPause(by: PatroniMember, paused: boolean): Step {
  const effect = (pause: true | null): Effect => rest(by.site, "PATCH", "/config", { pause });
  const before = paused ? holds.notPaused() : holds.paused();
  const after = paused ? holds.paused() : holds.notPaused();
  return {
    title: sentence(paused ? "patroni/step.pause" : "patroni/step.resume"),
    node: by.node,
    effect: effect(paused ? true : null),
    changes: true,
    deadlineMs: callMs,
    stillSafe: [before],
    achieved: [after],
    undo: {
      kind: "by",
      title: sentence(paused ? "patroni/step.resume" : "patroni/step.pause"),
      node: by.node,
      effect: effect(paused ? null : true),
      deadlineMs: callMs,
      stillSafe: [after],
      achieved: [before],
    },
  };
}

/** Answered at once; the member then throws its data away and copies the leader's. */
export function reinitialize(target: Answering, leader: PatroniMember): Step {
  const { member, node, site, standing } = target;
  const { startedAt } = standing.status;
  return {
    title: sentence("patroni/step.reinitialize", { member, leader: leader.member }),
    node,
    effect: rest(site, "POST", "/reinitialize", {}),
    changes: true,
    deadlineMs: reinitializeMs,
    stillSafe: [holds.leads(leader.member), holds.takesNoWrites(member)],
    achieved: [holds.follows(member), ...(startedAt === null ? [] : [holds.startedAfter(member, startedAt)])],
    undo: none("patroni/no-undo.reinitialized", member),
  };
}

/** A replica is restarted as a replica only: Patroni refuses by itself if it was promoted since it was read. */
export function restartServer(target: Answering, achieved: readonly Claim[]): Step {
  const { member, node, site, standing } = target;
  const { startedAt } = standing.status;
  return {
    title: sentence("patroni/step.restartServer", { member }),
    node,
    effect: rest(site, "POST", "/restart", standing.kind === "replica" ? { role: "replica" } : {}),
    changes: true,
    deadlineMs: restartMs,
    stillSafe: [holds.standing(member, standing.kind)],
    achieved: [...(startedAt === null ? [] : [holds.startedAfter(member, startedAt)]), ...achieved],
    undo: { kind: "needless", reason: sentence("patroni/no-undo.restarted", { member }) },
  };
}

function control({ site }: PatroniMember): NonNullable<ReturnType<typeof controlOf>> {
  // A member without one has an objection and no plan.
  return controlOf(site.settings.control) ?? { kind: "systemd", unit: "patroni.service" };
}

/** In an orderly stop Patroni stops its PostgreSQL too, unless it is paused. */
export function stopPatroni(target: PatroniMember, stillSafe: readonly Claim[]): Step {
  const { member, node, liveness, site } = target;
  const pid = liveness.kind === "value" && liveness.value.kind === "running" ? liveness.value.pid : 0;
  return {
    title: sentence("patroni/step.stopPatroni", { member }),
    node,
    effect: stopEffect(control(target), site.settings.account, pid),
    changes: true,
    deadlineMs: stopMs,
    stillSafe,
    achieved: [holds.stopped(member)],
    undo: {
      kind: "by",
      title: sentence("patroni/step.startPatroni", { member }),
      node,
      effect: startEffect(control(target), site.settings.account),
      deadlineMs: startMs,
      stillSafe: [holds.stopped(member)],
      achieved: [holds.answers(member)],
    },
  };
}

export function startPatroni(target: PatroniMember, achieved: readonly Claim[]): Step {
  const { member, node, site } = target;
  return {
    title: sentence("patroni/step.startPatroni", { member }),
    node,
    effect: startEffect(control(target), site.settings.account),
    changes: true,
    deadlineMs: startMs,
    stillSafe: [],
    achieved,
    undo: none("patroni/no-undo.started", member),
  };
}

/** SIGKILL, because a process that answers nobody would not see a request to end; its PostgreSQL goes on until Patroni is back. */
export function killHungPatroni({ member, node, site }: PatroniMember, pid: number, stillSafe: readonly Claim[]): Step {
  return {
    title: sentence("patroni/step.kill", { member, pid }),
    node,
    effect: { kind: "run", command: { argv: ["kill", "-KILL", String(pid)], runAs: site.settings.account } },
    changes: true,
    deadlineMs: 15_000,
    stillSafe: [holds.hung(member, pid), ...stillSafe],
    achieved: [holds.ended(member, pid)],
    undo: none("patroni/no-undo.killed", member),
  };
}
