import { setTimeout as pause } from "node:timers/promises";
import type { Login } from "../../contract/inventory";
import type { Clock } from "../clock";
import type { Access, LinkState, NodeAccess } from "./access";
import type { Asker } from "./asker";
import { connect } from "./connection";
import { createGate, type Gate } from "./gate";
import type { HostKeyCheck } from "./host-key-check";
import { createNodeLink, type NodeLink } from "./node-link";
import type { ResolvedLogin } from "./resolved-login";
import { createSessionSecrets, type SessionSecrets } from "./session-secrets";
import { SshError } from "./ssh-error";
import { createSudoPasswords } from "./sudo";
import type { SystemSsh } from "./system-ssh";
import { certificatesOnly, sentenceOf, transportOf, type Connection, type TransportChoice } from "./transport";

export interface AccessParts {
  readonly clock: Clock;
  /** 0 to 1, for the jitter of reconnects. */
  readonly random: () => number;
  /** 32 hexadecimal digits nobody can foresee. */
  readonly newNonce: () => string;
  readonly asker: Asker;
  readonly hostKeys: HostKeyCheck;
  /** What the person typed this session; left out, this access keeps its own. */
  readonly secrets?: SessionSecrets;
  readonly resolve: (login: Login) => Promise<ResolvedLogin>;
  /** Left out, a host that needs it is refused by name. */
  readonly systemSsh?: SystemSsh;
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

  /** That a host is known by certificates only is found when its key is judged; nothing was trusted and nobody asked by then. */
  function byBuiltIn(
    login: Login,
    resolved: ResolvedLogin,
    unwanted: AbortSignal,
    chosen: (choice: TransportChoice) => void,
  ): Attempt {
    return async (gate) => {
      try {
        return await connect(resolved, { ...parts, secrets, gateOf: gate, unwanted });
      } catch (error) {
        const mayChange = (login.transport ?? "auto") === "auto" && parts.systemSsh !== undefined;
        if (!mayChange || !(error instanceof SshError) || error.kind !== "host-certificate-needed") throw error;
        chosen({ kind: "system", isByHand: false, why: certificatesOnly });
        return bySystemSsh(login, resolved, certificatesOnly, unwanted)(gate);
      }
    };
  }

  function bySystemSsh(login: Login, resolved: ResolvedLogin, why: string, unwanted: AbortSignal): Attempt {
    return (gate) => {
      const { systemSsh } = parts;
      if (systemSsh === undefined)
        throw new SshError("system-ssh-unavailable", resolved.host, { why, problem: "it is not set up here" });
      const asks = { asker: parts.asker, secrets, unwanted };
      return gate(resolved.jumps[0] ?? resolved).through(() => systemSsh.connect(login, resolved, asks, why));
    };
  }

  function makeLink(node: string, login: Login): NodeLink {
    // One line a server: a host whose shell hangs must not keep the rest of the fleet waiting.
    let firstShells = createGate();
    let choice: TransportChoice | null = null;
    const choose = (next: TransportChoice): TransportChoice => (choice = next);
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
        const { kind, why } = choose(transportOf(login, resolved));
        firstShells = gateIn(shellGates, [...resolved.jumps, resolved]);
        return connectPatiently(
          resolved,
          kind === "system"
            ? bySystemSsh(login, resolved, why ?? "ssh/transport.by-hand", unwanted)
            : byBuiltIn(login, resolved, unwanted, choose),
        );
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
