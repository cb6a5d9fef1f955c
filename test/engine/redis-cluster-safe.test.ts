import { describe, expect, it } from "vitest";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { redisClusterProbes, type RedisClusterProbes } from "../../main/engine/redis-cluster/probes";
import { forgetNode } from "../../main/engine/redis-cluster/recovery/forget";
import { redisClusterJudges } from "../../main/engine/redis-cluster/recovery/judges";
import { rebalanceBySlots } from "../../main/engine/redis-cluster/recovery/slots";
import { redisClusterSettings } from "../../main/engine/redis-cluster/settings";
import { snapshotCluster, type ClusterSnapshot } from "../../main/engine/redis-cluster/snapshot";
import type { Claim } from "../../main/engine/engine";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof redisClusterSettings, RedisClusterProbes>[];

const parts = { id: "redis-cluster", settings: redisClusterSettings, probes: redisClusterProbes };
const recorded = (name: string): Members =>
  replay(parts as unknown as Engine<typeof redisClusterSettings, RedisClusterProbes, unknown>, name);
/** What the snapshot shows instead of these claims. */
const instead = (snapshot: ClusterSnapshot, claims: readonly Claim[]): readonly string[] =>
  claims.flatMap(({ code, facts }) => redisClusterJudges[code]?.(snapshot, facts)?.code ?? []);

describe("forgetting a dead node", () => {
  const killed = recorded("replica-killed");
  const snapshot = snapshotCluster(killed);
  const target = snapshot.nodes.find(({ standing }) => standing.kind === "stopped");
  const { steps } = forgetNode.plan(snapshot, target?.member ?? "");

  it("is not gone on with once one member hears it again", () => {
    const heard = snapshotCluster(
      killed.map((one): Members[number] => {
        const { nodes } = one.readings;
        if (one.site.member !== "r6" || nodes.kind !== "value") return one;
        const value = nodes.value.map((known) =>
          known.id === target?.id ? { ...known, failure: "none" as const } : known,
        );
        return { ...one, readings: { ...one.readings, nodes: { ...nodes, value } } };
      }),
    );
    expect(steps.length).toBe(5);
    for (const { stillSafe } of steps) {
      expect(instead(snapshot, stillSafe)).toEqual([]);
      expect(instead(heard, stillSafe)).toEqual(["redis-cluster/not-proven-stopped"]);
    }
  });

  it("is not gone on with once it runs again", () => {
    const back = snapshotCluster(
      killed.map((one): Members[number] => {
        const { liveness } = one.readings;
        if (one.site.member !== target?.member || liveness.kind !== "value") return one;
        const value = { kind: "running", pid: 77, isStopped: false } as const;
        return { ...one, readings: { ...one.readings, liveness: { ...liveness, value } } };
      }),
    );
    for (const { stillSafe } of steps) expect(instead(back, stillSafe)).toEqual(["redis-cluster/not-proven-stopped"]);
  });
});

describe("moving slots to a master with a memory limit", () => {
  const unbalanced = recorded("healthy-unbalanced");
  const { steps } = rebalanceBySlots.plan(snapshotCluster(unbalanced), "all masters");
  /** Every server has a limit of this share over what it uses. */
  const limited = (share: number): ClusterSnapshot =>
    snapshotCluster(
      unbalanced.map((one): Members[number] => {
        const { info } = one.readings;
        if (info.kind !== "value" || info.value.memory === null) return one;
        const memory = { ...info.value.memory, mostBytes: Math.round(info.value.memory.usedBytes * share) };
        return { ...one, readings: { ...one.readings, info: { ...info, value: { ...info.value, memory } } } };
      }),
    );

  it("is not begun where all that is to come would fill it", () => {
    const objections = (snapshot: ClusterSnapshot): readonly string[] =>
      rebalanceBySlots.objections(snapshot).map(({ code }) => code);
    expect(objections(snapshotCluster(unbalanced))).toEqual([]);
    expect(objections(limited(10))).toEqual([]);
    expect(objections(limited(1.1))).toEqual(["redis-cluster/no-room"]);
    expect(objections(snapshotCluster(recorded("no-room")))).toEqual(["redis-cluster/no-room"]);
  });

  it("looks for room before every chunk", () => {
    const [first] = steps;
    expect(instead(snapshotCluster(unbalanced), first?.stillSafe ?? [])).toEqual([]);
    expect(instead(limited(10), first?.stillSafe ?? [])).toEqual([]);
    for (const { stillSafe } of steps) expect(instead(limited(1.1), stillSafe)).toContain("redis-cluster/no-room");
  });
});
