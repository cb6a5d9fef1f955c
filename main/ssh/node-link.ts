import type { Duplex } from "node:stream";
import type { Sentence } from "../../contract/sentence";
import type { Clock } from "../clock";
import type { Command, DurableState, Limits, LinkState, NodeAccess, Output } from "./access";
import { createBackoff } from "./backoff";
import { askScript, baseOf, claimScript, readState } from "./durable-run";
import { commandLine, framedRun, needsSudo } from "./launch";
import { converse } from "./one-command";
import { createSessions, type Sessions } from "./sessions";
import type { ShellProcess } from "./shell-process";
import { problemOf, SshError } from "./ssh-error";
import { asksForPassword, listingOf, wasRightForChange, wasRightForRead, type SudoPasswords } from "./sudo";
import type { Connection } from "./transport";
import { wayOf } from "./way";
import { within } from "./within";

export interface NodeLinkParts {
  readonly node: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly newNonce: () => string;
  readonly sudo: SudoPasswords;
  /** The signal says that nobody wants it any more; what is asked of a person for it is then withdrawn. */
  readonly connect: (unwanted: AbortSignal) => Promise<Connection>;
  readonly transport: () => Sentence | null;
  /** Lets a few at a time do what comes right after a login, so that two hundred first shells do not start on one host at once. */
  readonly settle: <T>(work: () => Promise<T>) => Promise<T>;
  readonly changed: (state: LinkState) => void;
}

export interface NodeLink extends NodeAccess {
  /** Proves the connection anew, or gives it up. Never rejects. */
  suspect(): Promise<void>;
  /** Forgets the rest of the pause before the next try. */
  hurry(): void;
  close(): void;
}

const firstBackoffMs = 1_000;
const longestBackoffMs = 60_000;
/** Each try to end a shell that was given up is a command on its node. */
const firstEndingPauseMs = 10_000;
const longestEndingPauseMs = 600_000;
const proofMs = 5_000;
const identityLimits: Limits = { deadlineMs: 10_000, maxBytes: 4_096 };
/** Beyond a durable command's own deadline: TERM, five seconds, KILL, and the way back. */
const endingMs = 15_000;
const askLimits: Limits = { deadlineMs: 20_000, maxBytes: 1 << 20 };

/**
 * Who the shell is: /proc/self is the shell itself when a builtin reads it.
 * ```
 * Uid:	1000	1000	1000	1000
 * ```
 */
const identityScript = `while read -r key first rest; do case $key in Uid:) echo "$first";; esac; done </proc/self/status`;

/** A connection with what was learned of it. */
interface Made {
  readonly connection: Connection;
  readonly sessions: Sessions;
  /** Open ones; what they carry may change the cluster. */
  readonly streams: Set<Duplex>;
}

/** Gives the open connection, or makes one; rejects where it is not one that may be used. */
type Open = () => Promise<Made>;

interface Identity {
  readonly roundTripMs: number;
  readonly account: string;
  readonly isRoot: boolean;
  readonly certifiedUntil: number | null;
}

/** The connection of one node: made when first needed, remade after a pause when lost, and shared by all who ask. */
export function createNodeLink(parts: NodeLinkParts): NodeLink {
  let state: LinkState = { state: "idle" };
  let current: Made | null = null;
  let identity: Identity | null = null;
  let opening: Promise<Made> | null = null;
  let places: number | undefined;
  let sudoWantsPassword = false;
  let failures = 0;
  let retryAtMs = 0;
  let closed = false;
  const abandoned = new Set<ShellProcess>();
  const endings = createBackoff(parts.clock, { firstMs: firstEndingPauseMs, longestMs: longestEndingPauseMs });
  const unwanted = new AbortController();

  function move(next: LinkState): void {
    state = next;
    parts.changed(next);
  }

  /** A person who asks again may wait for the pause to pass; a cycle that asks gets the last error at once. */
  function open(): Promise<Made> {
    if (closed) return Promise.reject(new SshError("closed", parts.node));
    if (current !== null) return Promise.resolve(current);
    if (opening !== null) return opening;
    if (state.state === "broken" && parts.clock.monotonicMs() < retryAtMs) return Promise.reject(state.error);
    if (state.state !== "broken") move({ state: "connecting" });
    opening = establish().finally(() => (opening = null));
    return opening;
  }

  async function establish(): Promise<Made> {
    let made: Made | null = null;
    try {
      const connection = await parts.connect(unwanted.signal);
      const onExhausted = (error: SshError): void => {
        // A call under way is not cut for want of a session: who is refused after it makes the connection anew.
        if (opened.streams.size > 0) return;
        lose(opened, error);
        // What it learned of the server's room was learned from shells that do not end.
        places = undefined;
        connection.close();
      };
      const sessions = createSessions(connection, { ...parts, abandoned, endings, onExhausted }, places);
      const opened: Made = (made = { connection, sessions, streams: new Set() });
      if (closed) throw new SshError("closed", parts.node);
      current = made;
      connection.onLost((error) => lose(opened, error));
      identity = await parts.settle(() => identify(opened));
      failures = 0;
      move({ state: "ready", since: parts.clock.nowMs(), ...identity });
      return made;
    } catch (error) {
      const problem =
        error instanceof SshError ? error : new SshError("link-lost", parts.node, { problem: problemOf(error) });
      current = null;
      made?.sessions.close(problem);
      made?.connection.close();
      broken(problem);
      throw problem;
    }
  }

  async function identify({ connection, sessions }: Made): Promise<Identity> {
    await sessions.begin();
    await sessions.read(":", identityLimits);
    const asked = await sessions.read(identityScript, identityLimits);
    const { login, certifiedUntil } = connection;
    const isRoot = asked.stdout.trim() === "0";
    return { roundTripMs: asked.tookMs, account: login.user, isRoot, certifiedUntil };
  }

  function lose(which: Made, error: SshError): void {
    if (current !== which) return;
    current = null;
    places = which.sessions.places;
    which.sessions.close(error);
    if (opening === null) broken(error);
  }

  function broken(error: SshError): void {
    const wasBrokenSince = state.state === "broken" ? state.since : parts.clock.nowMs();
    const pauseMs = Math.min(longestBackoffMs, firstBackoffMs * 2 ** failures);
    failures += 1;
    retryAtMs = parts.clock.monotonicMs() + pauseMs * (0.75 + 0.5 * parts.random());
    if (!closed) move({ state: "broken", since: wasBrokenSince, error });
  }

  function known(): Identity {
    if (identity === null) throw new SshError("closed", parts.node);
    return identity;
  }

  /** Sends a script on a session of its own. Rejects only before it was written to the channel. */
  async function send(
    openBy: Open,
    limits: Limits,
    script: (nonce: string) => string,
    password?: (attempt: number) => Promise<string | null>,
  ): Promise<Output> {
    const startedAtMs = parts.clock.monotonicMs();
    const { channel, made } = await within(parts.node, limits.deadlineMs, async (signal) => {
      const made = await openBy();
      return { channel: await made.sessions.open(signal), made };
    });
    const nonce = parts.newNonce();
    return converse(channel, script(nonce), limits, {
      clock: parts.clock,
      nonce,
      startedAtMs,
      onLost: made.connection.onLost,
      ...(password && { password }),
    });
  }

  /** What sudo asks for is asked of the person; what becomes of the command shows whether it was right. */
  async function viaSudo<T>(
    work: (password: (attempt: number) => Promise<string | null>) => Promise<T>,
    wasRight: (outcome: T) => boolean | null,
  ): Promise<T> {
    const { account } = known();
    const last: { given: string | null } = { given: null };
    const outcome = await work(
      async (attempt) => (last.given = await parts.sudo.password(parts.node, account, attempt)),
    );
    const isRight = last.given === null ? null : wasRight(outcome);
    if (isRight !== null) parts.sudo.judge(parts.node, account, isRight);
    return outcome;
  }

  /** A read may be sent again: first as it stands, and with a ticket where sudo wants a password for it. */
  async function run(openBy: Open, command: Command, limits: Limits): Promise<Output> {
    await within(parts.node, limits.deadlineMs, openBy);
    const line = commandLine(command, known());
    if (!needsSudo(command, known())) return send(openBy, limits, (nonce) => framedRun(line, command.stdin, nonce));
    if (!sudoWantsPassword) {
      const output = await send(openBy, limits, (nonce) => framedRun(line, command.stdin, nonce));
      if (!asksForPassword(output.stderr)) return output;
      sudoWantsPassword = true;
    }
    const sudo = { listing: listingOf(command) };
    const framedBy = (nonce: string): string => framedRun(line, command.stdin, nonce, sudo);
    return viaSudo((password) => send(openBy, limits, framedBy, password), wasRightForRead);
  }

  async function runDurably(openBy: Open, id: string, command: Command, limits: Limits): Promise<DurableState> {
    await within(parts.node, limits.deadlineMs, openBy);
    const login = known();
    const isViaSudo = needsSudo(command, login);
    const line = commandLine(command, login);
    const waited: Limits = { deadlineMs: limits.deadlineMs + endingMs, maxBytes: limits.maxBytes + 4_096 };
    const base = baseOf(login.isRoot);
    const claim = (nonce: string): string =>
      claimScript({ id, command, line, limits, nonce, viaSudo: isViaSudo, base });
    const stateAfter = async (password?: (attempt: number) => Promise<string | null>): Promise<DurableState> =>
      readState(parts.node, await send(openBy, waited, claim, password), login.account, command);
    return isViaSudo ? viaSudo(stateAfter, wasRightForChange) : stateAfter();
  }

  async function ask(openBy: Open, act: "report" | "withdraw" | "cancel", id: string): Promise<DurableState> {
    await within(parts.node, askLimits.deadlineMs, openBy);
    const { account, isRoot } = known();
    const output = await send(openBy, askLimits, (nonce) => askScript(act, id, baseOf(isRoot), nonce));
    return readState(parts.node, output, account, null);
  }

  async function openOnly(way: string): Promise<Made> {
    const made = await open();
    const after = wayOf(made.connection.login);
    if (after !== way) throw new SshError("way-changed", parts.node, { before: way, after });
    return made;
  }

  function accessBy(openBy: Open): NodeAccess {
    return {
      node: parts.node,
      state: () => state,
      transport: () => {
        const how = parts.transport();
        return how === null ? null : { how, isOpen: current !== null };
      },
      login: () => current?.connection.login ?? null,
      by: (way) => accessBy(() => openOnly(way)),
      ready: async () => void (await openBy()),
      read: (script, limits) =>
        within(parts.node, limits.deadlineMs, async (signal) => {
          const { sessions } = await openBy();
          signal.throwIfAborted();
          return sessions.read(script, limits);
        }),
      shown: (command) => commandLine(command, known()),
      run: (command, limits) => run(openBy, command, limits),
      runDurably: (id, command, limits) => runDurably(openBy, id, command, limits),
      reattach: (id) => ask(openBy, "report", id),
      withdraw: (id) => ask(openBy, "withdraw", id),
      cancel: (id) => ask(openBy, "cancel", id),
      dial: (target, limits) =>
        within(
          parts.node,
          limits.deadlineMs,
          async () => {
            const { connection, streams } = await openBy();
            const stream = await connection.dial(target, limits.deadlineMs);
            streams.add(stream);
            stream.once("close", () => streams.delete(stream));
            return stream;
          },
          // A stream that nobody listens to would end this process with its error when the link is lost.
          (late) => void late.destroy(),
        ),
    };
  }

  const anyWay = accessBy(open);
  return {
    ...anyWay,
    // The usual read costs no promise and no timer more than the shell's own.
    read: (script, limits) => (current === null ? anyWay.read(script, limits) : current.sessions.read(script, limits)),
    suspect: async () => {
      failures = 0;
      retryAtMs = 0;
      const suspected = current;
      if (suspected === null || identity === null || opening !== null) return;
      move({ state: "connecting" });
      try {
        const proof = { deadlineMs: proofMs, maxBytes: 4_096 };
        const { tookMs } = await suspected.sessions.read(":", proof);
        identity = { ...identity, roundTripMs: tookMs };
        if (current === suspected) move({ state: "ready", since: parts.clock.nowMs(), ...identity });
      } catch {
        // Whatever kept it from answering: a link that cannot prove itself is made anew, at the next ask and without a pause.
        suspected.connection.close();
        failures = 0;
        retryAtMs = 0;
      }
    },
    hurry: () => (retryAtMs = 0),
    close: () => {
      closed = true;
      unwanted.abort();
      const last = current;
      current = null;
      last?.sessions.close();
      last?.connection.close();
    },
  };
}
