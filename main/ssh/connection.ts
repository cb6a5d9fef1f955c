import { getCiphers } from "node:crypto";
import type { Duplex } from "node:stream";
import { Client, type Algorithms, type AnyAuthMethod, type ConnectConfig, type ServerHostKeyAlgorithm } from "ssh2";
import type { Clock } from "../clock";
import type { Asker } from "./asker";
import { dialBy, openShellOf } from "./built-in-channels";
import type { HostKeyCheck, HostKeyVerdict } from "./host-key-check";
import { createLoginAttempts, type LoginAttempts } from "./login-attempts";
import { createPatience } from "./patience";
import type { Passphrases } from "./private-key";
import type { ResolvedLogin } from "./resolved-login";
import { SshError } from "./ssh-error";
import { createLoss, type Connection, type Loss } from "./transport";

export interface ConnectionParts {
  readonly clock: Clock;
  readonly asker: Asker;
  readonly hostKeys: HostKeyCheck;
  readonly passphrases: Passphrases;
}

/** Twenty seconds from silence to certainty: three unanswered questions, five seconds apart, and the one after. */
const keepaliveIntervalMs = 5_000;
const keepaliveCountMax = 3;
const stageMs = 15_000;

/**
 * Elliptic curves first; finite-field groups beyond 14 take seconds in a JavaScript runtime and block everything meanwhile.
 * SHA-1 and CBC are broken and not offered. Naming a cipher this runtime lacks would throw before the handshake.
 */
const algorithms = {
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
  ],
  cipher: [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    ...(getCiphers().includes("chacha20") ? ["chacha20-poly1305@openssh.com" as const] : []),
  ],
  hmac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
} satisfies Algorithms;

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
    let stream: Duplex | null = null;
    for (const hop of [...login.jumps, login]) {
      const below = clients[clients.length - 1];
      if (below !== undefined) stream = await dialThrough(below, hop, loss);
      const client = new Client();
      clients.push(client);
      client.on("error", (error) => loss.lose(lostError(hop, error)));
      client.on("close", () =>
        loss.lose(new SshError("link-lost", hop.host, { problem: "the connection was closed" })),
      );
      await logIn(client, hop, stream, parts, loss);
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

function dialThrough(below: Client, hop: ResolvedLogin, loss: Loss): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new SshError("silent", hop.host, { stage: "jump" })), stageMs);
    loss.listen(reject);
    below.forwardOut("127.0.0.1", 0, hop.hostName, hop.port, (error, channel) => {
      clearTimeout(timer);
      if (error)
        reject(
          new SshError("unreachable", hop.host, { address: hop.hostName, port: hop.port, problem: error.message }),
        );
      else resolve(channel);
    });
  });
}

async function logIn(
  client: Client,
  hop: ResolvedLogin,
  stream: Duplex | null,
  parts: ConnectionParts,
  loss: Loss,
): Promise<void> {
  const serverHostKey = await parts.hostKeys.offerOrder(hop);
  let refusal: SshError | null = null;
  await new Promise<void>((resolve, reject) => {
    const patience = createPatience(hop.connectTimeoutMs + stageMs, () =>
      reject(new SshError("silent", hop.host, { stage: "login" })),
    );
    const attempts = createLoginAttempts(hop, { ...parts, patience });
    const settle = (error: SshError | null): void => {
      patience.stop();
      if (error === null) resolve();
      else reject(error);
    };
    client.once("ready", () => settle(null));
    loss.listen((error) => settle(refusal ?? attempts.failure() ?? error));
    client.connect({
      ...(stream === null ? { host: hop.hostName, port: hop.port } : { sock: stream }),
      username: hop.user,
      readyTimeout: 0,
      keepaliveInterval: keepaliveIntervalMs,
      keepaliveCountMax,
      algorithms: { ...algorithms, serverHostKey: [...serverHostKey] as ServerHostKeyAlgorithm[] },
      hostVerifier: hostVerifier(hop, parts, patience, (error) => (refusal = error)),
      authHandler: authHandlerOf(attempts),
    });
    // A forwarded keystroke waits 40 ms for company otherwise; on a channel below there is no socket to tell.
    client.once("connect", () => void (stream === null && client.setNoDelay(true)));
  });
}

/**
 * ssh2 accepts a key unless its verifier yields exactly `false`, so this yields exactly `true` on a proven match and exactly
 * `false` on everything else. It is asked again at every rekey; a key proven once on this connection is not asked about again.
 */
function hostVerifier(
  hop: ResolvedLogin,
  parts: ConnectionParts,
  patience: { pause(): void; resume(): void },
  refuse: (error: SshError) => void,
): (key: Buffer, answer: (accepted: boolean) => void) => void {
  let proven: Buffer | null = null;
  return (key, answer) => {
    if (proven !== null) return answer(proven.equals(key));
    patience.pause();
    parts.hostKeys
      .verify(hop, key, parts.asker)
      .then((verdict) => {
        if (verdict.kind !== "match") refuse(verdictError(hop, verdict));
        else proven = Buffer.from(key);
        return verdict.kind === "match";
      })
      .catch((error: unknown) => {
        refuse(new SshError("host-key-unknown", hop.host, { fingerprint: "", problem: String(error) }));
        return false;
      })
      .then((accepted) => {
        patience.resume();
        answer(accepted);
      })
      .catch((error: unknown) => refuse(new SshError("link-lost", hop.host, { problem: String(error) })));
  };
}

function verdictError(hop: ResolvedLogin, verdict: Exclude<HostKeyVerdict, { kind: "match" }>): SshError {
  switch (verdict.kind) {
    case "unknown":
      return new SshError("host-key-unknown", hop.host, { fingerprint: verdict.fingerprint, keyType: verdict.keyType });
    case "changed":
      return new SshError("host-key-changed", hop.host, {
        fingerprint: verdict.fingerprint,
        known: verdict.known,
        where: verdict.where,
      });
    case "revoked":
      return new SshError("host-key-revoked", hop.host, { fingerprint: verdict.fingerprint, where: verdict.where });
    case "unreadable":
      return new SshError("config-unreadable", hop.host, { file: verdict.file, line: 0, problem: verdict.problem });
  }
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
  if (error.level === "client-authentication") return new SshError("login-refused", hop.host, facts, error);
  if (error.level === "client-timeout") return new SshError("silent", hop.host, { stage: "keepalive" }, error);
  if (error.code === "ENOTFOUND" || error.code === "EAI_AGAIN")
    return new SshError("unresolvable", hop.host, facts, error);
  if (error.code === "ECONNREFUSED") return new SshError("connection-refused", hop.host, facts, error);
  if (/no matching/i.test(error.message)) return new SshError("no-common-algorithm", hop.host, facts, error);
  if (/identification|greeting|invalid.*packet|protocol/i.test(error.message))
    return new SshError("not-ssh", hop.host, facts, error);
  if (error.level === "client-socket" || error.code !== undefined)
    return new SshError("unreachable", hop.host, facts, error);
  return new SshError("link-lost", hop.host, facts, error);
}
