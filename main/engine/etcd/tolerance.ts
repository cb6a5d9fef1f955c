import type { Tolerance } from "../../../contract/tolerance";
import { sentence } from "../../../contract/sentence";
import { hostsToLose } from "../quorum";
import { quorumOf, tolerated, voting, type EtcdSnapshot } from "./snapshot";

/** What may still fail: counted on voters proven to follow the leader, against a majority of those that are configured. */
export function etcdTolerance(snapshot: EtcdSnapshot): readonly Tolerance[] {
  const needs = quorumOf(snapshot);
  const tolerates = tolerated(snapshot);
  const voters = voting(snapshot);
  const evidence = snapshot.members.flatMap(({ status, members }) => [status.evidence.id, members.evidence.id]);
  const hosts = hostsToLose(
    voters.map(({ node }) => node),
    needs ?? 0,
  );
  const has = tolerates === null ? null : voters.length;
  return [
    {
      object: sentence("etcd/tolerance.voters"),
      needs: needs ?? 0,
      has,
      tolerates,
      limitingDomain: hosts.greatest,
      evidence,
    },
    {
      object: sentence("etcd/tolerance.hosts"),
      needs: needs === null ? 0 : hosts.needs,
      has: tolerates === null ? null : hosts.has,
      tolerates: tolerates === null ? null : Math.min(tolerates, hosts.tolerates),
      limitingDomain: hosts.greatest,
      evidence,
    },
  ];
}
