import { describe, expect, it } from "vitest";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { redisSentinelProbes, type RedisSentinelProbes } from "../../main/engine/redis-sentinel/probes";
import { startMember } from "../../main/engine/redis-sentinel/recovery/restart";
import { redisSentinelSettings } from "../../main/engine/redis-sentinel/settings";
import { replicasOf, snapshotSentinels, type SentinelSnapshot } from "../../main/engine/redis-sentinel/snapshot";
import { replay } from "./case";

const parts = { id: "redis-sentinel", settings: redisSentinelSettings, probes: redisSentinelProbes };
const recorded = (name: string): readonly MemberReadings<typeof redisSentinelSettings, RedisSentinelProbes>[] =>
  replay(parts as unknown as Engine<typeof redisSentinelSettings, RedisSentinelProbes, unknown>, name);

const stoppedIn = (snapshot: SentinelSnapshot): string =>
  snapshot.data.find(({ standing }) => standing.kind === "stopped")?.member ?? "";
const warned = (snapshot: SentinelSnapshot): readonly string[] =>
  startMember.plan(snapshot, stoppedIn(snapshot)).warnings.map(({ code }) => code);

describe("starting a data server of the sentinels", () => {
  const killed = snapshotSentinels(recorded("no-quorum-master-killed"));

  it("warns that the master the sentinels tell may start empty and empty its replicas", () => {
    const { warnings, risk } = startMember.plan(killed, stoppedIn(killed));
    expect(risk).toBe("R3");
    expect(warnings[0]).toMatchObject({
      code: "redis-sentinel/warning.starts-empty",
      facts: {
        member: stoppedIn(killed),
        replicas: replicasOf(killed)
          .map(({ member }) => member)
          .join(", "),
      },
    });
    expect(replicasOf(killed).length).toBeGreaterThan(0);
  });

  it("does not warn of it where the look before shows its append-only file", () => {
    const seen = replicasOf(killed)[0]?.info;
    if (seen?.kind !== "value" || seen.value.persistence === null) throw new Error("the recording has no replica");
    const looked = (usesAppendOnlyFile: boolean): SentinelSnapshot => {
      const info = { ...seen.value, persistence: { ...seen.value.persistence!, usesAppendOnlyFile } };
      const data = killed.data.map((one) =>
        one.member === stoppedIn(killed) ? { ...one, before: { info, takenAt: 0 } } : one,
      );
      return { ...killed, data, members: [...data, ...killed.sentinels] };
    };
    expect(warned(looked(true))).toEqual(["redis-sentinel/warning.writes-dropped"]);
    expect(startMember.plan(looked(true), stoppedIn(killed)).risk).toBeUndefined();
    expect(warned(looked(false))).toContain("redis-sentinel/warning.starts-empty");
  });

  it("warns of it as well where nobody tells who copies whom", () => {
    const silent = snapshotSentinels(
      recorded("no-quorum-master-killed").map((one) => {
        if (one.site.member === stoppedIn(killed)) return one;
        const reason = { code: "ssh/timeout", facts: { node: one.site.node } };
        const readings = Object.fromEntries(
          Object.entries(one.readings).map(([probe, { evidence }]) => [probe, { kind: "failed", reason, evidence }]),
        ) as unknown as typeof one.readings;
        return { ...one, readings };
      }),
    );
    expect(startMember.plan(silent, stoppedIn(silent)).risk).toBe("R3");
    expect(warned(silent)).toEqual(["redis-sentinel/warning.may-be-copied", "redis-sentinel/warning.writes-dropped"]);
  });

  it("does not warn of it where another became the master", () => {
    expect(warned(snapshotSentinels(recorded("after-master-killed")))).toEqual([
      "redis-sentinel/warning.writes-dropped",
    ]);
  });
});
