import type { NodeAccess } from "./access";
import type { ResolvedLogin } from "./resolved-login";

/** The logins on the way to a node, `ops@bastion:22 > root@10.0.0.5:22`: the same private address behind two bastions is two servers. */
export interface Way {
  readonly way: string;
  /** Whether a connection that is open says it; else it is what the next one would be made by. */
  readonly isOpen: boolean;
}

/** A config that was changed since does not move a connection that is open, and what is sent goes over that. */
export async function reachedAs(node: NodeAccess, resolve: () => Promise<ResolvedLogin>): Promise<Way> {
  const open = node.login();
  return { way: wayOf(open ?? (await resolve())), isOpen: open !== null };
}

export function wayOf(login: ResolvedLogin): string {
  return [...login.jumps, login].map(({ user, hostName, port }) => `${user}@${hostName}:${port}`).join(" > ");
}
