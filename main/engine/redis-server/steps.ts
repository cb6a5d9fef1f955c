import { sentence, type Fact, type Sentence } from "../../../contract/sentence";
import type { Claim, Effect, Judge, PlannedSteps, Step } from "../engine";
import { endHungEffect, startEffect, stopEffect, type ServiceControl } from "../service";
import { controlOfServer } from "./settings";
import { infoOf, type RedisServer, type Standing } from "./server";

const stopMs = 120_000;
const startMs = 120_000;
const endMs = 30_000;

/** What a plan is when the snapshot no longer shows what it acts on. */
export const nothingToDo: PlannedSteps = { steps: [], warnings: [], restsOn: [], goal: [] };

/** Of what a server loads when it starts only an append-only file is told by INFO: without a look that shows one it may start empty. */
export function mayStartEmpty(server: RedisServer): boolean {
  const told = infoOf(server) ?? server.before?.info ?? null;
  return told?.persistence?.usesAppendOnlyFile !== true;
}

/** What recoveries claim of any server, as data; `serverJudges` says whether a snapshot shows it. */
export interface ServerHolds {
  standing(member: string, kind: Standing["kind"]): Claim;
  serving(member: string): Claim;
  stopped(member: string): Claim;
  hung(member: string, pid: number): Claim;
}

export function serverHolds(engine: string): ServerHolds {
  return {
    standing: (member, kind) =>
      sentence(`${engine}/holds.standing`, { member, standing: `${engine}/standing.${kind}` }),
    serving: (member) => sentence(`${engine}/holds.serving`, { member }),
    stopped: (member) => sentence(`${engine}/holds.stopped`, { member }),
    hung: (member, pid) => sentence(`${engine}/holds.hung`, { member, pid }),
  };
}

export function memberOf(facts: Readonly<Record<string, Fact>>): string {
  return String(facts.member);
}

/** Silence proves nothing of these: a server is stopped by its host's word alone. */
export function serverJudges<S>(
  engine: string,
  serverIn: (snapshot: S, member: string) => RedisServer | null,
): Readonly<Record<string, Judge<S>>> {
  const standingOf = (now: S, member: string): Standing | null => serverIn(now, member)?.standing ?? null;
  const other = (now: S, member: string): Sentence =>
    sentence(`${engine}/other-standing`, {
      member,
      standing: `${engine}/standing.${standingOf(now, member)?.kind ?? "unseen"}`,
    });
  return {
    [`${engine}/holds.standing`]: (now, facts) => {
      const kind = standingOf(now, memberOf(facts))?.kind ?? "unseen";
      return facts.standing === `${engine}/standing.${kind}` ? null : other(now, memberOf(facts));
    },
    [`${engine}/holds.serving`]: (now, facts) => {
      const standing = standingOf(now, memberOf(facts));
      if (standing?.kind !== "serving") return other(now, memberOf(facts));
      return standing.info.persistence?.isLoading === true
        ? sentence(`${engine}/still-loads`, { member: memberOf(facts) })
        : null;
    },
    [`${engine}/holds.stopped`]: (now, facts) =>
      standingOf(now, memberOf(facts))?.kind === "stopped" ? null : other(now, memberOf(facts)),
    [`${engine}/holds.hung`]: (now, facts) => {
      const standing = standingOf(now, memberOf(facts));
      return standing?.kind === "hung" && standing.pid === facts.pid ? null : other(now, memberOf(facts));
    },
  };
}

/** Why this server cannot be stopped and started from here; null where it can. */
export function notControlled(engine: string, server: RedisServer): Sentence | null {
  return controlOfServer(server.site) === null
    ? sentence(`${engine}/control-unknown`, { member: server.member })
    : null;
}

/** The steps that stop and start a server. Call only for servers of which `notControlled` is null. */
export interface ServerSteps {
  stop(server: RedisServer, stillSafe: readonly Claim[], undoAchieved: readonly Claim[]): readonly Step[];
  start(server: RedisServer, stillSafe: readonly Claim[], achieved: readonly Claim[]): readonly Step[];
  /** Ends a server that has a process and answers nobody, and keeps its service from starting it at once. */
  endHung(server: RedisServer): readonly Step[];
}

export function serverSteps(engine: string): ServerSteps {
  const holds = serverHolds(engine);
  const control = (server: RedisServer, make: (control: ServiceControl) => Step): readonly Step[] => {
    const known = controlOfServer(server.site);
    return known === null ? [] : [make(known)];
  };
  const title = (name: string, server: RedisServer): Sentence =>
    sentence(`${engine}/step.${name}`, { member: server.member });
  const noUndo = (name: string, server: RedisServer): Step["undo"] => ({
    kind: "none",
    reason: sentence(`${engine}/no-undo.${name}`, { member: server.member }),
  });
  const starting = (server: RedisServer, known: ServiceControl): Effect =>
    startEffect(known, server.site.settings.account);

  return {
    stop: (server, stillSafe, undoAchieved) =>
      control(server, (known) => ({
        title: title("stop", server),
        node: server.node,
        effect: stopEffect(known, server.site.settings.account, pidOf(server)),
        changes: true,
        deadlineMs: stopMs,
        stillSafe,
        achieved: [holds.stopped(server.member)],
        undo: {
          kind: "by",
          title: title("start", server),
          node: server.node,
          effect: starting(server, known),
          deadlineMs: startMs,
          stillSafe: [holds.stopped(server.member)],
          achieved: undoAchieved,
        },
      })),
    start: (server, stillSafe, achieved) =>
      control(server, (known) => ({
        title: title("start", server),
        node: server.node,
        effect: starting(server, known),
        undo: noUndo("started", server),
        changes: true,
        deadlineMs: startMs,
        stillSafe: [holds.stopped(server.member), ...stillSafe],
        achieved,
      })),
    endHung: (server) =>
      server.standing.kind !== "hung"
        ? []
        : [
            {
              title: sentence(`${engine}/step.endHung`, { member: server.member, pid: server.standing.pid }),
              node: server.node,
              effect: endHungEffect(controlOfServer(server.site), server.site.settings.account, server.standing.pid),
              undo: noUndo("ended", server),
              changes: true,
              deadlineMs: endMs,
              stillSafe: [holds.hung(server.member, server.standing.pid)],
              achieved: [holds.stopped(server.member)],
            },
          ],
  };
}

/** As its host tells it, else as it tells itself. */
function pidOf({ liveness, standing }: RedisServer): number {
  if (liveness.kind === "value" && liveness.value.kind === "running") return liveness.value.pid;
  return standing.kind === "serving" ? standing.info.processId : -1;
}
