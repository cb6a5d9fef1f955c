import type { Duplex, Readable } from "node:stream";
import type { Login } from "../../contract/inventory";
import { sentence, type Fact, type Sentence } from "../../contract/sentence";
import type { DialTarget } from "./access";
import type { ResolvedLogin, SystemSshNeed } from "./resolved-login";
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

/** Which client makes a login, and what decided it: a person, or what the login needs; nothing where neither asks for anything. */
export type TransportChoice =
  /** `need`: what asks for the system's ssh, and is done without. */
  | { readonly kind: "built-in"; readonly isByHand: true; readonly need: SystemSshNeed | null }
  | {
      readonly kind: "built-in";
      readonly isByHand: false;
      /** The system's ssh was needed and cannot be used on this desktop. */
      readonly insteadOf: { readonly need: SystemSshNeed; readonly problem: Facts } | null;
    }
  | { readonly kind: "system"; readonly isByHand: boolean; readonly need: SystemSshNeed | null };

/** Of a sentence; `problem` and `why` are codes of the catalogue, filled with the others. */
export type Facts = Readonly<Record<string, Fact>>;

export function whyFacts(need: SystemSshNeed | null): Facts {
  switch (need?.kind) {
    case undefined:
      return { why: "ssh/transport.by-hand" };
    case "setting":
      return { why: "ssh/transport.why-setting", keyword: need.keyword, file: need.file, line: need.line };
    case "security-key":
      return { why: "ssh/transport.why-security-key", key: need.key };
    case "certificates":
      return { why: "ssh/transport.why-certificates" };
    case "ticket":
      return { why: "ssh/transport.why-ticket" };
  }
}

export function sentenceOf(choice: TransportChoice): Sentence {
  switch (choice.kind) {
    case "built-in": {
      if (choice.isByHand)
        return choice.need === null
          ? sentence("ssh/transport.built-in-by-hand")
          : sentence("ssh/transport.built-in-although", whyFacts(choice.need));
      const { insteadOf } = choice;
      if (insteadOf === null) return sentence("ssh/transport.built-in");
      return sentence("ssh/transport.built-in-instead", { ...insteadOf.problem, ...whyFacts(insteadOf.need) });
    }
    case "system":
      return choice.isByHand
        ? sentence("ssh/transport.system-by-hand")
        : sentence("ssh/transport.system", whyFacts(choice.need));
  }
}

/** What is needed decides, unless the login names a transport. Throws SshError where it names one that cannot do what is needed. */
export function transportOf(login: Login, { host, needsSystemSsh: need }: ResolvedLogin): TransportChoice {
  switch (login.transport ?? "auto") {
    case "system":
      return { kind: "system", isByHand: true, need };
    case "built-in":
      if (need === null || mayDoWithout(need)) return { kind: "built-in", isByHand: true, need };
      throw new SshError("system-ssh-unavailable", host, {
        ...whyFacts(need),
        problem: "ssh/transport.problem-by-hand",
      });
    case "auto":
      if (need === null) return { kind: "built-in", isByHand: false, insteadOf: null };
      return { kind: "system", isByHand: false, need };
  }
}

/**
 * Whether the built-in client may still log in. It may where one way to log in is missing and there may be others; not where the way to
 * the host, the check of its key or the strength of the exchange would be another than the config says.
 */
export function mayDoWithout(need: SystemSshNeed): boolean {
  return need.kind === "setting" ? need.hasOtherWays : need.kind !== "certificates";
}

/** The first that must not be passed over; only where there is none, the first of all. */
export function deciding(needs: readonly (SystemSshNeed | null)[]): SystemSshNeed | null {
  const given = needs.filter((need) => need !== null);
  return given.find((need) => !mayDoWithout(need)) ?? given[0] ?? null;
}

/** The refusal of a login for which the config asks for a way that the built-in client has not says so, and where it was refused. */
export function withUntried(error: SshError, choice: TransportChoice, target: string): SshError {
  if (choice.kind === "system" || error.kind !== "login-refused") return error;
  const need = choice.isByHand ? choice.need : choice.insteadOf?.need;
  if (need?.kind !== "setting") return error;
  const facts = { ...error.facts, ...whyFacts(need), hop: error.node };
  return new SshError("setting-needs-system-ssh", target, facts, error);
}

/** What a refusal of the built-in client shows to be needed; null for any other. */
export function needShownBy(error: SshError): SystemSshNeed | null {
  if (error.kind === "host-certificate-needed") return { kind: "certificates" };
  if (error.kind === "ticket-needs-system-ssh") return { kind: "ticket" };
  return error.kind === "key-needs-system-ssh" ? { kind: "security-key", key: String(error.facts["file"]) } : null;
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
