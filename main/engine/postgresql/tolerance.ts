import type { Tolerance } from "../../../contract/tolerance";
import { sentence } from "../../../contract/sentence";
import { synchronousNeed } from "./health/replication";
import { isStreamingFrom, solePrimary, standbysOf, type ServersSnapshot } from "./snapshot";

/** What may still fail: counted on standbys proven to stream from this primary, not on those that are configured. */
export function postgresqlTolerance(snapshot: ServersSnapshot): readonly Tolerance[] {
  const primary = solePrimary(snapshot);
  const evidence = snapshot.servers.map((server) => server.state.evidence.id);
  const candidates =
    primary === null || standbysOf(snapshot).some(({ standing }) => standing.state.activity === null)
      ? null
      : standbysOf(snapshot).filter(({ standing }) => isStreamingFrom(standing.state, primary.standing.state)).length;
  const service: Tolerance = {
    object: sentence("postgresql/tolerance.service"),
    needs: 1,
    has: candidates === null ? null : candidates + 1,
    tolerates: candidates,
    limitingDomain: primary?.node ?? null,
    evidence,
  };
  if (primary === null || primary.standing.state.synchronousStandbyNames === "") return [service];
  const needs = synchronousNeed(primary.standing.state.synchronousStandbyNames);
  const has =
    primary.replication.kind === "value" && primary.standing.state.activity !== null
      ? primary.replication.value.filter(({ state, syncState }) => state === "streaming" && syncState !== "async")
          .length
      : null;
  const commits: Tolerance = {
    object: sentence("postgresql/tolerance.commits"),
    needs,
    has,
    tolerates: has === null ? null : has - needs,
    limitingDomain: null,
    evidence: [primary.replication.evidence.id],
  };
  return [service, commits];
}
