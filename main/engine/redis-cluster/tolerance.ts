import type { Tolerance } from "../../../contract/tolerance";
import { sentence } from "../../../contract/sentence";
import { isBlind, isEligible, nameOf, nodeById, type ClusterSnapshot, type Shard } from "./snapshot";

/**
 * What may still fail. Votes and replicas are counted as the cluster's own view and the servers' own words prove them; the least of all
 * shards counts, and a host that holds several members fails as one.
 */
export function redisClusterTolerance(snapshot: ClusterSnapshot): readonly Tolerance[] {
  const { leading, shards } = snapshot;
  if (leading === null || shards.length === 0 || isBlind(snapshot))
    return [unknown("votes", 0), unknown("replicas", 1), unknown("hosts", 1)];
  const evidence = [leading.node.nodes.evidence.id, ...snapshot.nodes.map((node) => node.info.evidence.id)];
  const majority = Math.floor(shards.length / 2) + 1;
  const voting = shards.filter(({ master }) => master.failure === "none");
  const weakest = [...shards].sort((one, other) => copies(snapshot, one) - copies(snapshot, other))[0];
  const leastCopies = weakest === undefined ? 0 : copies(snapshot, weakest);
  const fatal = fatalHost(snapshot, majority, voting);
  return [
    {
      object: sentence("redis-cluster/tolerance.votes"),
      needs: majority,
      has: voting.length,
      tolerates: voting.length - majority,
      limitingDomain: largestHost(snapshot, voting),
      evidence,
    },
    {
      object: sentence("redis-cluster/tolerance.replicas"),
      needs: 1,
      has: leastCopies,
      tolerates: leastCopies - 1,
      limitingDomain: weakest === undefined ? null : nameOf(snapshot, weakest.master),
      evidence,
    },
    {
      object: sentence("redis-cluster/tolerance.hosts"),
      needs: 1,
      has: fatal === null ? 2 : 1,
      tolerates: fatal === null ? 1 : 0,
      limitingDomain: fatal,
      evidence,
    },
  ];
}

function unknown(name: string, needs: number): Tolerance {
  return {
    object: sentence(`redis-cluster/tolerance.${name}`),
    needs,
    has: null,
    tolerates: null,
    limitingDomain: null,
    evidence: [],
  };
}

/** Members that hold a shard's data and could serve it: its master and the replicas that could take over. */
function copies(snapshot: ClusterSnapshot, { master, replicas }: Shard): number {
  return Number(master.failure === "none") + replicas.filter((one) => isEligible(snapshot, one)).length;
}

function hostOf(snapshot: ClusterSnapshot, id: string): string | null {
  return nodeById(snapshot, id)?.node ?? null;
}

/** The host with the most votes: losing it costs as many at once. */
function largestHost(snapshot: ClusterSnapshot, voting: readonly Shard[]): string | null {
  const counts = new Map<string, number>();
  for (const { master } of voting) {
    const host = hostOf(snapshot, master.id);
    if (host !== null) counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return [...counts].sort(([one, many], [other, more]) => more - many || one.localeCompare(other))[0]?.[0] ?? null;
}

/** A host whose loss alone would cost the majority, or a shard with all of its copies; null when there is none. */
function fatalHost(snapshot: ClusterSnapshot, majority: number, voting: readonly Shard[]): string | null {
  const hosts = [...new Set(snapshot.nodes.map(({ node }) => node))].sort();
  return (
    hosts.find((host) => {
      const left = voting.filter(({ master }) => hostOf(snapshot, master.id) !== host).length;
      // A shard whose master is there needs a vote of the others to get a new one.
      const holdsMaster = left < voting.length;
      const losesShard = snapshot.shards.some(({ master, replicas }) => {
        const elsewhere = replicas.filter((one) => isEligible(snapshot, one) && hostOf(snapshot, one.id) !== host);
        return hostOf(snapshot, master.id) === host && elsewhere.length === 0;
      });
      return (holdsMaster && left < majority) || losesShard;
    }) ?? null
  );
}
