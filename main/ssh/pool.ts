import type { Login } from "../../contract/inventory";
import type { Clock } from "../clock";
import type { Access, LinkState, NodeAccess } from "./access";
import type { Asker } from "./asker";
import { connect } from "./connection";
import type { HostKeyCheck } from "./host-key-check";
import { createNodeLink, type NodeLink } from "./node-link";
import type { Passphrases } from "./private-key";
import type { ResolvedLogin } from "./resolved-login";
import { SshError } from "./ssh-error";

export interface AccessParts {
  readonly clock: Clock;
  /** 0 to 1, for the jitter of reconnects. */
  readonly random: () => number;
  /** 32 hexadecimal digits nobody can foresee. */
  readonly newNonce: () => string;
  readonly asker: Asker;
  readonly hostKeys: HostKeyCheck;
  readonly resolve: (login: Login) => Promise<ResolvedLogin>;
}

/** sshd drops connects at random beyond ten that have not logged in yet (MaxStartups 10:30:100). */
const unauthenticatedAtOnce = 8;

/** All nodes with a login, one connection each, made when first needed and paced so that no server drops any. */
export function createAccess(parts: AccessParts): Access {
  const links = new Map<string, NodeLink>();
  const logins = new Map<string, string>();
  const listeners = new Set<(node: string, state: LinkState) => void>();
  const passphrases: Passphrases = new Map();
  const gates = new Map<string, Gate>();

  function gateOf(login: ResolvedLogin): Gate {
    const first = login.jumps[0] ?? login;
    const address = `${first.hostName}:${first.port}`;
    const gate = gates.get(address) ?? createGate(unauthenticatedAtOnce);
    gates.set(address, gate);
    return gate;
  }

  function makeLink(node: string, login: Login): NodeLink {
    return createNodeLink({
      node,
      clock: parts.clock,
      random: parts.random,
      newNonce: parts.newNonce,
      changed: (state) => listeners.forEach((listener) => listener(node, state)),
      connect: async () => {
        const resolved = await parts.resolve(login);
        if (resolved.needsSystemSsh !== null)
          throw new SshError("config-unreadable", node, {
            file: "ssh_config",
            line: 0,
            problem: resolved.needsSystemSsh,
          });
        return gateOf(resolved)(() => connect({ ...resolved, host: node }, { ...parts, passphrases }));
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
      await Promise.resolve();
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      for (const link of links.values()) link.close();
      links.clear();
      await Promise.resolve();
    },
  };
}

type Gate = <T>(work: () => Promise<T>) => Promise<T>;

function createGate(places: number): Gate {
  let free = places;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
