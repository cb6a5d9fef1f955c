import { describe, expect, it } from "vitest";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { redisSentinelHealth } from "../../main/engine/redis-sentinel/health";
import { redisSentinelProbes, type RedisSentinelProbes } from "../../main/engine/redis-sentinel/probes";
import { redisSentinelSettings } from "../../main/engine/redis-sentinel/settings";
import { isEligible, snapshotSentinels } from "../../main/engine/redis-sentinel/snapshot";
import type { WatchedMaster, WatchedReplica } from "../../main/engine/redis-sentinel/watched";
import type { RedisInfo } from "../../main/probe/parse/redis-info";
import type { Reading } from "../../main/probe/probe";
import { replay } from "./case";

type Member = MemberReadings<typeof redisSentinelSettings, RedisSentinelProbes>;

const parts = { id: "redis-sentinel", settings: redisSentinelSettings, probes: redisSentinelProbes };
/** The master was killed a moment ago: links are down, and the sentinels have not yet held it down. */
const killed: readonly Member[] = replay(
  parts as unknown as Engine<typeof redisSentinelSettings, RedisSentinelProbes, unknown>,
  "master-killed",
);

const isSentinel = ({ site }: Member): boolean => site.settings.kind === "sentinel";
const isGone = (one: Member): boolean => !isSentinel(one) && one.readings.info.kind !== "value";

function unseen(one: Member): Member {
  const lost = <T>({ evidence }: Reading<T>): Reading<T> => ({
    kind: "failed",
    reason: { code: "ssh/unreachable", facts: {} },
    evidence,
  });
  const { info, liveness, master, replicas, sentinels, quorum } = one.readings;
  return {
    ...one,
    readings: {
      ...one.readings,
      info: lost(info),
      liveness: lost(liveness),
      ...(master && { master: lost(master) }),
      ...(replicas && { replicas: lost(replicas) }),
      ...(sentinels && { sentinels: lost(sentinels) }),
      ...(quorum && { quorum: lost(quorum) }),
    },
  };
}

function over<T>(reading: Reading<T> | undefined, change: (value: T) => T): { readonly [name: string]: Reading<T> } {
  return reading?.kind === "value" ? { changed: { ...reading, value: change(reading.value) } } : {};
}

/** As recorded, but with the master's host not seen, and what sentinels and replicas tell changed. */
function masterUnseen(changes: {
  readonly master?: Partial<WatchedMaster>;
  readonly replica?: Partial<WatchedReplica>;
  readonly linkDownSeconds?: number | null;
}): readonly Member[] {
  return killed.map((one): Member => {
    if (isGone(one)) return unseen(one);
    const { info, master, replicas } = one.readings;
    const { changed: told } = over<RedisInfo>(info, (value) =>
      value.replication?.role !== "replica" || changes.linkDownSeconds === undefined
        ? value
        : { ...value, replication: { ...value.replication, linkDownSeconds: changes.linkDownSeconds } },
    );
    const { changed: watched } = over(master, (value) => ({ ...value, ...changes.master }));
    const { changed: listed } = over(replicas, (value) => value.map((each) => ({ ...each, ...changes.replica })));
    return {
      ...one,
      readings: {
        ...one.readings,
        ...(told && { info: told }),
        ...(watched && { master: watched }),
        ...(listed && { replicas: listed }),
      },
    };
  });
}

function eligible(members: readonly Member[]): readonly string[] {
  const snapshot = snapshotSentinels(members);
  return snapshot.data.filter((one) => isEligible(snapshot, one)).map(({ member }) => member);
}

const replicas = killed.filter((one) => !isSentinel(one) && !isGone(one)).map(({ site }) => site.member);

describe("a replica whose link is down", () => {
  it("may be promoted while its master is gone, and while it is not seen, as the sentinels do it", () => {
    expect(replicas).toHaveLength(2);
    expect(eligible(killed)).toEqual(replicas);
    expect(eligible(masterUnseen({}))).toEqual(replicas);
  });

  it("may not once it is down for longer than the master and ten times down-after-milliseconds", () => {
    expect(eligible(masterUnseen({ linkDownSeconds: 30 }))).toEqual(replicas);
    expect(eligible(masterUnseen({ linkDownSeconds: 31 }))).toEqual([]);
    const master = { flags: ["s_down", "master"], downForMs: 60_000 };
    expect(eligible(masterUnseen({ master, linkDownSeconds: 90 }))).toEqual(replicas);
    expect(eligible(masterUnseen({ master, linkDownSeconds: 91 }))).toEqual([]);
  });

  it("may not when it has never been up", () => {
    expect(eligible(masterUnseen({ linkDownSeconds: null }))).toEqual([]);
  });

  it("may not when the sentinels do not hear it, or have not lately", () => {
    for (const flag of ["s_down", "o_down", "disconnected"])
      expect(eligible(masterUnseen({ replica: { flags: ["slave", flag] } }))).toEqual([]);
    expect(eligible(masterUnseen({ replica: { heardAgoMs: 5_001 } }))).toEqual([]);
    expect(eligible(masterUnseen({ replica: { toldAgoMs: 30_001 } }))).toEqual([]);
    expect(eligible(masterUnseen({ replica: { toldAgoMs: null } }))).toEqual([]);
    const master = { flags: ["s_down", "master"], downForMs: 1_000 };
    expect(eligible(masterUnseen({ master, replica: { toldAgoMs: 5_001 } }))).toEqual([]);
  });

  it("is not told to be good or bad while no sentinel is seen", () => {
    const members = killed.map((one) => (isGone(one) || isSentinel(one) ? unseen(one) : one));
    expect(eligible(members)).toEqual([]);
    const rule = redisSentinelHealth.find(({ code }) => code === "redis-sentinel/NoGoodReplica");
    expect(rule?.find(snapshotSentinels(members))).toMatchObject([
      { cannotTell: { code: "redis-sentinel/not-all-seen" } },
    ]);
  });
});
