import { describe, expect, it } from "vitest";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { zookeeperHealth } from "../../main/engine/zookeeper/health";
import { zookeeperProbes, type Monitored, type ZookeeperProbes } from "../../main/engine/zookeeper/probes";
import { zookeeperSettings } from "../../main/engine/zookeeper/settings";
import { snapshotEnsemble } from "../../main/engine/zookeeper/snapshot";
import type { Reading } from "../../main/probe/probe";
import { replay } from "./case";

type Readings = MemberReadings<typeof zookeeperSettings, ZookeeperProbes>;

const parts = { id: "zookeeper", settings: zookeeperSettings, probes: zookeeperProbes };
const recorded = replay(
  parts as unknown as Engine<typeof zookeeperSettings, ZookeeperProbes, unknown>,
  "slow-answers",
).slice(0, 1);

/** The recorded server with other counts of what it answered; null is a count that its version does not tell. */
function measuring(reading: Reading<Monitored>, counts: Readonly<Record<string, number | null>>): Reading<Monitored> {
  if (reading.kind !== "value") return reading;
  const { value } = reading;
  const number = (name: string): number | null => {
    const count = counts[name];
    return count === undefined ? value.number(name) : count;
  };
  return { ...reading, value: { ...value, number } };
}

function seen(before: Readonly<Record<string, number | null>>, now: Readonly<Record<string, number | null>>): unknown {
  const snapshot = snapshotEnsemble(
    recorded.map((one): Readings => {
      const { readings, previous } = one;
      if (previous === undefined) throw new Error("the recording has no look before");
      return {
        ...one,
        readings: { ...readings, mntr: measuring(readings.mntr, now) },
        previous: { ...previous, mntr: measuring(previous.mntr, before) },
      };
    }),
  );
  return zookeeperHealth
    .filter(({ code }) => code.startsWith("zookeeper/LatencyHigh"))
    .flatMap(({ code, find }) => find(snapshot).map(({ level, facts }) => [code, level, facts.latencyMs]));
}

describe("the latency of a server", () => {
  const grown = (count: number, tookMs: number): unknown =>
    seen(
      { cnt_readlatency: 0, sum_readlatency: 0, cnt_updatelatency: 0, sum_updatelatency: 0 },
      { cnt_readlatency: count, sum_readlatency: tookMs, cnt_updatelatency: 0, sum_updatelatency: 0 },
    );
  const untold = { cnt_readlatency: null, sum_readlatency: null, cnt_updatelatency: null, sum_updatelatency: null };

  it("is judged by what was answered since the reading before, from some twenty answers on", () => {
    expect(grown(20, 220)).toEqual([["zookeeper/LatencyHigh", "watch", 11]]);
    expect(grown(20, 2_020)).toEqual([["zookeeper/LatencyHigh", "degraded", 101]]);
    expect(grown(20, 200)).toEqual([]);
  });

  it("is not high for a few answers of a quiet ensemble, of which one was slow", () => {
    expect(grown(0, 0)).toEqual([]);
    expect(grown(1, 30)).toEqual([]);
    expect(grown(19, 900)).toEqual([]);
  });

  it("is high also for a few, where these alone kept clients waiting for a second", () => {
    expect(grown(3, 1_500)).toEqual([["zookeeper/LatencyHigh", "degraded", 500]]);
  });

  it("is judged by the mean since its start where its version does not tell what was answered since", () => {
    expect(seen({ ...untold, avg_latency: 0 }, { ...untold, avg_latency: 12.5 })).toEqual([
      ["zookeeper/LatencyHighSinceStart", "watch", 12.5],
    ]);
    expect(seen({ ...untold, avg_latency: 0 }, { ...untold, avg_latency: 101 })).toEqual([
      ["zookeeper/LatencyHighSinceStart", "degraded", 101],
    ]);
    expect(seen({ ...untold, avg_latency: 0 }, { ...untold, avg_latency: 10 })).toEqual([]);
  });

  it("is not judged by the mean since its start where more is told", () => {
    expect(seen({}, { avg_latency: 500 })).toEqual([["zookeeper/LatencyHigh", "degraded", expect.any(Number)]]);
    expect(seen({ avg_latency: 500 }, { avg_latency: 500, cnt_updatelatency: 4, sum_updatelatency: 4_626 })).toEqual(
      [],
    );
  });
});
