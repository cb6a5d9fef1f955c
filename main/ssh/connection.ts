import type { Duplex } from "node:stream";
import {
  Client,
  type AnyAuthMethod,
  type ConnectConfig,
  type NegotiatedAlgorithms,
  type ServerHostKeyAlgorithm,
} from "ssh2";
import type { Clock } from "../clock";
import { allowedAlgorithms, openToPrefixTruncation, readCryptoAbilities } from "./algorithms";
import type { Asker } from "./asker";
import { dialBy, openShellOf } from "./built-in-channels";
import type { Gate } from "./gate";
import { createHandshakeLog, stopLogging, type HandshakeLog } from "./handshake-log";
import type { HostKeyCheck } from "./host-key-check";
import { createHostVerifier } from "./host-verifier";
import { createLoginAttempts, type LoginAttempts } from "./login-attempts";
import { createPatience, type Patience } from "./patience";
import type { Passphrases } from "./private-key";
import { isCertificateType } from "./public-key";
import type { ResolvedLogin } from "./resolved-login";
import { SshError } from "./ssh-error";
import { createLoss, type Connection, type Loss } from "./transport";

export interface ConnectionParts {
  readonly clock: Clock;
  readonly asker: Asker;
  readonly hostKeys: HostKeyCheck;
  readonly passphrases: Passphrases;
  /** The line before one sshd: so many logins at once, and no more. */
  readonly gateOf: (hop: ResolvedLogin) => Gate;
}

/** Twenty seconds from silence to certainty: three unanswered questions, five seconds apart, and the one after. */
const keepaliveIntervalMs = 5_000;
const keepaliveCountMax = 3;
const stageMs = 15_000;

const algorithms = allowedAlgorithms(readCryptoAbilities());

/** Logs in by ssh2 on the target through its jump hosts, each hop with its own login and its own host key. Throws SshError. */
export async function connect(login: ResolvedLogin, parts: ConnectionParts): Promise<Connection> {
  const clients: Client[] = [];
  const loss = createLoss();
  const close = (): void => {
    // Inner first: an outer client that ends does not tell the one on top of it.
    for (const client of [...clients].reverse()) client.destroy();
  };
  loss.listen(close);
  try {
    for (const hop of [...login.jumps, login]) {
      const below = clients[clients.length - 1];
      await parts.gateOf(hop).through(async () => {
        const stream = below === undefined ? null : await dialThrough(below, hop, loss);
        const client = new Client();
        clients.push(client);
        client.on("error", (error) => loss.lose(lostError(hop, error)));
        client.on("close", () =>
          loss.lose(new SshError("link-lost", hop.host, { problem: "the connection was closed" })),
        );
        await logIn(client, hop, stream, parts, loss);
      });
    }
  } catch (error) {
    close();
    throw error;
  }
  const client = clients[clients.length - 1];
  if (client === undefined) throw new SshError("closed", login.host);
  return {
    login,
    openShell: () => openShellOf(client, login.host, loss.listen),
    dial: (target, deadlineMs) => dialBy(client, target, deadlineMs, login.host, loss.listen),
    onLost: loss.listen,
    close: () => loss.lose(new SshError("closed", login.host)),
  };
}

/** The stream that carries the next hop closes at once when it is destroyed; over a bare channel of ssh2 the client on it would wait for ever. */
async function dialThrough(below: Client, hop: ResolvedLogin, loss: Loss): Promise<Duplex> {
  const target = { kind: "tcp", host: hop.hostName, port: hop.port } as const;
  try {
    return await dialBy(below, target, stageMs, hop.host, loss.listen);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    if (error.kind === "deadline") throw new SshError("silent", hop.host, { stage: "jump" }, error);
    if (error.kind !== "dial-refused") throw error;
    const problem = String(error.facts["problem"]);
    throw new SshError("unreachable", hop.host, { address: hop.hostName, port: hop.port, problem }, error);
  }
}

async function logIn(
  client: Client,
  hop: ResolvedLogin,
  stream: Duplex | null,
  parts: ConnectionParts,
  loss: Loss,
): Promise<void> {
  const serverHostKey = await parts.hostKeys.offerOrder(hop);
  const handshake = createHandshakeLog();
  let refusal: SshError | null = null;
  await new Promise<void>((resolve, reject) => {
    const patience = createPatience(hop.connectTimeoutMs + stageMs, () =>
      reject(new SshError("silent", hop.host, { stage: "login" })),
    );
    const asker = patientAsker(parts.asker, patience, loss);
    const attempts = createLoginAttempts(hop, { ...parts, asker });
    const settle = (error: SshError | null): void => {
      patience.stop();
      if (error === null) resolve();
      else reject(error);
    };
    client.once("ready", () => settle(null));
    loss.listen((error) => settle(refusal ?? attempts.failure() ?? disagreed(hop, handshake) ?? error));
    client.once("handshake", (agreed) => {
      stopLogging(client);
      refusal ??= unsafeHandshake(hop, agreed, handshake);
      if (refusal !== null) loss.lose(refusal);
    });
    client.connect({
      ...(stream === null ? { host: hop.hostName, port: hop.port } : { sock: stream }),
      username: hop.user,
      readyTimeout: 0,
      keepaliveInterval: keepaliveIntervalMs,
      keepaliveCountMax,
      algorithms: { ...algorithms, serverHostKey: [...serverHostKey] as ServerHostKeyAlgorithm[] },
      hostVerifier: createHostVerifier(hop, parts.hostKeys, asker, (error) => (refusal = error)),
      authHandler: authHandlerOf(attempts),
      debug: handshake.note,
    });
    // A forwarded keystroke waits 40 ms for company otherwise; on a channel below there is no socket to tell.
    client.once("connect", () => void (stream === null && client.setNoDelay(true)));
  });
}

/** The clock of this side stands still while a person thinks; a question is withdrawn when its connection is gone. */
function patientAsker(asker: Asker, patience: Patience, loss: Loss): Asker {
  const gone = new AbortController();
  loss.listen(() => gone.abort());
  return {
    ask: async (question) => {
      patience.pause();
      try {
        return await asker.ask(question, gone.signal);
      } finally {
        patience.resume();
      }
    },
  };
}

function disagreed(hop: ResolvedLogin, handshake: HandshakeLog): SshError | null {
  const found = handshake.disagreement();
  if (found === null) return null;
  const { what, ours, theirs } = found;
  const names = theirs.split(",");
  if (what === "Host key format" && names.every((name) => isCertificateType(name)))
    return new SshError("host-certificate-needed", hop.host, { where: `${hop.hostName}:${hop.port}` });
  return new SshError("no-common-algorithm", hop.host, { what, ours, theirs });
}

function unsafeHandshake(hop: ResolvedLogin, agreed: NegotiatedAlgorithms, handshake: HandshakeLog): SshError | null {
  const isStrict = handshake.isStrict();
  const { cipher, mac } = agreed.cs;
  const algorithm = openToPrefixTruncation({ cipher, mac, isStrict });
  return algorithm === null ? null : new SshError("handshake-unsafe", hop.host, { algorithm });
}

function authHandlerOf(attempts: LoginAttempts): NonNullable<ConnectConfig["authHandler"]> {
  return (methodsLeft, _partial, next) => {
    // The typings leave out `false`, ssh2's own word for "nothing left to try".
    const answer = next as (method: AnyAuthMethod | false) => void;
    attempts.next(methodsLeft).then(answer, () => answer(false));
  };
}

/** ssh2 tells what failed by `level` and by its text. */
function lostError(hop: ResolvedLogin, error: Error & { level?: string; code?: string }): SshError {
  const facts = { address: hop.hostName, port: hop.port, user: hop.user, problem: error.message };
  // sshd drops a login beyond its limits without a word; the socket ends before the greeting, or is reset.
  if (/lost before handshake/i.test(error.message) || error.code === "ECONNRESET")
    return new SshError("dropped", hop.host, facts, error);
  if (error.level === "client-authentication") return new SshError("login-refused", hop.host, facts, error);
  if (error.level === "client-timeout") return new SshError("silent", hop.host, { stage: "keepalive" }, error);
  if (error.code === "ENOTFOUND" || error.code === "EAI_AGAIN")
    return new SshError("unresolvable", hop.host, facts, error);
  if (error.code === "ECONNREFUSED") return new SshError("connection-refused", hop.host, facts, error);
  if (/identification|greeting|invalid.*packet|protocol/i.test(error.message))
    return new SshError("not-ssh", hop.host, facts, error);
  if (error.level === "client-socket" || error.code !== undefined)
    return new SshError("unreachable", hop.host, facts, error);
  return new SshError("link-lost", hop.host, facts, error);
}
