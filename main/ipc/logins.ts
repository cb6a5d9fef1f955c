import type { Cluster, Login, LoginChange } from "../../contract/inventory";
import { sentence } from "../../contract/sentence";
import type { Document } from "../store/durable-file";
import { RequestError } from "./answer";

/** Of every kept host: a name is one host with one connection, so the cluster that was kept first tells its login for all. */
export function keptLogins(clusters: readonly Cluster[]): ReadonlyMap<string, Login> {
  return new Map(
    [...clusters].reverse().flatMap(({ nodes }) => nodes.map(({ node, login }) => [node, login] as const)),
  );
}

/** Throws RequestError where another login is typed for a host that is kept: its connection may be one that a recovery goes by. */
export function refuseOtherLogin(kept: Login | undefined, typed: Login): void {
  const differs = (["user", "port", "transport"] as const).some(
    (key) => typed[key] !== undefined && typed[key] !== kept?.[key],
  );
  if (kept !== undefined && differs)
    throw new RequestError("refused", sentence("request/login-kept", { node: typed.host }));
}

/**
 * Sets what was chosen of the logins of some hosts of a cluster. A name is one host with one connection, so it changes in every cluster that
 * has it; these are given. Throws RequestError for a name the cluster has not, and while a recovery is under way anywhere.
 */
export function changeLogins(
  inventory: Document<Cluster[]>,
  cluster: Cluster,
  { nodes, change }: { readonly nodes: readonly string[]; readonly change: LoginChange },
  refuseWhileRecovering: () => void,
): readonly Cluster[] {
  const unknown = nodes.find((name) => !cluster.nodes.some(({ node }) => node === name));
  if (unknown !== undefined) throw new RequestError("not-found", sentence("request/node-unknown", { node: unknown }));
  refuseWhileRecovering();
  const now = inventory.update((clusters) =>
    clusters.map((one) => ({
      ...one,
      nodes: one.nodes.map(({ node, login }) => ({
        node,
        login: nodes.includes(node) ? changedLogin(login, change) : login,
      })),
    })),
  );
  return now.filter((one) => one.nodes.some(({ node }) => nodes.includes(node)));
}

/** What is null goes back to ssh_config and its defaults; what is left out stays as it is. */
function changedLogin(login: Login, { user, port, transport }: LoginChange): Login {
  const next = { ...login };
  if (user === null) delete next.user;
  else if (user !== undefined) next.user = user;
  if (port === null) delete next.port;
  else if (port !== undefined) next.port = port;
  if (transport === "auto") delete next.transport;
  else if (transport !== undefined) next.transport = transport;
  return next;
}
