import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { redisClusterProbes, type RedisClusterProbes } from "../../main/engine/redis-cluster/probes";
import { forcedFailover } from "../../main/engine/redis-cluster/recovery/failover";
import { redisClusterJudges } from "../../main/engine/redis-cluster/recovery/judges";
import { redisClusterSettings } from "../../main/engine/redis-cluster/settings";
import { isEligible, snapshotCluster, type ClusterSnapshot } from "../../main/engine/redis-cluster/snapshot";
import { parseInfo, type RedisInfo } from "../../main/probe/parse/redis-info";
import { casesRoot, rawFile, replay } from "./case";

type Members = readonly MemberReadings<typeof redisClusterSettings, RedisClusterProbes>[];

const parts = { id: "redis-cluster", settings: redisClusterSettings, probes: redisClusterProbes };
const recorded = (name: string): Members =>
  replay(parts as unknown as Engine<typeof redisClusterSettings, RedisClusterProbes, unknown>, name);

/** As recorded, with the only replica of the killed master told to have been without a link for so long, and to hold so many keys. */
function copy(members: Members, linkDownSeconds: number | null, keyCount: number): ClusterSnapshot {
  return snapshotCluster(
    members.map((one): Members[number] => {
      const { info } = one.readings;
      if (info.kind !== "value" || info.value.replication?.role !== "replica" || info.value.replication.isLinkUp)
        return one;
      const replication = { ...info.value.replication, linkDownSeconds };
      return {
        ...one,
        readings: { ...one.readings, info: { ...info, value: { ...info.value, replication, keyCount } } },
      };
    }),
  );
}

const planned = (snapshot: ClusterSnapshot): unknown => {
  const { risk, warnings } = forcedFailover.plan(snapshot, "r5");
  return [risk, warnings.map(({ code }) => code)];
};
const eligible = ({ shards, ...rest }: ClusterSnapshot): readonly boolean[] =>
  shards.flatMap(({ master, replicas }) =>
    // The recording keeps replicas from taking over by themselves.
    master.failure === "agreed" ? replicas.map((one) => isEligible({ shards, ...rest }, { ...one, flags: [] })) : [],
  );

/**
 * INFO of the replica that was never linked as recorded of Redis 7.0, but with the one line as servers before redis#8785 print it: there
 * `server.unixtime - server.repl_down_since` is told also while the latter is still 0.
 */
function printedByOlder(linkDownSeconds: number): RedisInfo {
  const raw = readFileSync(rawFile(join(casesRoot, "redis-cluster", "replica-never-linked"), "r5", "info"), "utf8");
  const older = raw.replace(
    "master_link_down_since_seconds:-1",
    `master_link_down_since_seconds:${String(linkDownSeconds)}`,
  );
  expect(older).not.toBe(raw);
  return parseInfo(older);
}

const linkDown = ({ replication }: RedisInfo): number | null | undefined =>
  replication?.role === "replica" ? replication.linkDownSeconds : undefined;

describe("a link that was never up", () => {
  it("is told by an older server as down since 1970, longer than it runs, and read as never up", () => {
    expect(linkDown(printedByOlder(1_795_863_728))).toBeNull();
  });

  it("is none that is down for no longer than the server runs", () => {
    const { uptimeSeconds } = printedByOlder(0);
    expect(linkDown(printedByOlder(0))).toBe(0);
    expect(linkDown(printedByOlder(uptimeSeconds))).toBe(uptimeSeconds);
  });
});

describe("a forced failover to the only replica of a killed master", () => {
  const stale = recorded("replica-stale");

  it("may lose data where its link was lost longer ago than Redis lets pass, and is not called eligible", () => {
    const snapshot = snapshotCluster(stale);
    expect(planned(snapshot)).toEqual(["R3", ["redis-cluster/warning.old-copy"]]);
    expect(eligible(snapshot)).toEqual([false]);
  });

  it("is the usual one while the link was lost within ten seconds, a node timeout and its validity factor of one", () => {
    const usual = [undefined, ["redis-cluster/warning.unsent-lost"]];
    expect(planned(copy(stale, 16, 100))).toEqual(usual);
    expect(eligible(copy(stale, 16, 100))).toEqual([true]);
    expect(planned(copy(stale, 17, 100))).not.toEqual(usual);
  });

  it("is not carried out as the usual one once the link has been down for too long", () => {
    const { steps } = forcedFailover.plan(copy(stale, 16, 100), "r5");
    const claim = steps[0]?.stillSafe.find(({ code }) => code === "redis-cluster/holds.holds-copy");
    const judge = redisClusterJudges["redis-cluster/holds.holds-copy"]!;
    expect(judge(copy(stale, 16, 100), claim?.facts ?? {})).toBeNull();
    expect(judge(copy(stale, 17, 100), claim?.facts ?? {})?.code).toBe("redis-cluster/copy-is");
  });

  it("is refused where the replica was never linked and holds nothing, and may lose data where its files gave it some", () => {
    const empty = recorded("replica-never-linked");
    const objections = (snapshot: ClusterSnapshot): readonly string[] =>
      forcedFailover.targets(snapshot).flatMap((one) => one.objections.map(({ code }) => code));
    expect(objections(snapshotCluster(empty))).toEqual(["redis-cluster/never-copied"]);
    expect(objections(copy(empty, null, 100))).toEqual([]);
    expect(planned(copy(empty, null, 100))).toEqual(["R3", ["redis-cluster/warning.never-linked"]]);
    expect(eligible(copy(empty, null, 100))).toEqual([false]);
  });
});
