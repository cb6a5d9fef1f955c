import { describe, expect, it } from "vitest";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { isLost } from "../../main/engine/redis-cluster/health";
import { redisClusterProbes, type RedisClusterProbes } from "../../main/engine/redis-cluster/probes";
import { redisClusterSettings } from "../../main/engine/redis-cluster/settings";
import { snapshotCluster } from "../../main/engine/redis-cluster/snapshot";
import { restartNode, startNode } from "../../main/engine/redis-cluster/recovery/restart";
import type { KnownNode } from "../../main/engine/redis-cluster/topology";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof redisClusterSettings, RedisClusterProbes>[];

const parts = { id: "redis-cluster", settings: redisClusterSettings, probes: redisClusterProbes };
/** The recording of a killed master, whose host says that nothing runs; how the others know it is changed. */
const killed: Members = replay(
  parts as unknown as Engine<typeof redisClusterSettings, RedisClusterProbes, unknown>,
  "master-killed",
);
const victim = "r1";

/** The names of masters that are lost where the viewers know the victim so. */
function lost(change: (viewer: string) => Partial<KnownNode>, members: Members = killed): readonly string[] {
  const id = killed.find(({ site }) => site.member === victim)?.site.settings.nodeId;
  const snapshot = snapshotCluster(
    members.map((one): Members[number] => {
      const { nodes } = one.readings;
      if (nodes.kind !== "value") return one;
      const value = nodes.value.map((known) => (known.id === id ? { ...known, ...change(one.site.member) } : known));
      return { ...one, readings: { ...one.readings, nodes: { ...nodes, value } } };
    }),
  );
  return snapshot.shards.filter((shard) => isLost(snapshot, shard)).map(({ master }) => master.id.slice(0, 4));
}

describe("a master that its host says is stopped", () => {
  const name = killed.find(({ site }) => site.member === victim)?.site.settings.nodeId.slice(0, 4);

  it("is lost as soon as nobody is linked to it, before anybody suspects it", () => {
    expect(lost(() => ({ failure: "none", isLinked: false }))).toEqual([name]);
  });

  it("is not lost while one of the others is linked to it: it is asked at a wrong port", () => {
    expect(lost((viewer) => ({ failure: "none", isLinked: viewer === "r6" }))).toEqual([]);
  });

  it("is lost by the others' word alone only when they agreed", () => {
    const unseen = killed.map((one): Members[number] =>
      one.site.member !== victim || one.readings.info.kind !== "failed"
        ? one
        : {
            ...one,
            readings: {
              ...one.readings,
              liveness: { ...one.readings.info, evidence: one.readings.liveness.evidence },
            },
          },
    );
    expect(lost(() => ({ failure: "suspected", isLinked: false }), unseen)).toEqual([]);
    expect(lost(() => ({ failure: "agreed", isLinked: false }), unseen)).toEqual([name]);
  });
});

/** The look before showed whether the victim has an append-only file. */
function lookedAt(members: Members, usesAppendOnlyFile: boolean): Members {
  return members.map((one): Members[number] => {
    const info = killed.find(({ readings }) => readings.info.kind === "value")?.readings.info;
    if (one.site.member !== victim || info?.kind !== "value" || info.value.persistence === null) return one;
    const value = { ...info.value, persistence: { ...info.value.persistence, usesAppendOnlyFile } };
    return { ...one, previous: { ...one.readings, info: { ...info, value } } };
  });
}

describe("restarting the only copy of a shard that is left", () => {
  const warned = (members: Members, target: string): unknown => {
    const { risk, warnings } = restartNode.plan(snapshotCluster(members), target);
    return [risk, warnings.map(({ code }) => code)];
  };
  const hung = killed.map((one): Members[number] => {
    const { liveness } = one.readings;
    if (one.site.member !== victim || liveness.kind !== "value") return one;
    const value = { kind: "running", pid: 77, isStopped: true } as const;
    return { ...one, readings: { ...one.readings, liveness: { ...liveness, value } } };
  });

  it("may lose what is in the memory of a master that hangs alone, and what its replicas hold with it", () => {
    const lossy = [
      "redis-cluster/warning.memory-only",
      "redis-cluster/warning.starts-empty",
      "redis-cluster/warning.restart",
    ];
    expect(warned(hung, victim)).toEqual(["R3", lossy]);
    expect(warned(lookedAt(hung, false), victim)).toEqual(["R3", lossy]);
    expect(warned(lookedAt(hung, true), victim)).toEqual([undefined, ["redis-cluster/warning.restart"]]);
  });

  it("may lose what a replica holds in its memory alone once its master is gone", () => {
    const inMemory = killed.map((one): Members[number] => {
      const { info } = one.readings;
      if (one.site.member !== "r5" || info.kind !== "value" || info.value.persistence === null) return one;
      const persistence = { ...info.value.persistence, usesAppendOnlyFile: false };
      return { ...one, readings: { ...one.readings, info: { ...info, value: { ...info.value, persistence } } } };
    });
    expect(warned(inMemory, "r5")).toEqual(["R3", ["redis-cluster/warning.memory-only"]]);
    expect(warned(killed, "r5")).toEqual([undefined, []]);
    expect(warned(killed, "r4")).toEqual([undefined, []]);
  });
});

describe("starting a master whose shard nobody took over", () => {
  const warned = (members: Members): unknown => {
    const { risk, warnings } = startNode.plan(snapshotCluster(members), victim);
    return [risk, warnings.map(({ code }) => code)];
  };
  it("may lose the shard's data where nothing shows that it keeps them on disk", () => {
    expect(warned(killed)).toEqual(["R3", ["redis-cluster/warning.starts-empty"]]);
    expect(warned(lookedAt(killed, false))).toEqual(["R3", ["redis-cluster/warning.starts-empty"]]);
  });

  it("may lose it as well where nobody tells who copies it", () => {
    const members = killed.map((one): Members[number] => {
      const { liveness } = one.readings;
      if (one.site.member === victim) return one;
      const reason = { code: "ssh/timeout", facts: { node: one.site.node } };
      const failed = (reading: { readonly evidence: typeof liveness.evidence }) =>
        ({ kind: "failed", reason, evidence: reading.evidence }) as const;
      const readings = Object.fromEntries(
        Object.entries(one.readings).map(([probe, reading]) => [probe, failed(reading)]),
      ) as unknown as typeof one.readings;
      return { ...one, readings: { ...readings, liveness: failed(liveness) } };
    });
    expect(warned(members)).toEqual([
      "R3",
      ["redis-cluster/warning.may-be-copied", "redis-cluster/warning.writes-dropped"],
    ]);
  });

  it("is no such danger where the look before shows its append-only file", () => {
    expect(warned(lookedAt(killed, true))).toEqual([undefined, []]);
  });
});
