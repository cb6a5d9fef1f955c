import type { Duplex } from "node:stream";
import { Client, DatabaseError } from "pg";
import type { NodeAccess } from "../../ssh/access";
import { SshError } from "../../ssh/ssh-error";
import type { PostgresCall, PostgresLogin } from "../probe";
import { WireError } from "../wire-error";
import { withDeadline } from "./deadline";
import { OutcomeUnknown, targetName, type PasswordSource } from "./wire";

/** Every value as PostgreSQL's own text, so that a recording replays exactly what the server sent. */
type PostgresRow = Readonly<Record<string, string | null>>;

export interface PostgresWire {
  call(access: NodeAccess, call: PostgresCall, deadlineMs: number): Promise<string>;
  close(): void;
}

const service = "PostgreSQL";

interface Session {
  readonly client: Client;
  /** Statements of one session run one after another. */
  last: Promise<unknown>;
  isUsable: boolean;
}

/** One session a member, kept open unless a call ends it: a new one would start a process on the node at every read. */
export function createPostgresWire(passwords: PasswordSource): PostgresWire {
  const sessions = new Map<string, Promise<Session>>();

  function sessionOf(access: NodeAccess, login: PostgresLogin, deadlineMs: number): Promise<Session> {
    const key = `${access.node} ${targetName(login.target)} ${login.user} ${login.database}`;
    const existing = sessions.get(key);
    if (existing !== undefined) return existing;
    const made = openSession(access, login, deadlineMs, passwords, () => sessions.delete(key));
    sessions.set(key, made);
    made.catch(() => sessions.delete(key));
    return made;
  }

  return {
    call: async (access, { login, statement, endsSession }, deadlineMs) => {
      const startedAt = performance.now();
      const session = await (endsSession === true
        ? openSession(access, login, deadlineMs, passwords, () => undefined)
        : sessionOf(access, login, deadlineMs));
      const leftMs = deadlineMs - (performance.now() - startedAt);
      const answer = session.last.then(() => ask(session, access.node, statement, leftMs));
      session.last = answer.catch(() => undefined);
      try {
        return JSON.stringify(await answer);
      } finally {
        if (endsSession === true) drop(session);
      }
    },
    close: () => {
      for (const session of sessions.values()) session.then(drop, () => undefined);
      sessions.clear();
    },
  };
}

async function openSession(
  access: NodeAccess,
  login: PostgresLogin,
  deadlineMs: number,
  passwords: PasswordSource,
  gone: () => void,
): Promise<Session> {
  const stream = await access.dial(login.target, { deadlineMs });
  let firstBytes = "";
  stream.on("data", (chunk: Buffer) => (firstBytes = (firstBytes + chunk.toString("latin1")).slice(0, 60)));
  let attempt = 0;
  const client = new Client({
    user: login.user,
    database: login.database,
    application_name: "evenkeel",
    stream: () => connected(stream),
    password: async () => {
      attempt += 1;
      const password = await passwords.password(access.node, { service, ...login });
      if (password === null) throw new WireError("password-missing", { service, node: access.node, user: login.user });
      return password;
    },
    types: { getTypeParser: () => (text: string) => text },
  });
  const session: Session = { client, last: Promise.resolve(), isUsable: true };
  const lost = (): void => {
    session.isUsable = false;
    gone();
  };
  client.on("error", lost);
  client.on("end", lost);
  stream.on("close", lost);
  await withDeadline(client.connect(), deadlineMs, { service, node: access.node }, () => drop(session)).catch(
    (error: unknown) => {
      drop(session);
      const problem = notSilent(toWireError(error, access.node, login), firstBytes, access.node);
      if (problem instanceof WireError && problem.kind === "login-refused" && attempt > 0)
        passwords.refused(access.node, { service, ...login });
      throw problem;
    },
  );
  if (attempt > 0) passwords.accepted(access.node, { service, ...login });
  return session;
}

/** Something that speaks, and not PostgreSQL's language, is not silent: the port is another service's. */
function notSilent(problem: WireError | SshError, firstBytes: string, node: string): WireError | SshError {
  return problem.kind === "silent" && firstBytes !== ""
    ? new WireError("garbled", { service, node, problem: JSON.stringify(firstBytes) })
    : problem;
}

/** pg asks its stream to connect and waits for the event; a dialled stream is connected already. */
function connected(stream: Duplex): Duplex {
  return Object.assign(stream, { connect: () => void process.nextTick(() => stream.emit("connect")) });
}

async function ask(
  session: Session,
  node: string,
  statement: string,
  deadlineMs: number,
): Promise<readonly PostgresRow[]> {
  if (!session.isUsable) throw new WireError("connection-lost", { service, node, problem: "it had just ended" });
  const sent = session.client.query<Record<string, string | null>>(statement);
  try {
    const result = await withDeadline(sent, deadlineMs, { service, node }, () => drop(session));
    return Array.isArray(result) ? [] : result.rows;
  } catch (error) {
    const problem = toWireError(error, node, null);
    // An answer of the server settles the statement; anything else leaves it open whether it ran.
    if (error instanceof DatabaseError && !error.code?.startsWith("57P")) throw problem;
    throw new OutcomeUnknown(problem);
  }
}

function drop(session: Session): void {
  session.isUsable = false;
  // `end` would wait for a server that may be silent.
  (session.client as unknown as { connection: { stream: Duplex } }).connection.stream.destroy();
}

/** SQLSTATE codes of PostgreSQL, appendix A. */
function toWireError(error: unknown, node: string, login: PostgresLogin | null): WireError | SshError {
  if (error instanceof WireError || error instanceof SshError) return error;
  const problem = error instanceof Error ? error.message : String(error);
  const facts = { service, node, problem, user: login?.user ?? "", database: login?.database ?? "" };
  if (!(error instanceof DatabaseError)) return new WireError("connection-lost", facts, error);
  switch (error.code) {
    case "28000":
    case "28P01":
      return new WireError("login-refused", facts, error);
    case "3D000":
      return new WireError("database-missing", facts, error);
    case "53300":
      return new WireError("too-many-clients", facts, error);
    case "57P03":
      return new WireError(/shutting down/.test(problem) ? "shutting-down" : "starting-up", facts, error);
    case "57P01":
    case "57P02":
      return new WireError("shutting-down", facts, error);
    case "42501":
      return new WireError("permission-denied", facts, error);
    default:
      return new WireError("statement-failed", { ...facts, code: error.code ?? "" }, error);
  }
}
