import { setTimeout as pause } from "node:timers/promises";
import type { Login } from "../../contract/inventory";
import type { Clock } from "../clock";
import type { Access, LinkState, NodeAccess } from "./access";
import type { Asker } from "./asker";
import { connect } from "./connection";
import { createGate, type Gate } from "./gate";
import type { HostKeyCheck } from "./host-key-check";
import { createNodeLink, type NodeLink } from "./node-link";
import type { ResolvedLogin, SystemSshNeed } from "./resolved-login";
import { createSessionSecrets, type SessionSecrets } from "./session-secrets";
import { SshError } from "./ssh-error";
import { createSudoPasswords } from "./sudo";
import type { SystemSsh } from "./system-ssh";
import { mayDoWithout, needShownBy, sentenceOf, transportOf, whyFacts, withUntried } from "./transport";
import type { Connection, Facts, TransportChoice } from "./transport";

export interface AccessParts {
  readonly clock: Clock;
  /** 0 to 1, for the jitter of reconnects. */
  readonly random: () => number;
  /** A UUID nobody can foresee: nothing that a node says can pass for the mark that ends an answer. */
  readonly newNonce: () => string;
  readonly asker: Asker;
  readonly hostKeys: HostKeyCheck;
  /** What the person typed this session; left out, this access keeps its own. */
  readonly secrets?: SessionSecrets;
  readonly resolve: (login: Login) => Promise<ResolvedLogin>;
  /** Left out, a host that needs it is refused by name. */
  readonly systemSsh?: SystemSsh;
  /** Whether there is a Kerberos ticket on this desktop; left out, there is none. */
  readonly hasTicket?: () => Promise<boolean>;
}

/** A server that drops logins is asked again for so long: nothing was sent, so it is safe. */
const dropsBorneMs = 10_000;
const firstDropPauseMs = 300;
const longestDropPauseMs = 3_000;

type Attempt = (gateOf: (hop: ResolvedLogin) => Gate) => Promise<Connection>;

/** All nodes with a login, one connection each, made when first needed and paced so that no server drops any. */
export function createAccess(parts: AccessParts): Access {
  const links = new Map<string, NodeLink>();
  const logins = new Map<string, string>();
  const listeners = new Set<(node: string, state: LinkState) => void>();
  const secrets = parts.secrets ?? createSessionSecrets();
  const gates = new Map<string, Gate>();
  const shellGates = new Map<string, Gate>();
  const sudo = createSudoPasswords(parts.asker);

  /** The same private address behind two bastions is two servers. */
  function gateIn(some: Map<string, Gate>, hops: readonly ResolvedLogin[]): Gate {
    const way = hops.map(({ hostName, port }) => `${hostName}:${port}`).join(" ");
    const gate = some.get(way) ?? createGate();
    some.set(way, gate);
    return gate;
  }

  async function connectPatiently(resolved: ResolvedLogin, attempt: Attempt): Promise<Connection> {
    const hops = [...resolved.jumps, resolved];
    let firstDropAtMs: number | null = null;
    for (let drops = 0; ; drops += 1) {
      let last: Gate | null = null;
      try {
        return await attempt((hop) => {
          const at = hops.findIndex((one) => one.hostName === hop.hostName && one.port === hop.port);
          last = gateIn(gates, [...hops.slice(0, Math.max(0, at)), hop]);
          return last;
        });
      } catch (error) {
        if (!(error instanceof SshError) || error.kind !== "dropped") throw error;
        const nowMs = parts.clock.monotonicMs();
        firstDropAtMs ??= nowMs;
        if (nowMs - firstDropAtMs > dropsBorneMs) throw error;
        (last as Gate | null)?.narrow();
        await pause(Math.min(longestDropPauseMs, firstDropPauseMs * 2 ** drops) * (0.5 + parts.random()));
      }
    }
  }

  /** Where a way to log in is all that is missing, the built-in client tries the others while the system's ssh cannot be used. */
  async function choose(login: Login, resolved: ResolvedLogin): Promise<TransportChoice> {
    const choice = transportOf(login, resolved);
    if (choice.kind === "built-in" || choice.isByHand || choice.need === null || !mayDoWithout(choice.need))
      return choice;
    const problem = await unusable();
    return problem === null ? choice : { kind: "built-in", isByHand: false, insteadOf: { need: choice.need, problem } };
  }

  async function unusable(): Promise<Facts | null> {
    return parts.systemSsh === undefined ? { problem: "ssh/system-ssh.not-here" } : parts.systemSsh.unusable();
  }

  function attemptBy(choice: TransportChoice, login: Login, resolved: ResolvedLogin, unwanted: AbortSignal): Attempt {
    switch (choice.kind) {
      case "built-in": {
        const isLeaving = mayBeLeft(choice) && parts.systemSsh !== undefined;
        return (gateOf) => connect(resolved, { ...parts, secrets, gateOf, unwanted, isLeaving });
      }
      case "system":
        return (gate) => {
          const { systemSsh } = parts;
          const why = whyFacts(choice.need);
          if (systemSsh === undefined)
            throw new SshError("system-ssh-unavailable", resolved.host, { ...why, problem: "ssh/system-ssh.not-here" });
          const asks = { asker: parts.asker, secrets, unwanted };
          return gate(resolved.jumps[0] ?? resolved).through(() => systemSsh.connect(login, resolved, asks, why));
        };
    }
  }

  function makeLink(node: string, login: Login): NodeLink {
    // One line a server: a host whose shell hangs must not keep the rest of the fleet waiting.
    let firstShells = createGate();
    let choice: TransportChoice | null = null;
    /** Found at a login and remembered, so that no further one is refused for it. */
    let learned: SystemSshNeed | null = null;

    async function attempt(
      resolved: ResolvedLogin,
      need: SystemSshNeed | null,
      unwanted: AbortSignal,
    ): Promise<Connection> {
      const needing = { ...resolved, needsSystemSsh: need };
      const chosen = (choice = await choose(login, needing));
      try {
        return await connectPatiently(needing, attemptBy(chosen, login, needing, unwanted));
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        if (error.kind === "login-refused") learned = null;
        const shown = parts.systemSsh === undefined ? null : needShownBy(error);
        // No password was asked for by then, and nothing trusted for it: the login begins anew by the client that can make it.
        if (shown === null || !mayBeLeft(chosen)) throw withUntried(error, chosen, resolved.host);
        const connection = await attempt(resolved, shown, unwanted);
        learned = shown.kind === "certificates" ? null : shown;
        return connection;
      }
    }

    return createNodeLink({
      node,
      clock: parts.clock,
      random: parts.random,
      newNonce: parts.newNonce,
      sudo,
      settle: (work) => firstShells.through(work),
      changed: (state) => listeners.forEach((listener) => listener(node, state)),
      transport: () => choice && sentenceOf(choice),
      connect: async (unwanted) => {
        const resolved = { ...(await parts.resolve(login)), host: node };
        firstShells = gateIn(shellGates, [...resolved.jumps, resolved]);
        return attempt(resolved, resolved.needsSystemSsh ?? learned, unwanted);
      },
    });
  }

  return {
    node: (name): NodeAccess => {
      const link = links.get(name);
      if (link === undefined) throw new SshError("closed", name);
      return link;
    },
    know: (name, login) => {
      const written = JSON.stringify(login);
      if (links.has(name) && logins.get(name) === written) return;
      logins.set(name, written);
      links.get(name)?.close();
      links.set(name, makeLink(name, login));
    },
    forget: async (name) => {
      links.get(name)?.close();
      links.delete(name);
      logins.delete(name);
      await Promise.resolve();
    },
    suspect: async () => void (await Promise.all([...links.values()].map((link) => link.suspect()))),
    hurry: (nodes) => nodes.forEach((node) => links.get(node)?.hurry()),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      for (const link of links.values()) link.close();
      await parts.systemSsh?.close();
      links.clear();
    },
  };
}

/** Nobody chose the built-in client, and it was not taken for want of the other. */
function mayBeLeft(choice: TransportChoice): boolean {
  return choice.kind === "built-in" && !choice.isByHand && choice.insteadOf === null;
}
