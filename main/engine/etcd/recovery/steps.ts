import { sentence } from "../../../../contract/sentence";
import type { Claim, Effect, PlannedSteps, SentCall, Step } from "../../engine";
import { controlOf, startEffect, stopEffect } from "../../service";
import { decimalId } from "../probes";
import { gateway, loginOf } from "../settings";
import type { Answering, EtcdMember } from "../snapshot";
import { holds } from "./judges";

const stopMs = 100_000;
const startMs = 60_000;
const callMs = 15_000;
/** About a second for a gigabyte on a good disk, and a quota of eight. */
const defragmentMs = 300_000;

/** What a plan is when the snapshot no longer shows what it acts on. */
export const nothingToDo: PlannedSteps = { steps: [], warnings: [], restsOn: [], goal: [] };

export function call({ site }: EtcdMember, path: string, body: Readonly<Record<string, unknown>> = {}): SentCall {
  return gateway(loginOf(site), path, body);
}

function control({ site }: EtcdMember): NonNullable<ReturnType<typeof controlOf>> {
  // A member without one has an objection and no plan.
  return controlOf(site.settings.control) ?? { kind: "systemd", unit: "etcd.service" };
}

export function none(code: string, member: string): Step["undo"] {
  return { kind: "none", reason: sentence(code, { member }) };
}

export function startOf(member: EtcdMember): Effect {
  return startEffect(control(member), member.site.settings.account);
}

export function stopMember(target: EtcdMember, stillSafe: readonly Claim[]): Step {
  const { member, node, liveness, site } = target;
  const pid = liveness.kind === "value" && liveness.value.kind === "running" ? liveness.value.pid : 0;
  return {
    title: sentence("etcd/step.stop", { member }),
    node,
    effect: stopEffect(control(target), site.settings.account, pid),
    changes: true,
    deadlineMs: stopMs,
    stillSafe,
    achieved: [holds.stopped(member)],
    undo: {
      kind: "by",
      title: sentence("etcd/step.start", { member }),
      node,
      effect: startOf(target),
      deadlineMs: startMs,
      stillSafe: [holds.stopped(member)],
      achieved: [holds.runs(member)],
    },
  };
}

export function startMember(target: EtcdMember, achieved: readonly Claim[]): Step {
  const { member, node } = target;
  return {
    title: sentence("etcd/step.start", { member }),
    node,
    effect: startOf(target),
    changes: true,
    deadlineMs: startMs,
    stillSafe: [],
    achieved,
    undo: none("etcd/no-undo.started", member),
  };
}

/** SIGKILL, because a process that answers nobody would not see a request to end. */
export function killHungMember({ member, node, site }: EtcdMember, pid: number): Step {
  return {
    title: sentence("etcd/step.kill", { member, pid }),
    node,
    effect: { kind: "run", command: { argv: ["kill", "-KILL", String(pid)], runAs: site.settings.account } },
    changes: true,
    deadlineMs: 15_000,
    stillSafe: [holds.hung(member, pid)],
    achieved: [holds.ended(member, pid)],
    undo: none("etcd/no-undo.killed", member),
  };
}

/** Taken by the leader alone; moved back by the new one. */
export function moveLeader(from: EtcdMember, to: EtcdMember, stillSafe: readonly Claim[] = []): Step {
  const transfer = (by: EtcdMember, target: EtcdMember): Effect =>
    call(by, "/v3/maintenance/transfer-leadership", { targetID: decimalId(target.id ?? "0") });
  return {
    title: sentence("etcd/step.moveLeader", { from: from.member, to: to.member }),
    node: from.node,
    effect: transfer(from, to),
    changes: true,
    deadlineMs: callMs,
    stillSafe: [holds.leads(from.member), holds.inSync(to.member), ...stillSafe],
    achieved: [holds.leads(to.member), holds.inSync(from.member)],
    undo: {
      kind: "by",
      title: sentence("etcd/step.moveLeader", { from: to.member, to: from.member }),
      node: to.node,
      effect: transfer(to, from),
      deadlineMs: callMs,
      stillSafe: [holds.leads(to.member), holds.inSync(from.member)],
      achieved: [holds.leads(from.member)],
    },
  };
}

export function defragment(target: EtcdMember, stillSafe: readonly Claim[]): Step {
  const { member, node, room } = target;
  // Nothing is claimed of room that could not be read; the plan warns of it.
  const known = room.kind === "value" ? [holds.roomToDefragment(member)] : [];
  return {
    title: sentence("etcd/step.defragment", { member }),
    node,
    effect: call(target, "/v3/maintenance/defragment"),
    changes: true,
    deadlineMs: defragmentMs,
    stillSafe: [holds.majorityWithout(member), ...known, ...stillSafe],
    achieved: [holds.compact(member), holds.inSync(member)],
    undo: { kind: "needless", reason: sentence("etcd/no-undo.defragmented", { member }) },
  };
}

export function compactHistory(leader: Answering): Step {
  const { revision } = leader.standing.status;
  return {
    title: sentence("etcd/step.compact", { revision }),
    node: leader.node,
    effect: call(leader, "/v3/kv/compaction", { revision: String(revision), physical: true }),
    changes: true,
    deadlineMs: 60_000,
    stillSafe: [holds.allInSync()],
    achieved: [holds.compacted(revision)],
    undo: { kind: "none", reason: sentence("etcd/no-undo.compacted", { revision }) },
  };
}

export function disarm(by: EtcdMember, memberIds: readonly string[]): Step {
  const calls = memberIds.map((id) =>
    call(by, "/v3/maintenance/alarm", { action: "DEACTIVATE", memberID: decimalId(id), alarm: "NOSPACE" }),
  );
  const [first, ...rest] = calls;
  return {
    title: sentence("etcd/step.disarm"),
    node: by.node,
    effect: first === undefined ? call(by, "/v3/maintenance/status") : { kind: "calls", calls: [first, ...rest] },
    changes: true,
    deadlineMs: callMs,
    stillSafe: [holds.allInSync(), holds.roomEverywhere()],
    achieved: [holds.noAlarm()],
    undo: { kind: "none", reason: sentence("etcd/no-undo.disarmed") },
  };
}
