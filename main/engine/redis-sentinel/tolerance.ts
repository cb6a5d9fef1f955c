import type { Tolerance } from "../../../contract/tolerance";
import { sentence } from "../../../contract/sentence";
import { isGone } from "../redis-server/server";
import { isBlind, isEligible, sentinelCount, soleMaster, watchingSentinels, type SentinelSnapshot } from "./snapshot";

/** What may still fail: sentinels counted as they count themselves, dead ones included; replicas as their own words prove them. */
export function redisSentinelTolerance(snapshot: SentinelSnapshot): readonly Tolerance[] {
  const evidence = snapshot.members.map(({ info }) => info.evidence.id);
  const needs = votesNeeded(snapshot);
  const usable = isBlind(snapshot) ? null : usableCount(snapshot);
  const master = soleMaster(snapshot);
  const eligible = snapshot.data.filter((one) => isEligible(snapshot, one)).length;
  const isUnknown = needs === null || usable === null || master === null;
  const fatal = isUnknown ? null : fatalHost(snapshot, needs);
  return [
    {
      object: sentence("redis-sentinel/tolerance.votes"),
      needs: needs ?? 1,
      has: needs === null ? null : usable,
      tolerates: needs === null || usable === null ? null : usable - needs,
      limitingDomain: largestHost(snapshot),
      evidence,
    },
    {
      object: sentence("redis-sentinel/tolerance.replicas"),
      needs: 1,
      has: master === null ? null : eligible + 1,
      tolerates: master === null ? null : eligible,
      limitingDomain: master?.node ?? null,
      evidence,
    },
    {
      object: sentence("redis-sentinel/tolerance.hosts"),
      needs: 1,
      has: isUnknown ? null : fatal === null ? 2 : 1,
      tolerates: isUnknown ? null : fatal === null ? 1 : 0,
      limitingDomain: fatal,
      evidence,
    },
  ];
}

/** The quorum detects, a majority of all known sentinels authorises. */
export function votesNeeded(snapshot: SentinelSnapshot): number | null {
  const all = sentinelCount(snapshot);
  const quorums = snapshot.sentinels.flatMap(({ master }) => (master.kind === "value" ? [master.value.quorum] : []));
  return all === null ? null : Math.max(...quorums, Math.floor(all / 2) + 1);
}

/** Sentinels that reach each other, by the word of the one that reaches most, without those proven gone since. */
function usableCount(snapshot: SentinelSnapshot): number {
  const told = watchingSentinels(snapshot).map(({ quorum }) =>
    quorum.kind === "value" ? quorum.value.usableCount : 1,
  );
  return Math.min(Math.max(0, ...told), snapshot.sentinels.filter((one) => !isGone(one)).length);
}

function largestHost(snapshot: SentinelSnapshot): string | null {
  const counts = new Map<string, number>();
  for (const { node } of watchingSentinels(snapshot)) counts.set(node, (counts.get(node) ?? 0) + 1);
  return [...counts].sort(([one, many], [other, more]) => more - many || one.localeCompare(other))[0]?.[0] ?? null;
}

/** A host whose loss alone leaves a dead master without a vote, or without a replica to promote; null when there is none. */
function fatalHost(snapshot: SentinelSnapshot, needs: number): string | null {
  const master = soleMaster(snapshot);
  if (master === null) return null;
  const others = snapshot.data.filter((one) => one.node !== master.node && isEligible(snapshot, one)).length;
  const onHost = snapshot.sentinels.filter((one) => one.node === master.node && !isGone(one)).length;
  const votes = usableCount(snapshot) - onHost;
  // Losing another host leaves the master serving; only the master's own host must be survived by vote and copy.
  return others === 0 || votes < needs ? master.node : null;
}
