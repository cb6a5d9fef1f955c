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
import { allowCertificates } from "./certificate-signatures";
import type { Gate } from "./gate";
import { createHandshakeLog, stopLogging, type HandshakeLog } from "./handshake-log";
import type { HostKeyCheck } from "./host-key-check";
import { createHostVerifier } from "./host-verifier";
import { hearLoginAnswers } from "./login-answers";
import { createLoginAttempts, type LoginAttempts } from "./login-attempts";
import { createPatience, type Patience } from "./patience";
import { isCertificateType } from "./public-key";
import type { ResolvedLogin } from "./resolved-login";
import { createServerWords } from "./server-words";
import type { SessionSecrets } from "./session-secrets";
import { SshError } from "./ssh-error";
import { createLoss, loseWhenUnwanted, needShownBy, type Connection, type Loss } from "./transport";

export interface ConnectionParts {
  readonly clock: Clock;
  readonly asker: Asker;
  readonly hostKeys: HostKeyCheck;
  readonly secrets: SessionSecrets;
  /** The line before one sshd: so many logins at once, and no more. */
  readonly gateOf: (hop: ResolvedLogin) => Gate;
  /** Left out, it is wanted until it is there. */
  readonly unwanted?: AbortSignal;
  /** Where a key or a ticket that only the system's ssh can use is left to try, the login is given up before a person is asked. */
  readonly isLeaving?: boolean;
  /** Whether there is a Kerberos ticket on this desktop; left out, there is none. */
  readonly hasTicket?: () => Promise<boolean>;
}

/** Twenty seconds from silence to certainty: three unanswered questions, five seconds apart, and the one after. */
const keepaliveIntervalMs = 5_000;
const keepaliveCountMax = 3;
const stageMs = 15_000;

const algorithms = allowedAlgorithms(readCryptoAbilities());

/** Logs in by ssh2 on the target through its jump hosts, each hop with its own login and its own host key. Throws SshError. */
export async function connect(login: ResolvedLogin, parts: ConnectionParts): Promise<Connection> {
  const clients: Client[] = [];
  const certifiedUntil: number[] = [];
  const loss = createLoss();
  const close = (): void => {
    // Inner first: an outer client that ends does not tell the one on top of it.
    for (const client of [...clients].reverse()) client.destroy();
  };
  loss.listen(close);
  if (parts.unwanted !== undefined) loseWhenUnwanted(loss, login.host, parts.unwanted);
  try {
    for (const hop of [...login.jumps, login]) {
      const below = clients[clients.length - 1];
      await parts.gateOf(hop).through(async () => {
        const stream = below === undefined ? null : await dialThrough(below, hop, loss);
        const client = new Client();
        clients.push(client);
        let isGreeted = false;
        client.once("handshake", () => (isGreeted = true));
        client.on("error", (error: Error & { level?: string }) => {
          // A key that cannot sign is passed over like one that was refused; ssh2 goes on with the next.
          if (error.level !== "agent") loss.lose(lostError(hop, error, isGreeted));
        });
        client.on("close", () => loss.lose(new SshError("link-lost", hop.host, { problem: "ssh/connection-closed" })));
        const until = await logIn(client, hop, stream, parts, loss);
        if (until !== null) certifiedUntil.push(until);
      });
    }
  } catch (error) {
    close();
    throw error instanceof SshError ? ofTarget(error, login.host) : error;
  }
  const client = clients[clients.length - 1];
  if (client === undefined) throw new SshError("closed", login.host);
  return {
    login,
    certifiedUntil: certifiedUntil.length === 0 ? null : Math.min(...certifiedUntil),
    openShell: () => openShellOf(client, login.host, loss.listen),
    dial: (target, deadlineMs) => dialBy(client, target, deadlineMs, login.host, loss.listen),
    onLost: loss.listen,
    close: () => loss.lose(new SshError("closed", login.host)),
  };
}

/** Who makes the login is chosen for the target alone, so what asks for another client names the target, beside the hop that refused. */
function ofTarget(error: SshError, target: string): SshError {
  if (needShownBy(error) === null && error.kind !== "no-common-algorithm") return error;
  return new SshError(error.kind, target, { ...error.facts, hop: error.node }, error);
}

/** The stream that carries the next hop closes at once when it is destroyed; over a bare channel of ssh2 the client on it would wait for ever. */
async function dialThrough(below: Client, hop: ResolvedLogin, loss: Loss): Promise<Duplex> {
  const target = { kind: "tcp", host: hop.hostName, port: hop.port } as const;
  try {
    return await dialBy(below, target, stageMs, hop.host, loss.listen);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    if (error.kind === "deadline") throw new SshError("silent", hop.host, { stage: "ssh/stage.jump" }, error);
    if (error.kind !== "dial-refused") throw error;
    const problem = String(error.facts["problem"]);
    throw new SshError("unreachable", hop.host, { address: hop.hostName, port: hop.port, problem }, error);
  }
}

/** Gives when a certificate that was taken ceases to be valid. */
async function logIn(
  client: Client,
  hop: ResolvedLogin,
  stream: Duplex | null,
  parts: ConnectionParts,
  loss: Loss,
): Promise<number | null> {
  const serverHostKey = await parts.hostKeys.offerOrder(hop);
  const handshake = createHandshakeLog();
  let refusal: SshError | null = null;
  return new Promise<number | null>((resolve, reject) => {
    const patience = createPatience(hop.connectTimeoutMs + stageMs, () =>
      reject(new SshError("silent", hop.host, { stage: "ssh/stage.login" })),
    );
    const asker = withdrawnWith(loss, parts.asker);
    const words = createServerWords();
    client.on("banner", words.note);
    const attempts = createLoginAttempts(hop, {
      asker,
      secrets: parts.secrets,
      patience,
      nowMs: () => parts.clock.nowMs(),
      banner: words.said,
      giveUp: loss.lose,
      isLeaving: parts.isLeaving ?? false,
      hasTicket: parts.hasTicket ?? (() => Promise.resolve(false)),
    });
    const settle = (error: SshError | null): void => {
      patience.stop();
      if (error === null) resolve(attempts.certifiedUntil());
      else reject(error);
    };
    let agreed = false;
    let ready = false;
    client.once("ready", () => {
      ready = true;
      attempts.succeeded();
      settle(null);
    });
    client.on("change password", () => loss.lose(new SshError("password-expired", hop.host)));
    loss.listen((error) => {
      if (ready) return;
      const isVerdict = agreed && ["link-lost", "unreachable", "dropped", "login-refused"].includes(error.kind);
      attempts.over(isVerdict);
      const told = { user: hop.user, methods: attempts.methods(), said: words.said() || "–" };
      const ended =
        error.kind === "login-refused"
          ? new SshError("login-refused", hop.host, told, error)
          : isVerdict
            ? new SshError("login-ended", hop.host, { ...told, problem: String(error.facts.problem) }, error)
            : error;
      settle(refusal ?? attempts.failure() ?? disagreed(hop, handshake) ?? ended);
    });
    client.once("handshake", (algorithmsAgreed) => {
      agreed = true;
      stopLogging(client);
      allowCertificates(client);
      hearLoginAnswers(client, { refused: attempts.refused, told: words.note });
      refusal ??= unsafeHandshake(hop, algorithmsAgreed, handshake);
      if (refusal !== null) loss.lose(refusal);
    });
    client.connect({
      ...(stream === null ? { host: hop.hostName, port: hop.port } : { sock: stream }),
      username: hop.user,
      readyTimeout: 0,
      // A server that is not OpenSSH may forward to a Unix socket as well; one that cannot says so.
      strictVendor: false,
      keepaliveInterval: keepaliveIntervalMs,
      keepaliveCountMax,
      algorithms: { ...algorithms, serverHostKey: [...serverHostKey] as ServerHostKeyAlgorithm[] },
      hostVerifier: createHostVerifier(hop, parts.hostKeys, patiently(patience, asker), (error) => (refusal = error)),
      authHandler: authHandlerOf(attempts),
      debug: handshake.note,
    });
    // A forwarded keystroke waits 40 ms for company otherwise; on a channel below there is no socket to tell.
    client.once("connect", () => void (stream === null && client.setNoDelay(true)));
  });
}

/** A question is withdrawn when its connection is gone, but for a passphrase: that is of a key, and other hosts wait for it. */
function withdrawnWith(loss: Loss, asker: Asker): Asker {
  const gone = new AbortController();
  loss.listen(() => gone.abort());
  return { ask: (question) => asker.ask(question, question.kind === "passphrase" ? undefined : gone.signal) };
}

/** The clock of this side stands still while a person thinks. */
function patiently(patience: Patience, asker: Asker): Asker {
  return {
    ask: async (question) => {
      patience.pause();
      try {
        return await asker.ask(question);
      } finally {
        patience.resume();
      }
    },
  };
}

/** As ssh2 names what could not be agreed on. */
const offers: Readonly<Record<string, string>> = {
  "KEX method": "ssh/offer.exchange",
  "Host key format": "ssh/offer.host-key",
  "C->S cipher": "ssh/offer.cipher",
  "S->C cipher": "ssh/offer.cipher",
  "C->S MAC": "ssh/offer.mac",
  "S->C MAC": "ssh/offer.mac",
};

function disagreed(hop: ResolvedLogin, handshake: HandshakeLog): SshError | null {
  const found = handshake.disagreement();
  if (found === null) return null;
  const { what, ours, theirs } = found;
  const names = theirs.split(",");
  if (what === "Host key format" && names.every((name) => isCertificateType(name)))
    return new SshError("host-certificate-needed", hop.host, { where: `${hop.hostName}:${hop.port}` });
  return new SshError("no-common-algorithm", hop.host, { what: offers[what] ?? what, ours, theirs });
}

function unsafeHandshake(hop: ResolvedLogin, agreed: NegotiatedAlgorithms, handshake: HandshakeLog): SshError | null {
  const isStrict = handshake.isStrict();
  const { cipher, mac } = agreed.cs;
  const algorithm = openToPrefixTruncation({ cipher, mac, isStrict });
  return algorithm === null ? null : new SshError("handshake-unsafe", hop.host, { algorithm });
}

function authHandlerOf(attempts: LoginAttempts): NonNullable<ConnectConfig["authHandler"]> {
  return (_methodsLeft, _isPartial, next) => {
    // The typings leave out `false`, ssh2's own word for "nothing left to try".
    const answer = next as (method: AnyAuthMethod | false) => void;
    attempts.next().then(answer, () => answer(false));
  };
}

/** ssh2 tells what failed by `level` and by its text. */
function lostError(
  hop: ResolvedLogin,
  error: Error & { level?: string; code?: string | number },
  isGreeted: boolean,
): SshError {
  const facts = { address: hop.hostName, port: hop.port, user: hop.user, problem: error.message };
  // sshd drops a login beyond its limits without a word; the socket ends before the greeting, or is reset.
  if (!isGreeted && (/lost before handshake/i.test(error.message) || error.code === "ECONNRESET"))
    return new SshError("dropped", hop.host, facts, error);
  if (error.level === "client-authentication") return new SshError("login-refused", hop.host, facts, error);
  // A number is the reason the server gave for disconnecting.
  if (typeof error.code === "number") return new SshError("link-lost", hop.host, facts, error);
  if (error.level === "client-timeout")
    return new SshError("silent", hop.host, { stage: "ssh/stage.keepalive" }, error);
  if (error.code === "ENOTFOUND" || error.code === "EAI_AGAIN")
    return new SshError("unresolvable", hop.host, facts, error);
  if (error.code === "ECONNREFUSED") return new SshError("connection-refused", hop.host, facts, error);
  if (/identification|greeting|invalid.*packet|protocol/i.test(error.message))
    return new SshError("not-ssh", hop.host, facts, error);
  if (error.level === "client-socket" || error.code !== undefined)
    return new SshError("unreachable", hop.host, facts, error);
  return new SshError("link-lost", hop.host, facts, error);
}
