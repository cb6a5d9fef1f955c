import { readFile } from "node:fs/promises";
import { Agent, request, type ClientRequest, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { NodeAccess } from "../../ssh/access";
import { SshError } from "../../ssh/ssh-error";
import type { HttpCall, HttpLogin } from "../probe";
import { WireError } from "../wire-error";
import { withDeadline } from "./deadline";
import { OutcomeUnknown, targetName } from "./wire";

const mostBytes = 16 << 20;

export interface HttpWire {
  call(access: NodeAccess, call: HttpCall, deadlineMs: number): Promise<string>;
  close(): void;
}

/** Plain HTTP/1.1 over dialled streams, kept open for reads; TLS is spoken on this side, with the desktop's files. */
export function createHttpWire(): HttpWire {
  const kept = new Map<string, DialAgent>();

  function keptAgent(access: NodeAccess, login: HttpLogin): DialAgent {
    const key = `${access.node} ${login.service} ${targetName(login.target)}`;
    const agent = kept.get(key) ?? new DialAgent({ keepAlive: true, maxSockets: 2 });
    kept.set(key, agent);
    return agent;
  }

  async function read(access: NodeAccess, call: HttpCall, deadlineMs: number): Promise<string> {
    const agent = keptAgent(access, call.login);
    try {
      return await exchange(access, call, agent, deadlineMs);
    } catch (error) {
      // A kept connection that the service has just closed says nothing about the service; a read may be asked again.
      if (!(error instanceof OutcomeUnknown) || error.problem.kind !== "connection-lost") throw error;
      return exchange(access, call, agent, deadlineMs);
    }
  }

  return {
    // What changes something goes out once, on a connection of its own.
    call: (access, call, deadlineMs) =>
      call.method === "GET" || call.reads === true
        ? read(access, call, deadlineMs)
        : exchange(access, call, new DialAgent({ keepAlive: false }), deadlineMs),
    close: () => {
      for (const agent of kept.values()) agent.destroy();
      kept.clear();
    },
  };
}

class DialAgent extends Agent {
  dial: () => Promise<Duplex> = () => Promise.reject(new Error("nothing to dial"));

  override createConnection(
    _options: unknown,
    done?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    this.dial().then(
      (stream) => done?.(null, stream),
      // The typings want a stream beside the error; Node takes none.
      (error: unknown) => done?.(error as Error, undefined as unknown as Duplex),
    );
    return undefined;
  }
}

interface About {
  readonly service: string;
  readonly node: string;
}

async function exchange(access: NodeAccess, call: HttpCall, agent: DialAgent, deadlineMs: number): Promise<string> {
  const { target, service } = call.login;
  const about: About = { service, node: access.node };
  agent.dial = () => dialled(access, call.login, about, deadlineMs);
  const outgoing = request({
    host: target.kind === "tcp" ? target.host : "localhost",
    port: target.kind === "tcp" ? target.port : 80,
    method: call.method,
    path: call.path,
    agent,
    headers: {
      accept: "application/json, text/plain",
      ...(call.body !== undefined && {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(call.body),
      }),
    },
  });
  const sending = { hasBegun: false };
  outgoing.once("socket", () => (sending.hasBegun = true));
  try {
    return await withDeadline(answerOf(outgoing, call.body, about), deadlineMs, about, () => outgoing.destroy());
  } catch (error) {
    const problem =
      error instanceof SshError || error instanceof WireError
        ? error
        : new WireError("connection-lost", {
            ...about,
            problem: error instanceof Error ? error.message : String(error),
          });
    if (sending.hasBegun) throw new OutcomeUnknown(problem);
    throw problem;
  }
}

function answerOf(outgoing: ClientRequest, body: string | undefined, about: About): Promise<string> {
  return new Promise((resolve, reject) => {
    // Errors may come after the first, and one that nobody listens to would end the core.
    outgoing.on("error", reject);
    outgoing.once("response", (response) => void readAnswer(response, about).then(resolve, reject));
    outgoing.end(body);
  });
}

function readAnswer(response: IncomingMessage, about: About): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= mostBytes) return;
      response.destroy();
      reject(new WireError("garbled", { ...about, problem: `more than ${mostBytes} bytes` }));
    });
    response.on("error", reject);
    response.once("end", () => {
      const head = `HTTP/1.1 ${response.statusCode ?? 0} ${response.statusMessage ?? ""}`;
      resolve(`${head}\n\n${Buffer.concat(chunks).toString("utf8")}`);
    });
  });
}

async function dialled(access: NodeAccess, login: HttpLogin, about: About, deadlineMs: number): Promise<Duplex> {
  const stream = await access.dial(login.target, { deadlineMs });
  // A stream that nobody asked for any more ends with an error, and one that nobody listens to would end the core.
  stream.on("error", () => undefined);
  if (login.tls === null) return stream;
  const { serverName, caFile, certFile, keyFile } = login.tls;
  const secured = connectTls({
    socket: stream,
    servername: serverName,
    ...(await optionalFile("ca", caFile, about)),
    ...(await optionalFile("cert", certFile, about)),
    ...(await optionalFile("key", keyFile, about)),
  });
  const ready = new Promise<Duplex>((resolve, reject) => {
    secured.once("secureConnect", () => resolve(secured));
    secured.on("error", (error: Error) =>
      reject(new WireError("tls-refused", { ...about, problem: error.message }, error)),
    );
  });
  return withDeadline(ready, deadlineMs, about, () => stream.destroy());
}

async function optionalFile(name: string, path: string, about: About): Promise<Readonly<Record<string, Buffer>>> {
  if (path === "") return {};
  try {
    return { [name]: await readFile(path) };
  } catch (error) {
    throw new WireError("certificate-unreadable", { ...about, problem: (error as Error).message }, error);
  }
}
