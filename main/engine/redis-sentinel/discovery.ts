import type { NodeAccess } from "../../ssh/access";
import { parsePairLists, parseClients } from "../../probe/parse/redis-lists";
import type { Discovery, DiscoveryAsk, Sighted } from "../engine";
import { isLoopback } from "../loopback";
import {
  callOf,
  foundServers,
  lookAtServer,
  redisProcessNames,
  sentinelProcessNames,
  type FoundServer,
} from "../redis-server/discovery";

const nothing: Sighted = { members: [], peers: [], problems: [] };
const sentinelPort = 26_379;

/** What one sentinel tells of one master it watches. */
interface View {
  readonly name: string;
  readonly data: readonly { readonly runId: string; readonly address: string }[];
  readonly sentinels: readonly { readonly id: string; readonly address: string }[];
}

/** Sentinels and the data servers they watch; a data server without a sentinel of its own host asks one that is connected to it. */
export const redisSentinelDiscovery: Discovery = {
  processNames: sentinelProcessNames,
  look: async (access, ask) => {
    const found = foundServers(await ask.processes(), sentinelProcessNames);
    const isSentinel = ({ process }: FoundServer): boolean =>
      !redisProcessNames.includes(process.name) || process.argv.join(" ").includes("[sentinel]");
    const own = await Promise.all(found.filter(isSentinel).map((one) => lookAtSentinel(access, ask, one)));
    const views = own.flatMap((one) => one.views);
    const data = await Promise.all(
      found.filter((one) => !isSentinel(one)).map((one) => lookAtData(access, ask, one, views)),
    );
    const all = [...own.map(({ sighted }) => sighted), ...data];
    return {
      members: all.flatMap(({ members }) => members),
      peers: all.flatMap(({ peers }) => peers),
      problems: all.flatMap(({ problems }) => problems),
    };
  },
};

async function lookAtSentinel(
  access: NodeAccess,
  ask: DiscoveryAsk,
  found: FoundServer,
): Promise<{ readonly views: readonly View[]; readonly sighted: Sighted }> {
  try {
    const { info, settings } = await lookAtServer(ask, found);
    if (info.mode !== "sentinel") return { views: [], sighted: nothing };
    const views = await viewsOf(ask, found);
    const files = await configuredFiles(access, info.configFile);
    const sighted = views.map((view) =>
      sightedBy(view, access.node, {
        ...settings,
        logFile: files.logfile ?? settings.logFile,
        pidFile: files.pidfile ?? settings.pidFile,
        kind: "sentinel",
        masterName: view.name,
        announced: `${ask.address}:${found.port}`,
      }),
    );
    return { views, sighted: joined(sighted) };
  } catch (error) {
    return { views: [], sighted: { ...nothing, problems: [ask.reasonOf(error)] } };
  }
}

async function lookAtData(
  access: NodeAccess,
  ask: DiscoveryAsk,
  found: FoundServer,
  own: readonly View[],
): Promise<Sighted> {
  try {
    const { info, settings } = await lookAtServer(ask, found);
    if (info.mode !== "standalone") return nothing;
    const views = own.length > 0 ? own : await askConnectedSentinels(ask, found);
    const view =
      views.find(({ data }) => data.some(({ runId }) => runId === info.runId)) ?? atAddress(views, ask, found);
    if (view === undefined) return nothing;
    const announced = view.data.find(({ runId }) => runId === info.runId)?.address ?? `${ask.address}:${found.port}`;
    return sightedBy(view, access.node, { ...settings, kind: "data", masterName: view.name, announced });
  } catch (error) {
    // A server that refuses may belong to nobody's sentinels; it is spoken of where one watches its address.
    const isWatched = atAddress(own, ask, found) !== undefined;
    return isWatched ? { ...nothing, problems: [ask.reasonOf(error)] } : nothing;
  }
}

/** A server that was started anew has another run id than its sentinels have heard yet. */
function atAddress(views: readonly View[], { address }: DiscoveryAsk, { port }: FoundServer): View | undefined {
  return views.find(({ data }) => data.some((one) => one.address === `${address}:${port}`));
}

async function viewsOf(ask: DiscoveryAsk, place: Pick<FoundServer, "host" | "port">): Promise<readonly View[]> {
  const list = async (...words: readonly string[]): Promise<readonly ReadonlyMap<string, string>[]> =>
    parsePairLists(`SENTINEL ${words[0] ?? ""}`, await ask.call(callOf(place, ["SENTINEL", ...words])));
  const address = (pairs: ReadonlyMap<string, string>): string => `${pairs.get("ip") ?? ""}:${pairs.get("port") ?? ""}`;
  const masters = await list("MASTERS");
  return Promise.all(
    masters.map(async (master) => {
      const name = master.get("name") ?? "";
      const [replicas, sentinels] = await Promise.all([list("REPLICAS", name), list("SENTINELS", name)]);
      return {
        name,
        data: [master, ...replicas].map((one) => ({ runId: one.get("runid") ?? "", address: address(one) })),
        sentinels: sentinels.map((one) => ({ id: one.get("runid") ?? "", address: address(one) })),
      };
    }),
  );
}

/** Sentinels name their connections `sentinel-<id>-cmd`; where they listen is told by none, so their standard port is tried. */
async function askConnectedSentinels(ask: DiscoveryAsk, found: FoundServer): Promise<readonly View[]> {
  const clients = parseClients(await ask.call(callOf(found, ["CLIENT", "LIST"])));
  const hosts = clients
    .filter(({ name }) => /^sentinel-[0-9a-f]+-cmd$/.test(name))
    .map(({ address }) => address.slice(0, address.lastIndexOf(":")));
  for (const host of new Set(hosts)) {
    try {
      return await viewsOf(ask, { host, port: sentinelPort });
    } catch (error) {
      // The next one may answer; where none does the server is nobody's member from here.
      if (!(error instanceof Error)) throw error;
    }
  }
  return [];
}

function sightedBy(view: View, node: string, settings: Sighted["members"][number]["member"]["settings"]): Sighted {
  const own = String(settings.announced);
  const hosts = [...view.data, ...view.sentinels]
    .map(({ address }) => hostOf(address))
    .filter((host) => host !== hostOf(own) && !isLoopback(host));
  return {
    members: [{ clusterKeys: keysOf(view, node), clusterName: view.name, member: { node, settings } }],
    peers: [...new Set(hosts)].map((host) => ({ names: [host] })),
    problems: [],
  };
}

/**
 * Many sets give their master the same name. What all sentinels of one set share are the servers they watch, though during a failover
 * they take them for master and replicas in different ways: by run id, which one that was only just told of may not know yet, and by
 * address, which may be a host's name with one and its number with another. Other sentinels are no such proof: one that was given to
 * another set is remembered by its old one.
 */
function keysOf({ name, data }: View, node: string): readonly string[] {
  const keys = data.flatMap(({ runId, address }) => [
    ...(runId === "" ? [] : [runId]),
    isLoopback(hostOf(address)) ? `${node} ${address}` : address,
  ]);
  return [...new Set(keys)].map((key) => `${name} ${key}`);
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}

function joined(all: readonly Sighted[]): Sighted {
  return {
    members: all.flatMap(({ members }) => members),
    peers: all.flatMap(({ peers }) => peers),
    problems: all.flatMap(({ problems }) => problems),
  };
}

/** A sentinel tells no CONFIG; its file does, where the login may read it. */
async function configuredFiles(
  access: NodeAccess,
  configFile: string,
): Promise<Readonly<Record<string, string | undefined>>> {
  if (configFile === "") return {};
  const script =
    'while read -r name value; do case $name in logfile|pidfile) echo "$name $value" ;; esac; done <"$1" 2>/dev/null';
  const { stdout } = await access.run(
    { argv: ["/bin/sh", "-c", script, "sh", configFile] },
    { deadlineMs: 10_000, maxBytes: 64 << 10 },
  );
  const lines = stdout.split("\n").map((line) => /^(\w+) "?([^"]*)"?$/.exec(line));
  return Object.fromEntries(
    lines.flatMap((found) => (found === null ? [] : [[found[1] ?? "", found[2] || undefined]])),
  );
}
