import { sentence } from "../../../../contract/sentence";
import type { Claim, Effect, PlannedSteps, Step } from "../../engine";
import { controlOf, startEffect, stopEffect } from "../../service";
import type { Server } from "../snapshot";
import { holds } from "./judges";

const stopMs = 100_000;
const startMs = 60_000;

/** What a plan is when the snapshot no longer shows what it acts on. */
export const nothingToDo: PlannedSteps = { steps: [], warnings: [], restsOn: [], goal: [] };

function start({ site }: Server): Effect {
  const control = controlOf(site.settings.control);
  // A server without one has an objection and no plan.
  return startEffect(control ?? { kind: "systemd", unit: "zookeeper.service" }, site.settings.account);
}

function stop({ site, liveness }: Server): Effect {
  const control = controlOf(site.settings.control);
  const pid = liveness.kind === "value" && liveness.value.kind === "running" ? liveness.value.pid : 0;
  return stopEffect(control ?? { kind: "systemd", unit: "zookeeper.service" }, site.settings.account, pid);
}

function none(code: string, member: string): Step["undo"] {
  return { kind: "none", reason: sentence(code, { member }) };
}

export function stopServer(server: Server, stillSafe: readonly Claim[], alsoAchieved: readonly Claim[] = []): Step {
  const { member, node } = server;
  return {
    title: sentence("zookeeper/step.stop", { member }),
    node,
    effect: stop(server),
    changes: true,
    deadlineMs: stopMs,
    stillSafe,
    achieved: [holds.stopped(member), ...alsoAchieved],
    undo: {
      kind: "by",
      title: sentence("zookeeper/step.start", { member }),
      node,
      effect: start(server),
      deadlineMs: startMs,
      stillSafe: [holds.stopped(member)],
      achieved: [holds.runs(member)],
    },
  };
}

export function startServer(server: Server, achieved: readonly Claim[], undo = "zookeeper/no-undo.started"): Step {
  const { member, node } = server;
  return {
    title: sentence("zookeeper/step.start", { member }),
    node,
    effect: start(server),
    changes: true,
    deadlineMs: startMs,
    stillSafe: [],
    achieved,
    undo: none(undo, member),
  };
}

/** SIGKILL, because a process that answers nobody would not see a request to end. */
export function killHungServer(server: Server, pid: number): Step {
  const { member, node, site } = server;
  return {
    title: sentence("zookeeper/step.kill", { member, pid }),
    node,
    effect: { kind: "run", command: { argv: ["kill", "-KILL", String(pid)], runAs: site.settings.account } },
    changes: true,
    deadlineMs: 15_000,
    stillSafe: [holds.hung(member, pid)],
    achieved: [holds.ended(member, pid)],
    undo: none("zookeeper/no-undo.killed", member),
  };
}

/** Where a server's data wait for somebody to delete them; named for the epoch they end in. */
export function keptDirectory(server: Server): string {
  const epoch = server.disk.kind === "value" ? (server.disk.value.currentEpoch ?? 0) : 0;
  const pid =
    server.liveness.kind === "value" && server.liveness.value.kind === "running" ? server.liveness.value.pid : 0;
  return `version-2.kept-epoch-${epoch}-${pid}`;
}

/** Nothing is deleted: the directory gets another name beside the old one. */
export function keepDataAside(server: Server): Step {
  const { member, node, site } = server;
  const { dataDirectory, dataLogDirectory, account } = site.settings;
  const kept = keptDirectory(server);
  const directories = [...new Set([dataDirectory, dataLogDirectory].filter((one) => one !== ""))];
  const move = (from: string, to: string): Effect => {
    const script = `for one in "$@"; do [ ! -e "$one/${to}" ] && mv "$one/${from}" "$one/${to}" || exit 1; done`;
    return { kind: "run", command: { argv: ["/bin/sh", "-c", script, "sh", ...directories], runAs: account } };
  };
  return {
    title: sentence("zookeeper/step.keepAside", { member, kept }),
    node,
    effect: move("version-2", kept),
    changes: true,
    deadlineMs: 30_000,
    stillSafe: [holds.stopped(member), holds.majorityWithout(member)],
    achieved: [holds.emptied(member)],
    undo: {
      kind: "by",
      title: sentence("zookeeper/step.putBack", { member, kept }),
      node,
      effect: move(kept, "version-2"),
      deadlineMs: 30_000,
      stillSafe: [holds.stopped(member), holds.emptied(member)],
      achieved: [holds.hasData(member)],
    },
  };
}
