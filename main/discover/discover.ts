import type { DiscoveredCluster, Discovery, Login, Node } from "../../contract/inventory";
import { sentence, type Sentence } from "../../contract/sentence";
import type { AnyEngine, DiscoveryAsk, Sighted } from "../engine/engine";
import type { NodeAccess } from "../ssh/access";

export interface DiscoverParts {
  readonly engines: readonly AnyEngine[];
  /** Makes a login usable under a name; the same name again gives the same access. */
  readonly reach: (node: Node) => Promise<{ readonly access: NodeAccess; readonly address: string }>;
  /** The user's own name for a host, by its alias or its HostName; null where ssh_config does not know it. */
  readonly aliasOf: (name: string) => string | null;
  readonly asks: (access: NodeAccess, address: string) => DiscoveryAsk;
  readonly reasonOf: (error: unknown, node: string) => Sentence;
  readonly progress: (line: Sentence) => void;
}

/** A cluster never spans more hosts than this in one look; a longer walk is more likely a loop of names. */
const mostHosts = 200;

interface Walk {
  readonly nodes: Map<string, Node>;
  readonly addresses: Map<string, string>;
  readonly sighted: { readonly engine: string; readonly seen: Sighted }[];
  readonly problems: Sentence[];
}

/** From one host to the clusters it belongs to, asking each host they speak of in turn. */
export async function discover(parts: DiscoverParts, discoveryId: string, seed: Login): Promise<Discovery> {
  const walk: Walk = { nodes: new Map(), addresses: new Map(), sighted: [], problems: [] };
  const queue: Login[] = [{ ...seed, host: parts.aliasOf(seed.host) ?? seed.host }];
  while (queue.length > 0 && walk.nodes.size < mostHosts) {
    // Several engines and members may speak of the same host; it is asked once.
    const named = new Map(queue.splice(0).map((login) => [login.host, login]));
    const round = [...named.values()].filter((login) => isNew(walk, login.host));
    for (const login of round) walk.nodes.set(login.host, { node: login.host, login });
    const found = await Promise.all(round.map((login) => visit(parts, walk, login)));
    queue.push(...found.flat().map((names) => nextLogin(parts, seed, names)));
  }
  return { discoveryId, clusters: group(walk), problems: walk.problems };
}

function isNew(walk: Walk, host: string): boolean {
  return !walk.nodes.has(host) && ![...walk.addresses.values()].includes(host);
}

/** Asks one host; gives the names of the hosts it speaks of. */
async function visit(parts: DiscoverParts, walk: Walk, login: Login): Promise<readonly (readonly string[])[]> {
  const node = { node: login.host, login };
  parts.progress(sentence("discover/asking", { node: login.host }));
  try {
    const { access, address } = await parts.reach(node);
    walk.addresses.set(login.host, address);
    await access.ready();
    const seen = await Promise.all(
      parts.engines.map(async (engine) => ({
        engine: engine.id,
        seen: await engine.discovery?.look(access, parts.asks(access, address)),
      })),
    );
    const whole = seen.flatMap((one) => (one.seen === undefined ? [] : [{ engine: one.engine, seen: one.seen }]));
    walk.sighted.push(...whole);
    walk.problems.push(...whole.flatMap((one) => one.seen.problems));
    const memberCount = whole.reduce((sum, one) => sum + one.seen.members.length, 0);
    parts.progress(sentence("discover/found", { node: login.host, memberCount }));
    return whole.flatMap((one) => one.seen.peers.map((peer) => peer.names));
  } catch (error) {
    const reason = parts.reasonOf(error, login.host);
    walk.nodes.delete(login.host);
    walk.problems.push(reason);
    parts.progress(reason);
    return [];
  }
}

/** The user's own entry for the host wins; otherwise the host is tried with the login of the seed. A transport is chosen for the whole cluster. */
function nextLogin(parts: DiscoverParts, seed: Login, names: readonly string[]): Login {
  const alias = names.map(parts.aliasOf).find((found) => found !== null);
  if (alias != null) return { host: alias, ...(seed.transport && { transport: seed.transport }) };
  return { ...seed, host: names[names.length - 1] ?? seed.host };
}

function group(walk: Walk): DiscoveredCluster[] {
  return together(walk).flatMap((sightings) => clusterOf(walk, sightings) ?? []);
}

type SightedMember = Sighted["members"][number] & { readonly engine: string };

/** Members that share a key, be it through others that are sighted later; in the order of the walk. */
function together(walk: Walk): readonly (readonly SightedMember[])[] {
  const all = walk.sighted.flatMap(({ engine, seen }) => seen.members.map((member) => ({ ...member, engine })));
  const groupOf = new Map<string, Set<SightedMember>>();
  for (const one of all) {
    const keys = one.clusterKeys.map((key) => `${one.engine} ${key}`);
    const joined = new Set([one, ...keys.flatMap((key) => [...(groupOf.get(key) ?? [])])]);
    for (const member of joined) for (const key of member.clusterKeys) groupOf.set(`${member.engine} ${key}`, joined);
  }
  return [...new Set(groupOf.values())].map((members) => all.filter((one) => members.has(one)));
}

function clusterOf(walk: Walk, sightings: readonly SightedMember[]): DiscoveredCluster | null {
  const nodes = new Map<string, Node>();
  const members: DiscoveredCluster["members"][number][] = [];
  for (const { member } of sightings) {
    const isTwin = members.some(
      (other) =>
        other.node === member.node &&
        other.settings.dataDirectory === member.settings.dataDirectory &&
        other.settings.port === member.settings.port,
    );
    const isSecond = members.some((other) => other.node === member.node);
    const node = walk.nodes.get(member.node);
    if (isTwin || node === undefined) continue;
    nodes.set(node.node, node);
    members.push({
      ...member,
      member: isSecond ? `${member.node}:${String(member.settings.port ?? "")}` : member.node,
    });
  }
  const [first] = sightings;
  if (first === undefined || members.length === 0) return null;
  return {
    engine: first.engine,
    suggestedName: first.clusterName,
    nodes: [...nodes.values()].sort((one, other) => one.node.localeCompare(other.node)),
    members: members.sort((one, other) => one.member.localeCompare(other.member)),
    problems: [],
  };
}
