import { describe, expect, it } from "vitest";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { redisSentinelProbes, type RedisSentinelProbes } from "../../main/engine/redis-sentinel/probes";
import { failover, failoverAfterLoss } from "../../main/engine/redis-sentinel/recovery/failover";
import { redisSentinelJudges } from "../../main/engine/redis-sentinel/recovery/judges";
import { redisSentinelSettings } from "../../main/engine/redis-sentinel/settings";
import { replicasOf, snapshotSentinels, type SentinelSnapshot } from "../../main/engine/redis-sentinel/snapshot";
import type { WatchedMaster } from "../../main/engine/redis-sentinel/watched";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof redisSentinelSettings, RedisSentinelProbes>[];

const parts = { id: "redis-sentinel", settings: redisSentinelSettings, probes: redisSentinelProbes };
/** Recordings of real sentinels; what is changed in them is what no lab shows on demand. */
const recorded = (name: string): Members =>
  replay(parts as unknown as Engine<typeof redisSentinelSettings, RedisSentinelProbes, unknown>, name);

/** As the sentinels tell it, with some of it told otherwise. */
function told(members: Members, change: (master: WatchedMaster, node: string) => Partial<WatchedMaster>): Members {
  return members.map((one): Members[number] => {
    const { master } = one.readings;
    if (master?.kind !== "value") return one;
    const value = { ...master.value, ...change(master.value, one.site.node) };
    return { ...one, readings: { ...one.readings, master: { ...master, value } } };
  });
}

const codes = (sentences: readonly { readonly code: string }[]): readonly string[] => sentences.map(({ code }) => code);
const targetCodes = (snapshot: SentinelSnapshot): readonly (readonly string[])[] =>
  failoverAfterLoss.targets(snapshot).map(({ objections }) => codes(objections));

describe("a failover that is asked for", () => {
  it("is refused while a sentinel does not know of the last one: what it did would be outvoted", () => {
    const healthy = recorded("healthy");
    const behind = told(healthy, ({ configEpoch }, node) => ({ configEpoch: configEpoch + (node === "s3" ? 0 : 1) }));
    expect(codes(failover.objections(snapshotSentinels(healthy)))).toEqual([]);
    expect(codes(failover.objections(snapshotSentinels(behind)))).toEqual(["redis-sentinel/knows-earlier"]);
  });

  it("is refused while a server may be promoted that is not seen from here", () => {
    expect(codes(failover.objections(snapshotSentinels(recorded("refused"))))).toEqual([
      "redis-sentinel/promotable-unseen",
    ]);
    const unknown = recorded("healthy").filter(({ site }) => site.node !== "s3" || site.settings.kind !== "data");
    expect(failover.objections(snapshotSentinels(unknown))).toMatchObject([
      { code: "redis-sentinel/promotable-unseen", facts: { members: expect.stringMatching(/:6379$/) as string } },
    ]);
  });

  it("is refused while the replica that its priority puts first is far behind, though another is not", () => {
    const healthy = recorded("healthy");
    const first = replicasOf(snapshotSentinels(healthy))[0]?.member ?? "";
    const preferring = (priority: number): SentinelSnapshot =>
      snapshotSentinels(
        healthy.map((one): Members[number] => {
          const { info } = one.readings;
          if (one.site.member !== first || info.kind !== "value" || info.value.replication?.role !== "replica")
            return one;
          const replication = { ...info.value.replication, priority, offsetBytes: -(1 << 21) };
          return { ...one, readings: { ...one.readings, info: { ...info, value: { ...info.value, replication } } } };
        }),
      );
    expect(failover.objections(preferring(10))).toMatchObject([
      { code: "redis-sentinel/preferred-behind", facts: { members: first } },
    ]);
    expect(codes(failover.objections(preferring(200)))).toEqual([]);
  });

  it("is done only when every sentinel knows of a later one", () => {
    const after = recorded("after-master-killed");
    const snapshot = snapshotSentinels(after);
    const lost = snapshot.data.find(({ standing }) => standing.kind === "stopped")?.member ?? "";
    const { configEpoch = 0 } = snapshot.told ?? {};
    const moved = redisSentinelJudges["redis-sentinel/holds.moved-on"]!;
    expect(moved(snapshot, { member: lost, configEpoch: configEpoch - 1 })).toBeNull();
    expect(moved(snapshot, { member: lost, configEpoch })?.code).toBe("redis-sentinel/not-moved-on");
    const lagging = told(after, (master, node) => ({ configEpoch: master.configEpoch - (node === "s3" ? 1 : 0) }));
    expect(moved(snapshotSentinels(lagging), { member: lost, configEpoch: configEpoch - 1 })).not.toBeNull();
  });
});

describe("a failover without a vote", () => {
  it("is refused while a sentinel still hears the master that its host calls stopped", () => {
    const killed = recorded("no-quorum-master-killed");
    expect(targetCodes(snapshotSentinels(killed))).toEqual([[]]);
    const heard = told(killed, () => ({ flags: ["master"] }));
    expect(targetCodes(snapshotSentinels(heard))).toEqual([["redis-sentinel/hears-it"]]);
  });

  it("is asked of a sentinel that knows of the latest failover", () => {
    const killed = recorded("master-killed");
    const behind = told(killed, ({ configEpoch }, node) => ({ configEpoch: configEpoch + (node === "s3" ? 1 : 0) }));
    const [target = ""] = failoverAfterLoss.targets(snapshotSentinels(behind)).map((one) => one.target);
    expect(failoverAfterLoss.plan(snapshotSentinels(behind), target).steps.map(({ node }) => node)).toEqual(["s3"]);
  });
});
