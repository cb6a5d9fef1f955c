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

/** First by what members and those that list them tell, then among those that nobody lists by what they are configured with. */
function together(walk: Walk): readonly (readonly SightedMember[])[] {
  const all = walk.sighted.flatMap(({ engine, seen }) => seen.members.map((member) => ({ ...member, engine })));
  const byKey = joinedBy(
    all.map((one) => [one]),
    ({ clusterKeys }) => clusterKeys,
  );
  const isUnlisted = (group: readonly SightedMember[]): boolean =>
    group.every(({ configured }) => configured !== undefined);
  const listed = byKey.filter((group) => !isUnlisted(group));
  const byPlace = joinedBy(byKey.filter(isUnlisted), ({ configured }) => configured?.places ?? []);
  const byName = joinedBy(byPlace, (one) => {
    const { configured } = one;
    if (configured === undefined || isNameInDoubt(one, listed, byPlace)) return [];
    return [configured.name];
  });
  return [...listed, ...byName]
    .map((group) => all.filter((one) => group.includes(one)))
    .sort(([one], [other]) => (one && other ? all.indexOf(one) - all.indexOf(other) : 0));
}

/** A cluster of that name answers and does not list this one, or two tell different places under the same name. */
function isNameInDoubt(
  { engine, clusterName, configured }: SightedMember,
  listed: readonly (readonly SightedMember[])[],
  byPlace: readonly (readonly SightedMember[])[],
): boolean {
  const placed = byPlace.filter((group) =>
    group.some(
      (other) =>
        other.engine === engine &&
        other.configured !== undefined &&
        other.configured.name === configured?.name &&
        other.configured.places.length > 0,
    ),
  );
  const isAnswering = listed.flat().some((other) => other.engine === engine && other.clusterName === clusterName);
  return isAnswering || placed.length > 1;
}

/** Groups that share a key of one of their members, be it through others that come later. */
function joinedBy(
  groups: readonly (readonly SightedMember[])[],
  keysOf: (member: SightedMember) => readonly string[],
): readonly (readonly SightedMember[])[] {
  const keysIn = (group: readonly SightedMember[]): readonly string[] =>
    group.flatMap((member) => keysOf(member).map((key) => `${member.engine} ${key}`));
  return groups.reduce<readonly (readonly SightedMember[])[]>((joined, group) => {
    const keys = new Set(keysIn(group));
    const same = joined.filter((other) => keysIn(other).some((key) => keys.has(key)));
    return [...joined.filter((other) => !same.includes(other)), [...same.flat(), ...group]];
  }, []);
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
