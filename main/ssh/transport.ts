import type { Duplex, Readable } from "node:stream";
import type { Login } from "../../contract/inventory";
import { sentence, type Sentence } from "../../contract/sentence";
import type { DialTarget } from "./access";
import type { ResolvedLogin } from "./resolved-login";
import { SshError } from "./ssh-error";

/** The launcher's process on the node: written to is its stdin, read is its stdout. `close` fires when the node has ended it or the link is gone. */
export interface ShellChannel extends Duplex {
  readonly stderr: Readable;
  close(): void;
}

/**
 * A login that holds, however it was made: ssh2 inside this process, or the system's ssh. Everything above (shell worker,
 * commands, streams) knows no more of it than this.
 */
export interface Connection {
  readonly login: ResolvedLogin;
  /** When the first certificate that logged in on the way ceases to be valid, desktop wall clock; null where none did, or it is not told. */
  readonly certifiedUntil: number | null;
  /** Starts the launcher on a channel of its own. Rejects with SshError: `channel-refused`, `silent`, or why the link was lost. */
  openShell(): Promise<ShellChannel>;
  /** A stream from the node to the target. Rejects with SshError: `dial-refused`, `deadline`, or why the link was lost. */
  dial(target: DialTarget, deadlineMs: number): Promise<Duplex>;
  /** Called once, when the target or any hop below it is gone; at once when it is gone already. Gives the way to stop listening. */
  onLost(listener: (error: SshError) => void): () => void;
  close(): void;
}

/** Which client makes a login, and what decided it: a person, or a keyword of the config; null where neither asks for anything. */
export interface TransportChoice {
  readonly kind: "built-in" | "system";
  readonly isByHand: boolean;
  readonly why: string | null;
}

/** That a host is known by certificates only, as known_hosts marks it. */
export const certificatesOnly = "@cert-authority";

export function sentenceOf({ kind, isByHand, why }: TransportChoice): Sentence {
  if (kind === "built-in") return sentence(isByHand ? "ssh/transport.built-in-by-hand" : "ssh/transport.built-in");
  if (isByHand) return sentence("ssh/transport.system-by-hand");
  return why === certificatesOnly
    ? sentence("ssh/transport.system-certificates")
    : sentence("ssh/transport.system", { why: why ?? "" });
}

/** The config's needs decide, unless the login names a transport. Throws SshError where it names one that cannot do what the config asks. */
export function transportOf(login: Login, resolved: ResolvedLogin): TransportChoice {
  const needs = resolved.needsSystemSsh;
  switch (login.transport ?? "auto") {
    case "system":
      return { kind: "system", isByHand: true, why: needs };
    case "built-in":
      if (needs === null) return { kind: "built-in", isByHand: true, why: null };
      throw new SshError("system-ssh-unavailable", resolved.host, {
        why: needs,
        problem: "ssh/transport.problem-by-hand",
      });
    case "auto":
      return { kind: needs === null ? "built-in" : "system", isByHand: false, why: needs };
  }
}

/** How long a channel is awaited; keepalive finds a silent link later than this. */
export const channelOpenMs = 10_000;

/**
 * Waits for what a connection was asked, but not beyond its end, nor beyond `limit`. Leaves no timer and no listener behind;
 * what arrives after that is handed to `discard`.
 */
export function whileLinked<T>(
  onLost: Connection["onLost"],
  limit: { readonly ms: number; readonly error: () => SshError },
  discard: (late: T) => void,
  start: (resolve: (value: T) => void, reject: (error: SshError) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const wait = { isOver: false };
    let stopListening = (): void => undefined;
    const settle = (act: () => void): void => {
      if (wait.isOver) return;
      wait.isOver = true;
      clearTimeout(timer);
      stopListening();
      act();
    };
    const refuse = (error: SshError): void => settle(() => reject(error));
    const timer = setTimeout(() => refuse(limit.error()), limit.ms);
    stopListening = onLost(refuse);
    if (!wait.isOver) start((value) => (wait.isOver ? discard(value) : settle(() => resolve(value))), refuse);
  });
}

/** That a link is gone is told once, to all who listen; ssh2 alone would not tell it of a client on top of another. */
export interface Loss {
  lose(error: SshError): void;
  readonly listen: Connection["onLost"];
}

/** A login that nobody wants any more is given up where it stands. */
export function loseWhenUnwanted(loss: Loss, node: string, unwanted: AbortSignal): void {
  const giveUp = (): void => loss.lose(new SshError("closed", node));
  unwanted.addEventListener("abort", giveUp, { once: true });
  loss.listen(() => unwanted.removeEventListener("abort", giveUp));
  if (unwanted.aborted) giveUp();
}

export function createLoss(): Loss {
  let lost: SshError | null = null;
  const listeners = new Set<(error: SshError) => void>();
  return {
    lose: (error) => {
      if (lost !== null) return;
      lost = error;
      for (const listener of [...listeners]) listener(error);
      listeners.clear();
    },
    listen: (listener) => {
      if (lost === null) listeners.add(listener);
      else listener(lost);
      return () => listeners.delete(listener);
    },
  };
}
