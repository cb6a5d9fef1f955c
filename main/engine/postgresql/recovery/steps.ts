import { sentence } from "../../../../contract/sentence";
import type { Command } from "../../../ssh/access";
import { quote } from "../../../ssh/quote";
import type { Claim, Effect, PlannedSteps, SentCall, Step } from "../../engine";
import type { StartLock } from "../probes";
import { loginOf, type PostgresqlSite } from "../settings";
import { usedSlot, type Server } from "../snapshot";
import { holds, slotOf } from "./judges";

const stopMs = 90_000;
const startMs = 90_000;
const promoteMs = 60_000;
const statementMs = 30_000;
const joinMs = 60_000;

/** What a plan is when the snapshot no longer shows what it acts on. */
export const nothingToDo: PlannedSteps = { steps: [], warnings: [], restsOn: [], goal: [] };

function pgCtl(server: Server, ...words: readonly string[]): Effect {
  const { binDirectory, dataDirectory, account } = server.site.settings;
  return { kind: "run", command: { argv: [`${binDirectory}/pg_ctl`, ...words, "-D", dataDirectory], runAs: account } };
}

function start(server: Server): Effect {
  const { control, logFile, dataDirectory } = server.site.settings;
  if (control !== "pg_ctl") return { kind: "run", command: { argv: ["systemctl", "start", control], runAs: "root" } };
  return pgCtl(server, "start", "-w", "-t", "60", "-l", logFile === "" ? `${dataDirectory}/startup.log` : logFile);
}

function stop(server: Server): Effect {
  const { control } = server.site.settings;
  if (control !== "pg_ctl") return { kind: "run", command: { argv: ["systemctl", "stop", control], runAs: "root" } };
  return pgCtl(server, "stop", "-m", "fast", "-w", "-t", "60");
}

/** What keeps a server down across boots and colleagues, to be run by hand on its node, and what takes it back. */
export function lockCommands(
  { settings: { control, dataDirectory } }: PostgresqlSite,
  lock: StartLock,
): { readonly command: string; readonly back: string } {
  switch (lock) {
    case "masked":
      return { command: quote(["systemctl", "mask", control]), back: quote(["systemctl", "unmask", control]) };
    case "recovery.conf": {
      const file = `${dataDirectory}/recovery.conf`;
      return { command: quote(["touch", file]), back: quote(["rm", file]) };
    }
  }
}

function statement(server: Server, text: string): SentCall {
  return { kind: "postgres", login: loginOf(server.site), statement: text };
}

function noUndo(code: string, member: string): Step["undo"] {
  return { kind: "none", reason: sentence(code, { member }) };
}

/** Stopped by hand a server keeps its role; starting it takes that back, as long as nobody took its place: `stillSafe` of `undo` says so. */
export function stopServer(server: Server, stillSafe: readonly Claim[], undoSafe: readonly Claim[]): Step {
  const { member, node, standing } = server;
  const inRole = standing.kind === "primary" ? [holds.solePrimary(member)] : [holds.standing(member, standing.kind)];
  return {
    title: sentence("postgresql/step.stop", { member }),
    node,
    effect: stop(server),
    changes: true,
    deadlineMs: stopMs,
    stillSafe,
    achieved: [holds.stopped(member)],
    undo: {
      kind: "by",
      title: sentence("postgresql/step.start", { member }),
      node,
      effect: start(server),
      deadlineMs: startMs,
      stillSafe: [holds.stopped(member), ...undoSafe],
      achieved: inRole,
    },
  };
}

export function startServer(server: Server, stillSafe: readonly Claim[], achieved: readonly Claim[]): Step {
  const { member } = server;
  return {
    title: sentence("postgresql/step.start", { member }),
    node: server.node,
    effect: start(server),
    undo: noUndo("postgresql/no-undo.started", member),
    changes: true,
    deadlineMs: startMs,
    stillSafe: [holds.stopped(member), ...stillSafe],
    achieved,
  };
}

/**
 * Ends a server that has a process and answers nobody. The postmaster's children outlive it when they are stopped too, and hold
 * its shared memory; they are ended with it.
 */
export function killHungServer(server: Server, pid: number): Step {
  const { member } = server;
  const script = `kill -KILL ${pid} $(cat /proc/${pid}/task/${pid}/children)`;
  const command: Command = { argv: ["/bin/sh", "-c", script], runAs: server.site.settings.account };
  return {
    title: sentence("postgresql/step.kill", { member, pid }),
    node: server.node,
    effect: { kind: "run", command },
    undo: noUndo("postgresql/no-undo.killed", member),
    changes: true,
    deadlineMs: 15_000,
    stillSafe: [holds.hung(member, pid)],
    achieved: [holds.stopped(member)],
  };
}

export function promote(server: Server, stillSafe: readonly Claim[]): Step {
  const { member } = server;
  return {
    title: sentence("postgresql/step.promote", { member }),
    node: server.node,
    effect: pgCtl(server, "promote", "-w", "-t", "50"),
    undo: noUndo("postgresql/no-undo.promoted", member),
    changes: true,
    deadlineMs: promoteMs,
    stillSafe: [holds.standby(member), holds.noPrimary(), ...stillSafe],
    achieved: [holds.primary(member)],
  };
}

/** Before it, the control file names the old timeline, and a server that joins now would be told the wrong one (15 and 18). */
export function checkpoint(server: Server): Step {
  const { member } = server;
  return {
    title: sentence("postgresql/step.checkpoint", { member }),
    node: server.node,
    effect: statement(server, "CHECKPOINT"),
    undo: { kind: "needless", reason: sentence("postgresql/no-undo.checkpoint", { member }) },
    changes: true,
    deadlineMs: statementMs,
    stillSafe: [holds.solePrimary(member)],
    // Nothing tells a checkpoint that was asked for from another; one that was lost costs the joining server a second try.
    achieved: [holds.primary(member)],
  };
}

/** The name of the slot a server uses, or will use, on its primary. */
export function slotNameOf(server: Server): string {
  const configured = server.state.kind === "value" ? server.state.value.primarySlotName : (usedSlot(server) ?? "");
  return configured !== "" ? configured : `slot_${server.member.toLowerCase().replace(/[^a-z0-9_]/g, "_")}`;
}

/** What gives the primary a slot of this name that can be used; a lost one is there and keeps nothing, so it is made anew. */
export function provideSlot(primary: Server, slot: string): readonly Step[] {
  const there = slotOf(primary, slot);
  if (there === null) return [createSlot(primary, slot)];
  return there.walStatus === "lost" ? [dropLostSlot(primary, slot), createSlot(primary, slot)] : [];
}

/** A running standby goes on as it is set: a slot made for one that uses none would keep WAL for nobody. */
export function provideUsedSlot(primary: Server, standby: Server): readonly Step[] {
  const slot = usedSlot(standby) ?? "";
  return slot === "" ? [] : provideSlot(primary, slot);
}

function createSlot(primary: Server, slot: string): Step {
  const { member, node } = primary;
  return {
    title: sentence("postgresql/step.createSlot", { member, slot }),
    node,
    effect: statement(primary, `SELECT pg_create_physical_replication_slot(${literal(slot)}, true)`),
    changes: true,
    deadlineMs: statementMs,
    stillSafe: [holds.solePrimary(member), holds.noSlot(member, slot)],
    achieved: [holds.slot(member, slot)],
    undo: {
      kind: "by",
      title: sentence("postgresql/step.dropSlot", { member, slot }),
      node,
      effect: statement(primary, `SELECT pg_drop_replication_slot(${literal(slot)})`),
      deadlineMs: statementMs,
      stillSafe: [holds.primary(member), holds.slotIdle(member, slot)],
      achieved: [holds.noSlot(member, slot)],
    },
  };
}

export function dropSlotStep(primary: Server, slot: string): Step {
  const { member, node } = primary;
  return {
    title: sentence("postgresql/step.dropSlot", { member, slot }),
    node,
    effect: statement(primary, `SELECT pg_drop_replication_slot(${literal(slot)})`),
    changes: true,
    deadlineMs: statementMs,
    stillSafe: [holds.solePrimary(member), holds.slot(member, slot), holds.slotIdle(member, slot)],
    achieved: [holds.noSlot(member, slot)],
    // Made anew it would not have the WAL that it kept.
    undo: { kind: "none", reason: sentence("postgresql/no-undo.slot-dropped", { slot }) },
  };
}

function dropLostSlot(primary: Server, slot: string): Step {
  const reason = sentence("postgresql/no-undo.lost-slot-dropped", { slot });
  return { ...dropSlotStep(primary, slot), undo: { kind: "needless", reason } };
}

/** The connection string of `model` pointed at `primary`, under the name of the server that will use it. */
export function connectionTo(primary: Server, model: string | null, name: string): string {
  const kept = (model ?? "")
    .replace(/(?:^|\s)(?:host|hostaddr|port|application_name)\s*=\s*(?:'(?:[^'\\]|\\.)*'|\S+)/g, "")
    .trim();
  const { host, port } = primary.site.settings;
  const own = `host=${connectionValue(host)} port=${port} application_name=${connectionValue(name)}`;
  return kept === "" ? own : `${own} ${kept}`;
}

export function connectionValue(value: string): string {
  return /^[A-Za-z0-9_.:-]+$/.test(value) ? value : `'${value.replace(/['\\]/g, "\\$&")}'`;
}

/** A running standby follows without a restart, once its settings were read again; only then can it be seen what they are. */
export function follow(standby: Server, primary: Server, connection: string): Step {
  const { member, node } = standby;
  const before = standby.state.kind === "value" ? standby.state.value.primaryConnection : null;
  return {
    title: sentence("postgresql/step.pointAt", { member, primary: primary.member }),
    node,
    effect: pointAt(standby, connection),
    changes: true,
    deadlineMs: joinMs,
    stillSafe: [holds.standby(member), holds.solePrimary(primary.member)],
    achieved: [holds.pointsAt(member, connection), holds.streams(member, primary.member)],
    undo:
      before === null
        ? noUndo("postgresql/no-undo.connection-unread", member)
        : {
            kind: "by",
            title: sentence("postgresql/step.pointBack", { member }),
            node,
            effect: pointAt(standby, before),
            deadlineMs: joinMs,
            stillSafe: [holds.standby(member), holds.pointsAt(member, connection)],
            achieved: [holds.pointsAt(member, before), holds.slotIdle(primary.member, slotNameOf(standby))],
          },
  };
}

/** Two statements: ALTER SYSTEM may not share a message with another. */
function pointAt(standby: Server, connection: string): Effect {
  return {
    kind: "calls",
    calls: [
      statement(standby, `ALTER SYSTEM SET primary_conninfo = ${literal(connection)}`),
      statement(standby, "SELECT pg_reload_conf()"),
    ],
  };
}

/** Makes a stopped server start as a standby. Lines at the end of postgresql.auto.conf win over earlier ones. */
export function makeStandby(server: Server, connection: string, slot: string): Step {
  const { dataDirectory, account } = server.site.settings;
  const signal = `${dataDirectory}/standby.signal`;
  // PostgreSQL reads no content of the signal; a mark in it proves to later readings that the lines before it were written.
  const mark = freshMark(server, markOf(connection, slot));
  // The configuration first: a server that starts with the signal alone would wait for ever, one without it would be a second primary.
  const script = 'cat >> "$1" && printf "%s\\n" "$3" > "$2"';
  return {
    title: sentence("postgresql/step.makeStandby", { member: server.member }),
    node: server.node,
    effect: {
      kind: "run",
      command: {
        argv: ["/bin/sh", "-c", script, "sh", `${dataDirectory}/postgresql.auto.conf`, signal, mark],
        stdin: standbyLines(connection, slot),
        runAs: account,
      },
    },
    undo: noUndo("postgresql/no-undo.standby", server.member),
    changes: true,
    deadlineMs: 15_000,
    stillSafe: [holds.stopped(server.member)],
    achieved: [holds.stopped(server.member), holds.setAsStandby(server.member, mark)],
  };
}

/** What a standby is told in postgresql.auto.conf. */
export function standbyLines(connection: string, slot: string): string {
  return `primary_conninfo = ${literal(connection)}\nprimary_slot_name = ${literal(slot)}\n`;
}

/** The mark of a server whose data were made the primary's. */
export function standbyMark(how: string, server: Server, primary: Server, connection: string, slot: string): string {
  const timeline = primary.standing.kind === "primary" ? primary.standing.state.timeline : null;
  return freshMark(server, markOf(`${how}/${timeline ?? "?"}/${connection}`, slot));
}

/** Never the mark that is there already, which would show a step that failed as one that took effect. */
function freshMark({ liveness }: Server, mark: string): string {
  return liveness.kind === "value" && liveness.value.standbyMark === mark ? `${mark}/again` : mark;
}

/** One word, so that a shell's `read` gives it back as it is. */
function markOf(connection: string, slot: string): string {
  return `${connection} ${slot}`.replace(/[^A-Za-z0-9_.:=-]+/g, "/");
}

export function literal(text: string): string {
  const quoted = text.replaceAll("'", "''");
  // With a backslash PostgreSQL reads the escape form, whatever standard_conforming_strings says.
  return text.includes("\\") ? `E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}
