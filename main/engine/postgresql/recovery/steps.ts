import { sentence, type Sentence } from "../../../../contract/sentence";
import type { Command } from "../../../ssh/access";
import type { Effect, Step } from "../../engine";
import { loginOf } from "../settings";
import { connectionWord, isStreamingFrom, primariesOf, type Server, type ServersSnapshot } from "../snapshot";

/** A step of a PostgreSQL recovery; the builders below differ in what they send and in what shows that it took effect. */
export type PostgresqlStep = Step<ServersSnapshot>;

const stopMs = 90_000;
const startMs = 90_000;
const promoteMs = 60_000;
const statementMs = 30_000;
const joinMs = 60_000;

export function serverIn(snapshot: ServersSnapshot, member: string): Server | null {
  return snapshot.servers.find((server) => server.member === member) ?? null;
}

/** Nothing in the way. */
export const always = (): Sentence | null => null;

/** Evidence from the host that no postmaster runs there. Silence is not evidence. */
export function provenStopped(snapshot: ServersSnapshot, member: string): Sentence | null {
  const standing = serverIn(snapshot, member)?.standing.kind;
  return standing === "stopped" ? null : sentence("postgresql/not-proven-stopped", { member });
}

export function isPrimary(snapshot: ServersSnapshot, member: string): Sentence | null {
  return serverIn(snapshot, member)?.standing.kind === "primary"
    ? null
    : sentence("postgresql/is-not-primary", { member });
}

export function isStandby(snapshot: ServersSnapshot, member: string): Sentence | null {
  return serverIn(snapshot, member)?.standing.kind === "standby"
    ? null
    : sentence("postgresql/is-not-standby", { member });
}

/** Both null, or the first that is not. */
export function both(...reasons: readonly (Sentence | null)[]): Sentence | null {
  return reasons.find((reason) => reason !== null) ?? null;
}

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

function statement(server: Server, text: string): Effect {
  return { kind: "postgres", login: loginOf(server.site), statement: text };
}

export function stopServer(server: Server, stillSafe: PostgresqlStep["stillSafe"]): PostgresqlStep {
  return {
    title: sentence("postgresql/step.stop", { member: server.member }),
    node: server.node,
    effect: stop(server),
    undo: start(server),
    changes: true,
    deadlineMs: stopMs,
    stillSafe,
    achieved: (now) => provenStopped(now, server.member),
  };
}

export function startServer(server: Server, achieved: PostgresqlStep["achieved"]): PostgresqlStep {
  return {
    title: sentence("postgresql/step.start", { member: server.member }),
    node: server.node,
    effect: start(server),
    undo: stop(server),
    changes: true,
    deadlineMs: startMs,
    stillSafe: (now) => provenStopped(now, server.member),
    achieved,
  };
}

/**
 * Ends a server that has a process and answers nobody. The postmaster's children outlive it when they are stopped too, and hold
 * its shared memory; they are ended with it.
 */
export function killHungServer(server: Server, pid: number): PostgresqlStep {
  const script = `kill -KILL ${pid} $(cat /proc/${pid}/task/${pid}/children)`;
  const command: Command = { argv: ["/bin/sh", "-c", script], runAs: server.site.settings.account };
  return {
    title: sentence("postgresql/step.kill", { member: server.member, pid }),
    node: server.node,
    effect: { kind: "run", command },
    changes: true,
    deadlineMs: 15_000,
    stillSafe: (now) => {
      const standing = serverIn(now, server.member)?.standing;
      return standing?.kind === "hung" && standing.pid === pid
        ? null
        : sentence("postgresql/no-longer-hung", { member: server.member, pid });
    },
    achieved: (now) => provenStopped(now, server.member),
  };
}

export function promote(server: Server, stillSafe: PostgresqlStep["stillSafe"]): PostgresqlStep {
  return {
    title: sentence("postgresql/step.promote", { member: server.member }),
    node: server.node,
    effect: pgCtl(server, "promote", "-w", "-t", "50"),
    changes: true,
    deadlineMs: promoteMs,
    stillSafe: (now) =>
      both(
        isStandby(now, server.member),
        primariesOf(now).length === 0 ? null : sentence("postgresql/a-primary-is-there"),
        stillSafe(now),
      ),
    achieved: (now) => isPrimary(now, server.member),
  };
}

/** Before it, the control file names the old timeline, and a server that joins now would be told the wrong one (15 and 18). */
export function checkpoint(server: Server): PostgresqlStep {
  return {
    title: sentence("postgresql/step.checkpoint", { member: server.member }),
    node: server.node,
    effect: statement(server, "CHECKPOINT"),
    changes: true,
    deadlineMs: statementMs,
    stillSafe: (now) => isPrimary(now, server.member),
    achieved: (now) => isPrimary(now, server.member),
  };
}

/** The name of the slot a server uses, or will use, on its primary. */
export function slotNameOf(server: Server): string {
  const configured = server.state.kind === "value" ? server.state.value.primarySlotName : "";
  return configured !== "" ? configured : `slot_${server.member.toLowerCase().replace(/[^a-z0-9_]/g, "_")}`;
}

export function createSlot(primary: Server, slot: string): PostgresqlStep {
  return {
    title: sentence("postgresql/step.createSlot", { member: primary.member, slot }),
    node: primary.node,
    effect: statement(primary, `SELECT pg_create_physical_replication_slot(${literal(slot)}, true)`),
    undo: statement(primary, `SELECT pg_drop_replication_slot(${literal(slot)})`),
    changes: true,
    deadlineMs: statementMs,
    stillSafe: (now) => isPrimary(now, primary.member),
    achieved: (now) =>
      hasSlot(serverIn(now, primary.member), slot)
        ? null
        : sentence("postgresql/slot-not-there", { member: primary.member, slot }),
  };
}

/** True only where the slots were read and it is among them. */
export function hasSlot(server: Server | null, slot: string): boolean {
  return server?.slots.kind === "value" && server.slots.value.some(({ name }) => name === slot);
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

function connectionValue(value: string): string {
  return /^[A-Za-z0-9_.:-]+$/.test(value) ? value : `'${value.replace(/['\\]/g, "\\$&")}'`;
}

/** Whether the string shows how to log in; a password in it was not read and cannot be written anew. */
export function canBeModel(server: Server): boolean {
  if (server.state.kind !== "value") return false;
  const { primaryConnection, primaryConnectionHasPassword } = server.state.value;
  return !primaryConnectionHasPassword && connectionWord(primaryConnection, "user") !== null;
}

/** Two statements: ALTER SYSTEM may not share a message with another. A running standby follows without a restart. */
export function follow(standby: Server, primary: Server, connection: string): readonly PostgresqlStep[] {
  const before = standby.state.kind === "value" ? standby.state.value.primaryConnection : null;
  const facts = { member: standby.member, primary: primary.member };
  return [
    {
      title: sentence("postgresql/step.pointAt", facts),
      node: standby.node,
      effect: statement(standby, `ALTER SYSTEM SET primary_conninfo = ${literal(connection)}`),
      ...(before !== null && { undo: statement(standby, `ALTER SYSTEM SET primary_conninfo = ${literal(before)}`) }),
      changes: true,
      deadlineMs: statementMs,
      stillSafe: (now) => both(isStandby(now, standby.member), isPrimary(now, primary.member)),
      achieved: always,
    },
    {
      title: sentence("postgresql/step.reload", { member: standby.member }),
      node: standby.node,
      effect: statement(standby, "SELECT pg_reload_conf()"),
      changes: true,
      deadlineMs: joinMs,
      stillSafe: (now) => isStandby(now, standby.member),
      achieved: (now) => streamsFrom(now, standby.member, primary.member),
    },
  ];
}

/** Makes a stopped server start as a standby. Lines at the end of postgresql.auto.conf win over earlier ones. */
export function makeStandby(server: Server, connection: string, slot: string): PostgresqlStep {
  const { dataDirectory, account } = server.site.settings;
  const lines = `primary_conninfo = ${literal(connection)}\nprimary_slot_name = ${literal(slot)}\n`;
  const signal = `${dataDirectory}/standby.signal`;
  // The configuration first: a server that starts with the signal alone would wait for ever, one without it would be a second primary.
  const script = 'cat >> "$1" && : > "$2"';
  return {
    title: sentence("postgresql/step.makeStandby", { member: server.member }),
    node: server.node,
    effect: {
      kind: "run",
      command: {
        argv: ["/bin/sh", "-c", script, "sh", `${dataDirectory}/postgresql.auto.conf`, signal],
        stdin: lines,
        runAs: account,
      },
    },
    changes: true,
    deadlineMs: 15_000,
    stillSafe: (now) => provenStopped(now, server.member),
    achieved: (now) => provenStopped(now, server.member),
  };
}

export function streamsFrom(now: ServersSnapshot, member: string, primaryMember: string): Sentence | null {
  const primary = serverIn(now, primaryMember)?.standing;
  const standby = serverIn(now, member)?.standing;
  if (primary?.kind !== "primary") return sentence("postgresql/is-not-primary", { member: primaryMember });
  if (standby?.kind !== "standby") return sentence("postgresql/is-not-standby", { member });
  return isStreamingFrom(standby.state, primary.state)
    ? null
    : sentence("postgresql/does-not-stream", { member, primary: primaryMember });
}

export function literal(text: string): string {
  const quoted = text.replaceAll("'", "''");
  // With a backslash PostgreSQL reads the escape form, whatever standard_conforming_strings says.
  return text.includes("\\") ? `E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}
