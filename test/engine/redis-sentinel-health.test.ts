import { describe, expect, it } from "vitest";
import type { Engine, MemberReadings, Sighting } from "../../main/engine/engine";
import { redisSentinelHealth } from "../../main/engine/redis-sentinel/health";
import { redisSentinelProbes, type RedisSentinelProbes } from "../../main/engine/redis-sentinel/probes";
import { redisSentinelSettings } from "../../main/engine/redis-sentinel/settings";
import { snapshotSentinels } from "../../main/engine/redis-sentinel/snapshot";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof redisSentinelSettings, RedisSentinelProbes>[];

const parts = { id: "redis-sentinel", settings: redisSentinelSettings, probes: redisSentinelProbes };
const recorded = (name: string): Members =>
  replay(parts as unknown as Engine<typeof redisSentinelSettings, RedisSentinelProbes, unknown>, name);

/** As recorded, but every sentinel tells this address. */
function toldAt(members: Members, address: string, flags: readonly string[] = ["master"]): Members {
  return members.map((one): Members[number] => {
    const { master } = one.readings;
    if (master?.kind !== "value") return one;
    const value = { ...master.value, address, flags };
    return { ...one, readings: { ...one.readings, master: { ...master, value } } };
  });
}

function untold(members: Members): readonly Sighting[] {
  const rule = redisSentinelHealth.find(({ code }) => code === "redis-sentinel/MasterUntold");
  return rule?.find(snapshotSentinels(members)) ?? [];
}

describe("a server that says it is the master while the sentinels tell another", () => {
  const healthy = recorded("healthy");
  const { data, told } = snapshotSentinels(healthy);
  const master = data.find(({ site }) => site.settings.announced === told?.address)?.member;
  const other = data.find(({ member }) => member !== master);
  const elsewhere = other?.site.settings.announced ?? "";

  it("is not found where they tell it, nor where the other is seen to serve", () => {
    expect(untold(healthy)).toEqual([]);
    expect(untold(toldAt(healthy, elsewhere))).toEqual([]);
  });

  it("is critical where the other is no member", () => {
    const found = untold(toldAt(healthy, "192.0.2.9:6379"));
    expect(found).toMatchObject([
      { facts: { member: master, told: "192.0.2.9:6379", standing: "redis-sentinel/told.no-member" } },
    ]);
    expect(found[0]?.level).toBeUndefined();
    const acting = untold(toldAt(healthy, "192.0.2.9:6379", ["master", "failover_in_progress"]));
    expect(acting).toMatchObject([{ level: "watch" }]);
  });

  it("is critical where the other is not seen from here", () => {
    const unseen = toldAt(healthy, elsewhere).map((one): Members[number] => {
      if (one.site.member !== other?.member) return one;
      const { info, liveness } = one.readings;
      const reason = { code: "ssh/unreachable", facts: {} };
      return {
        ...one,
        readings: {
          ...one.readings,
          info: { kind: "failed", reason, evidence: info.evidence },
          liveness: { kind: "failed", reason, evidence: liveness.evidence },
        },
      };
    });
    expect(untold(unseen)).toMatchObject([
      { facts: { member: master, told: other?.member, standing: "redis-sentinel/told.unseen" } },
    ]);
  });
});
