import { userInfo } from "node:os";
import type { Answer, Question } from "../../contract/inventory";
import { systemClock } from "../../main/clock";
import type { Asker } from "../../main/ssh/asker";
import { connect, type ConnectionParts } from "../../main/ssh/connection";
import { createGate } from "../../main/ssh/gate";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import type { ResolvedLogin } from "../../main/ssh/resolved-login";
import { createSessionSecrets } from "../../main/ssh/session-secrets";
import { SshError } from "../../main/ssh/ssh-error";
import type { Connection } from "../../main/ssh/transport";

type Asked = Parameters<Asker["ask"]>[0];

/** The person at the desktop, who answers each kind of question in one way and remembers what was asked. */
export interface Person extends Asker {
  readonly asked: Asked[];
}

export function createPerson(answer: (question: Asked) => Answer = () => ({ kind: "refuse" })): Person {
  const asked: Asked[] = [];
  return {
    asked,
    ask: (question) => {
      asked.push(question);
      return Promise.resolve(answer(question));
    },
  };
}

export const secret = (text: string, forAllHosts = false): Answer => ({
  kind: "secret",
  secret: text,
  keep: false,
  forAllHosts,
});
export const kindsOf = (person: Person): readonly Question["kind"][] => person.asked.map(({ kind }) => kind);

/** A login to loopback with everything said, so that nothing of this machine's own configuration plays in. */
export function loginTo(port: number, said: Partial<ResolvedLogin> = {}): ResolvedLogin {
  return {
    host: "node",
    hostName: "127.0.0.1",
    port,
    user: userInfo().username,
    identityFiles: [],
    areIdentitiesNamed: true,
    identitiesOnly: true,
    identityAgent: null,
    userKnownHostsFiles: [],
    globalKnownHostsFiles: [],
    hostKeyAlias: null,
    strictHostKeyChecking: "accept-new",
    hashKnownHosts: false,
    mayUseTicket: false,
    connectTimeoutMs: 5_000,
    jumps: [],
    needsSystemSsh: null,
    ...said,
  };
}

/** Connects and tells how it went by the error's kind; `connected` when it did. The connection is closed again. */
export async function outcomeOf(login: ResolvedLogin, parts: Partial<ConnectionParts> = {}): Promise<string> {
  try {
    (await connectTo(login, parts)).close();
    return "connected";
  } catch (error) {
    if (error instanceof SshError) return error.kind;
    throw error;
  }
}

export function connectTo(login: ResolvedLogin, parts: Partial<ConnectionParts> = {}): Promise<Connection> {
  const secrets = createSessionSecrets();
  const standard = { clock: systemClock, asker: createPerson(), hostKeys: hostKeyCheck, gateOf: () => createGate() };
  return connect(login, { ...standard, secrets, ...parts });
}

/** The error of a connection that must not come about. */
export async function refusalOf(login: ResolvedLogin, parts: Partial<ConnectionParts> = {}): Promise<SshError> {
  try {
    (await connectTo(login, parts)).close();
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
  throw new Error("it connected");
}
