import type { Tolerance } from "../../../contract/tolerance";
import { sentence } from "../../../contract/sentence";
import { hostsToLose } from "../quorum";
import { quorumOf, tolerated, voting, type EnsembleSnapshot } from "./snapshot";

/** What may still fail: counted on voters proven in sync, against a majority of those that are configured; observers never count. */
export function zookeeperTolerance(snapshot: EnsembleSnapshot): readonly Tolerance[] {
  const needs = quorumOf(snapshot);
  const tolerates = tolerated(snapshot);
  const voters = voting(snapshot);
  const evidence = snapshot.servers.flatMap(({ measured, srvr }) => [measured.evidence.id, srvr.evidence.id]);
  const hosts = hostsToLose(
    voters.map(({ node }) => node),
    needs ?? 0,
  );
  return [
    {
      object: sentence("zookeeper/tolerance.voters"),
      needs: needs ?? 0,
      has: tolerates === null ? null : voters.length,
      tolerates,
      limitingDomain: hosts.greatest,
      evidence,
    },
    {
      object: sentence("zookeeper/tolerance.hosts"),
      needs: needs === null ? 0 : hosts.needs,
      has: tolerates === null ? null : hosts.has,
      tolerates: tolerates === null ? null : Math.min(tolerates, hosts.tolerates),
      limitingDomain: hosts.greatest,
      evidence,
    },
  ];
}
