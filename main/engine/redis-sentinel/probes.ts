import type { RedisInfo } from "../../probe/parse/redis-info";
import type { SlowCall } from "../../probe/parse/redis-lists";
import type { Probe } from "../../probe/probe";
import { livenessProbe, type Liveness } from "../redis-server/liveness";
import { callProbe, infoProbe, replicasNeededProbe, slowCallsProbe } from "../redis-server/server";
import type { RedisSentinelSite } from "./settings";
import {
  parseQuorumCheck,
  parseWatchedMaster,
  parseWatchedReplicas,
  parseWatchedSentinels,
  type QuorumCheck,
  type WatchedMaster,
  type WatchedReplica,
  type WatchedSentinel,
} from "./watched";

/** Data servers and sentinels are asked different things; what a member is not asked is absent. */
export interface RedisSentinelProbes extends Readonly<Record<string, Probe<unknown>>> {
  readonly info: Probe<RedisInfo>;
  readonly liveness: Probe<Liveness>;
  readonly slowCalls?: Probe<readonly SlowCall[]>;
  readonly replicasNeeded?: Probe<number>;
  readonly master?: Probe<WatchedMaster>;
  readonly replicas?: Probe<readonly WatchedReplica[]>;
  readonly sentinels?: Probe<readonly WatchedSentinel[]>;
  readonly quorum?: Probe<QuorumCheck>;
}

export function redisSentinelProbes(site: RedisSentinelSite): RedisSentinelProbes {
  const both = { info: infoProbe(site), liveness: livenessProbe(site) };
  const { kind, masterName } = site.settings;
  if (kind !== "sentinel")
    return { ...both, slowCalls: slowCallsProbe(site), replicasNeeded: replicasNeededProbe(site) };
  return {
    ...both,
    master: callProbe(site, ["SENTINEL", "MASTER", masterName], parseWatchedMaster),
    replicas: callProbe(site, ["SENTINEL", "REPLICAS", masterName], parseWatchedReplicas),
    sentinels: callProbe(site, ["SENTINEL", "SENTINELS", masterName], parseWatchedSentinels),
    quorum: callProbe(site, ["SENTINEL", "CKQUORUM", masterName], parseQuorumCheck),
  };
}
