import { describe, expect, it } from "vitest";
import { sentence } from "../../contract/sentence";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { redisClusterHealth } from "../../main/engine/redis-cluster/health";
import { redisClusterProbes, type RedisClusterProbes } from "../../main/engine/redis-cluster/probes";
import { redisClusterSettings } from "../../main/engine/redis-cluster/settings";
import { snapshotCluster } from "../../main/engine/redis-cluster/snapshot";
import { replay } from "./case";

type Member = MemberReadings<typeof redisClusterSettings, RedisClusterProbes>;

const parts = { id: "redis-cluster", settings: redisClusterSettings, probes: redisClusterProbes };
/** r1 hears one replica and asks for two. */
const recorded: readonly Member[] = replay(
  parts as unknown as Engine<typeof redisClusterSettings, RedisClusterProbes, unknown>,
  "writes-refused",
);

/** As recorded, but read with a login that may not ask for settings. */
function withoutSettings(one: Member): Member {
  const { replicasNeeded } = one.readings;
  const reason = sentence("wire/permission-denied", { user: "reader", node: one.site.node, problem: "NOPERM" });
  return {
    ...one,
    readings: { ...one.readings, replicasNeeded: { kind: "failed", reason, evidence: replicasNeeded.evidence } },
  };
}

/** As recorded, but r1 hears so many replicas. */
function hearing(one: Member, goodReplicaCount: number): Member {
  const { info } = one.readings;
  if (one.site.member !== "r1" || info.kind !== "value" || info.value.replication?.role !== "master") return one;
  const replication = { ...info.value.replication, goodReplicaCount };
  return { ...one, readings: { ...one.readings, info: { ...info, value: { ...info.value, replication } } } };
}

const refused = (members: readonly Member[]): readonly unknown[] =>
  redisClusterHealth
    .filter(({ code }) => code === "redis-cluster/WritesRefused")
    .flatMap(({ find }) => find(snapshotCluster(members)))
    .map(({ facts, cannotTell }) => (cannotTell === undefined ? facts : { ...facts, cannotTell }));

describe("a master that counts the replicas it hears", () => {
  it("refuses writes where it hears fewer than it asks for", () => {
    expect(refused(recorded)).toEqual([{ member: "r1", good: 1, needed: 2 }]);
  });

  it("is not said to refuse them, with a number nobody told, where what it asks for may not be read", () => {
    expect(refused(recorded.map(withoutSettings))).toEqual([]);
  });

  it("refuses them where it hears none, which is too few whatever it asks for", () => {
    const deaf = recorded.map((one) => hearing(withoutSettings(one), 0));
    expect(refused(deaf)).toEqual([{ member: "r1", good: 0, needed: 1 }]);
  });
});
