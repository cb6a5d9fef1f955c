import { sentence } from "../../../contract/sentence";
import { fieldsOf, type RedisInfo } from "../../probe/parse/redis-info";
import { parseClients, parsePairs, type SlowCall, type ToldClient } from "../../probe/parse/redis-lists";
import { wordsOf } from "../../probe/parse/redis-reply";
import { NotThere, ParseError, type Probe } from "../../probe/probe";
import { livenessProbe, type Liveness } from "../redis-server/liveness";
import { callProbe, infoProbe, replicasNeededProbe, slowCallsProbe } from "../redis-server/server";
import type { RedisClusterSite } from "./settings";
import { parseNodes, type KnownNode } from "./topology";

/** The cluster's standing as one node sees it. */
export interface ClusterState {
  readonly isOk: boolean;
  readonly assignedSlotCount: number;
  readonly okSlotCount: number;
  readonly suspectedSlotCount: number;
  readonly failedSlotCount: number;
  readonly knownNodeCount: number;
  /** Masters with slots. */
  readonly size: number;
  readonly currentEpoch: number;
  readonly ownEpoch: number;
}

/**
 * ```
 * cluster_state:ok
 * cluster_slots_assigned:16384
 * ```
 */
export function parseClusterState(text: string): ClusterState {
  const fields = fieldsOf(wordsOf("CLUSTER INFO", text));
  const state = fields.text("cluster_state");
  if (state !== "ok" && state !== "fail") throw new ParseError("the state in CLUSTER INFO", state);
  return {
    isOk: state === "ok",
    assignedSlotCount: fields.number("cluster_slots_assigned"),
    okSlotCount: fields.number("cluster_slots_ok"),
    suspectedSlotCount: fields.number("cluster_slots_pfail"),
    failedSlotCount: fields.number("cluster_slots_fail"),
    knownNodeCount: fields.number("cluster_known_nodes"),
    size: fields.number("cluster_size"),
    currentEpoch: fields.number("cluster_current_epoch"),
    ownEpoch: fields.number("cluster_my_epoch"),
  };
}

/** Settings that recoveries and tolerance rest on. */
export interface ClusterSettings {
  /** After so long a silence a node is suspected; voters refuse a second failover of a shard within twice that. */
  readonly nodeTimeoutMs: number;
  /** A replica whose data are older than so many node timeouts does not take over; 0: it does, however old they are. */
  readonly validityFactor: number;
}

export const standardValidityFactor = 10;

/** `["cluster-node-timeout","15000","cluster-require-full-coverage","yes",…]` */
export function parseClusterSettings(text: string): ClusterSettings {
  const pairs = parsePairs("CONFIG GET cluster-*", text);
  const timeout = pairs.get("cluster-node-timeout");
  if (timeout === undefined) throw new NotThere(sentence("redis-cluster/settings-hidden"));
  const factor =
    pairs.get("cluster-replica-validity-factor") ??
    pairs.get("cluster-slave-validity-factor") ??
    String(standardValidityFactor);
  if (!/^\d+$/.test(timeout) || !/^\d+$/.test(factor))
    throw new ParseError("cluster-node-timeout or the validity factor", `${timeout} ${factor}`);
  return {
    nodeTimeoutMs: Number(timeout),
    validityFactor: Number(factor),
  };
}

const settingsEveryMs = 60_000;

export interface RedisClusterProbes extends Readonly<Record<string, Probe<unknown>>> {
  readonly info: Probe<RedisInfo>;
  readonly nodes: Probe<readonly KnownNode[]>;
  readonly state: Probe<ClusterState>;
  readonly settings: Probe<ClusterSettings>;
  /** The connections of its replicas. */
  readonly replicas: Probe<readonly ToldClient[]>;
  readonly slowCalls: Probe<readonly SlowCall[]>;
  readonly replicasNeeded: Probe<number>;
  readonly liveness: Probe<Liveness>;
}

export function redisClusterProbes(site: RedisClusterSite): RedisClusterProbes {
  return {
    info: infoProbe(site),
    nodes: callProbe(site, ["CLUSTER", "NODES"], parseNodes),
    state: callProbe(site, ["CLUSTER", "INFO"], parseClusterState),
    settings: callProbe(site, ["CONFIG", "GET", "cluster-*"], parseClusterSettings, settingsEveryMs),
    replicas: callProbe(site, ["CLIENT", "LIST", "TYPE", "replica"], parseClients),
    slowCalls: slowCallsProbe(site),
    replicasNeeded: replicasNeededProbe(site),
    liveness: livenessProbe(site),
  };
}
