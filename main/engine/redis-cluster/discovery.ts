import type { NodeAccess } from "../../ssh/access";
import type { Discovery, DiscoveryAsk, Sighted } from "../engine";
import { callOf, foundServers, lookAtServer, redisProcessNames, type FoundServer } from "../redis-server/discovery";
import { parseNodes, type KnownNode } from "./topology";

const nothing: Sighted = { members: [], peers: [], problems: [] };

/** Every server of a host that is part of a cluster, and the other hosts its cluster knows. */
export const redisClusterDiscovery: Discovery = {
  processNames: redisProcessNames,
  look: async (access, ask) => {
    const servers = foundServers(await ask.processes(), redisProcessNames);
    const sighted = await Promise.all(servers.map((found) => lookAt(access, ask, found)));
    return {
      members: sighted.flatMap(({ members }) => members),
      peers: sighted.flatMap(({ peers }) => peers),
      problems: sighted.flatMap(({ problems }) => problems),
    };
  },
};

async function lookAt(access: NodeAccess, ask: DiscoveryAsk, found: FoundServer): Promise<Sighted> {
  const isMarked = found.process.argv.join(" ").includes("[cluster]");
  try {
    const { info, settings } = await lookAtServer(ask, found);
    if (info.mode !== "cluster") return nothing;
    const known = parseNodes(await ask.call(callOf(found, ["CLUSTER", "NODES"])));
    const own = known.find(({ isMyself }) => isMyself);
    if (own === undefined) return nothing;
    return {
      members: [
        {
          clusterKeys: [keyOf(known)],
          clusterName: "redis-cluster",
          member: { node: access.node, settings: { ...settings, nodeId: own.id } },
        },
      ],
      peers: known
        .filter((node) => !node.isMyself && node.host !== "" && node.host !== own.host)
        .map(({ host, hostName }) => ({ names: [hostName, host].filter((name) => name !== "") })),
      problems: [],
    };
  } catch (error) {
    // Any other Redis that refuses is for the engine to speak of whose it is.
    return isMarked ? { ...nothing, problems: [ask.reasonOf(error)] } : nothing;
  }
}

/** A cluster has no name of its own; the first of its nodes' names is one that all of them agree on. */
function keyOf(known: readonly KnownNode[]): string {
  return known.map(({ id }) => id).sort()[0] ?? "";
}
