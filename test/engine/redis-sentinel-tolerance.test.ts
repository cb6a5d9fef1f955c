import { expect, it } from "vitest";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { redisSentinelProbes, type RedisSentinelProbes } from "../../main/engine/redis-sentinel/probes";
import { redisSentinelSettings } from "../../main/engine/redis-sentinel/settings";
import { snapshotSentinels } from "../../main/engine/redis-sentinel/snapshot";
import { redisSentinelTolerance } from "../../main/engine/redis-sentinel/tolerance";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof redisSentinelSettings, RedisSentinelProbes>[];

const parts = { id: "redis-sentinel", settings: redisSentinelSettings, probes: redisSentinelProbes };
const healthy: Members = replay(
  parts as unknown as Engine<typeof redisSentinelSettings, RedisSentinelProbes, unknown>,
  "healthy",
);

/** What may fail by its name, where every sentinel reaches so many. */
function tolerated(usableCount: number): unknown {
  const members = healthy.map((one): Members[number] => {
    const { quorum } = one.readings;
    if (quorum?.kind !== "value") return one;
    return { ...one, readings: { ...one.readings, quorum: { ...quorum, value: { ...quorum.value, usableCount } } } };
  });
  return Object.fromEntries(
    redisSentinelTolerance(snapshotSentinels(members)).map(({ object, tolerates }) => [
      object.code.split(".")[1],
      tolerates,
    ]),
  );
}

it("a host counts the votes as the votes themselves are counted: sentinels that watch and do not reach each other have none", () => {
  expect(tolerated(3)).toEqual({ votes: 1, replicas: 2, hosts: 1 });
  expect(tolerated(1)).toEqual({ votes: -1, replicas: 2, hosts: 0 });
});
