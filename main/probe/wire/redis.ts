import type { Duplex } from "node:stream";
import RedisParser from "redis-parser";
import type { NodeAccess } from "../../ssh/access";
import type { RedisCall, RedisLogin } from "../probe";
import { WireError } from "../wire-error";
import { withDeadline } from "./deadline";
import { OutcomeUnknown, targetName, type PasswordSource, type ServiceLogin } from "./wire";

export interface RedisWire {
  call(access: NodeAccess, call: RedisCall, deadlineMs: number): Promise<string>;
  close(): void;
}

interface Pending {
  readonly answer: (reply: unknown) => void;
  readonly lost: (error: WireError) => void;
}

interface Session {
  /** Settles with the reply, which may be an Error that the server sent. */
  send(command: readonly string[]): Promise<unknown>;
  readonly isUsable: () => boolean;
  /** Gives it up; who still waits is told that the server is silent, which is why it is given up. */
  silence(): void;
  drop(): void;
}

/**
 * One kept connection a server and login. The codec is redis-parser's; the connection is this file's own because a client library
 * reconnects and sends again by itself, and a command that changes something may never be sent twice.
 */
export function createRedisWire(passwords: PasswordSource): RedisWire {
  const sessions = new Map<string, Promise<Session>>();

  function sessionOf(access: NodeAccess, login: RedisLogin, deadlineMs: number): Promise<Session> {
    const key = `${access.node} ${targetName(login.target)} ${login.user}`;
    const existing = sessions.get(key);
    if (existing !== undefined) return existing;
    const made = openSession(access, login, deadlineMs, passwords, () => sessions.delete(key));
    sessions.set(key, made);
    made.catch(() => sessions.delete(key));
    return made;
  }

  return {
    call: async (access, { login, command }, deadlineMs) => {
      const startedAt = performance.now();
      const about = aboutOf(access, login);
      const session = await sessionOf(access, login, deadlineMs);
      if (!session.isUsable()) throw new WireError("connection-lost", { ...about, problem: "it had just ended" });
      const leftMs = deadlineMs - (performance.now() - startedAt);
      const sent = withDeadline(session.send(command), leftMs, about, session.silence);
      // Only a reply settles what was sent, and it settles it whatever it says; one that cannot be read is none.
      const reply = await sent.catch((error: unknown) => {
        throw error instanceof WireError ? new OutcomeUnknown(error) : error;
      });
      return JSON.stringify(plain(refusing(reply, about)));
    },
    close: () => {
      for (const session of sessions.values())
        session.then(
          (one) => one.drop(),
          () => undefined,
        );
      sessions.clear();
    },
  };
}

interface About {
  readonly service: string;
  readonly node: string;
  readonly user: string;
}

function aboutOf(access: NodeAccess, login: RedisLogin): About {
  return { service: "Redis", node: access.node, user: login.user === "" ? "default" : login.user };
}

async function openSession(
  access: NodeAccess,
  login: RedisLogin,
  deadlineMs: number,
  passwords: PasswordSource,
  gone: () => void,
): Promise<Session> {
  const stream = await access.dial(login.target, { deadlineMs });
  const about = aboutOf(access, login);
  const session = speak(stream, about, deadlineMs, gone);
  try {
    // PING before a login is refused with NOAUTH where one is needed, and answered where none is.
    const first = await withDeadline(session.send(["PING"]), deadlineMs, about, session.silence);
    const refusal = first instanceof Error ? first.message : "";
    // Both are said unasked, and the connection is closed.
    if (refusal.startsWith("DENIED")) throw new WireError("login-refused", { ...about, problem: refusal });
    if (/max number of clients/i.test(refusal)) throw new WireError("too-many-clients", { ...about, problem: refusal });
    if (refusal.startsWith("NOAUTH") || login.user !== "") await logIn(session, access, login, deadlineMs, passwords);
    return session;
  } catch (error) {
    session.drop();
    throw error;
  }
}

async function logIn(
  session: Session,
  access: NodeAccess,
  login: RedisLogin,
  deadlineMs: number,
  passwords: PasswordSource,
): Promise<void> {
  const about = aboutOf(access, login);
  const asked: ServiceLogin = { service: about.service, user: about.user, target: login.target };
  const password = await passwords.password(access.node, asked);
  if (password === null) throw new WireError("password-missing", { ...about });
  const words = login.user === "" ? ["AUTH", password] : ["AUTH", login.user, password];
  const reply = await withDeadline(session.send(words), deadlineMs, about, session.silence);
  if (!(reply instanceof Error)) return passwords.accepted(access.node, asked);
  passwords.refused(access.node, asked);
  throw new WireError("login-refused", { ...about, problem: reply.message });
}

function speak(stream: Duplex, about: About, deadlineMs: number, gone: () => void): Session {
  const waiting: Pending[] = [];
  let usable = true;
  const end = (error: WireError): void => {
    if (!usable) return;
    usable = false;
    gone();
    stream.destroy();
    for (const pending of waiting.splice(0)) pending.lost(error);
  };
  const lose = (problem: string): void => end(new WireError("connection-lost", { ...about, problem }));
  const parser = new RedisParser({
    returnReply: (reply: unknown) => waiting.shift()?.answer(reply),
    returnError: (error: Error) => waiting.shift()?.answer(error),
    returnFatalError: (error: Error) => end(new WireError("garbled", { ...about, problem: error.message })),
    stringNumbers: false,
  });
  stream.on("data", (chunk: Buffer) => parser.execute(chunk));
  stream.on("error", (error: Error) => lose(error.message));
  // A channel of SSH stays half open after the server's end, and would never close by itself.
  for (const event of ["end", "close"]) stream.on(event, () => lose("the server closed it"));
  return {
    send: (command) =>
      new Promise((answer, lost) => {
        waiting.push({ answer, lost });
        stream.write(encode(command));
      }),
    isUsable: () => usable,
    silence: () => end(new WireError("silent", { ...about, deadlineMs: Math.round(deadlineMs) })),
    drop: () => lose("given up"),
  };
}

/** `*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n` */
function encode(command: readonly string[]): string {
  return `*${command.length}\r\n${command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}

/** What the login may not do is no answer of the cluster's; every other error reply is, and is handed on as one. */
function refusing(reply: unknown, about: About): unknown {
  if (!(reply instanceof Error)) return reply;
  if (/^(NOAUTH|WRONGPASS)/.test(reply.message))
    throw new WireError("login-refused", { ...about, problem: reply.message });
  if (reply.message.startsWith("NOPERM"))
    throw new WireError("permission-denied", { ...about, problem: reply.message });
  return reply;
}

function plain(reply: unknown): unknown {
  if (reply instanceof Error) return { error: reply.message };
  return Array.isArray(reply) ? reply.map(plain) : reply;
}
