import { describe, expect, it } from "vitest";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { redisSentinelProbes, type RedisSentinelProbes } from "../../main/engine/redis-sentinel/probes";
import { forgetGhosts } from "../../main/engine/redis-sentinel/recovery/forget";
import { redisSentinelSettings } from "../../main/engine/redis-sentinel/settings";
import { soleMaster, snapshotSentinels, type SentinelSnapshot } from "../../main/engine/redis-sentinel/snapshot";
import { replay } from "./case";

const parts = { id: "redis-sentinel", settings: redisSentinelSettings, probes: redisSentinelProbes };
const recorded = (name: string): readonly MemberReadings<typeof redisSentinelSettings, RedisSentinelProbes>[] =>
  replay(parts as unknown as Engine<typeof redisSentinelSettings, RedisSentinelProbes, unknown>, name);
const codes = (snapshot: SentinelSnapshot): readonly string[] =>
  forgetGhosts.objections(snapshot).map(({ code }) => code);

describe("letting the sentinels forget the dead", () => {
  const members = recorded("after-master-killed");
  const snapshot = snapshotSentinels(members);
  const master = soleMaster(snapshot)?.member;

  it("is allowed where the dead one is gone and a replica serves", () => {
    expect(codes(snapshot)).toEqual([]);
  });

  it("is refused where no replica serves", () => {
    const alone = members.filter(({ site }) => site.settings.kind !== "data" || site.member === master);
    expect(codes(snapshotSentinels(alone))).toContain("redis-sentinel/nobody-copies");
  });

  it("is refused where the one held for dead serves here", () => {
    const gone = snapshot.data.find(({ standing }) => standing.kind === "stopped");
    const serving = snapshot.data.find(({ member }) => member === master)?.standing;
    if (gone === undefined || serving === undefined) throw new Error("the recording has no dead member");
    const data = snapshot.data.map((one) => (one === gone ? { ...one, standing: serving } : one));
    const back = { ...snapshot, data: data.filter(({ member }) => member !== master), members: data };
    expect(forgetGhosts.objections(back)).toMatchObject(
      expect.arrayContaining([{ code: "redis-sentinel/dead-serves", facts: { members: gone.member } }]) as unknown[],
    );
  });
});
