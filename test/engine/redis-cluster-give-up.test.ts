import { describe, expect, it } from "vitest";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { redisClusterProbes, type RedisClusterProbes } from "../../main/engine/redis-cluster/probes";
import { giveUpLostSlots } from "../../main/engine/redis-cluster/recovery/give-up";
import { redisClusterJudges } from "../../main/engine/redis-cluster/recovery/judges";
import { redisClusterSettings } from "../../main/engine/redis-cluster/settings";
import { snapshotCluster, type ClusterSnapshot } from "../../main/engine/redis-cluster/snapshot";
import type { KnownNode } from "../../main/engine/redis-cluster/topology";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof redisClusterSettings, RedisClusterProbes>[];

const parts = { id: "redis-cluster", settings: redisClusterSettings, probes: redisClusterProbes };
const recorded = (name: string): Members =>
  replay(parts as unknown as Engine<typeof redisClusterSettings, RedisClusterProbes, unknown>, name);

/** The master r1 and its only replica r5 are killed; r2 and r3 serve the rest. */
const gone = recorded("shard-gone");
const idOf = (member: string): string => gone.find(({ site }) => site.member === member)?.site.settings.nodeId ?? "";

/** As recorded, with what a member tells of itself changed. */
function telling(member: string, change: Partial<KnownNode>): ClusterSnapshot {
  return snapshotCluster(
    gone.map((one): Members[number] => {
      const { nodes } = one.readings;
      if (one.site.member !== member || nodes.kind !== "value") return one;
      const value = nodes.value.map((known) => (known.isMyself ? { ...known, ...change } : known));
      return { ...one, readings: { ...one.readings, nodes: { ...nodes, value } } };
    }),
  );
}

const sent = (snapshot: ClusterSnapshot): unknown =>
  giveUpLostSlots
    .plan(snapshot, "r1")
    .steps.map(({ node, effect }) => [
      node,
      effect.kind === "calls"
        ? effect.calls.map((call) => (call.kind === "redis" ? call.command.join(" ") : ""))
        : effect,
    ]);

describe("giving up the slots of a shard that is gone", () => {
  const snapshot = snapshotCluster(gone);

  it("gives the masters that are left these slots and no others, each above the epoch of the one that is gone", () => {
    expect(sent(snapshot)).toEqual([
      ["r2", ["CLUSTER BUMPEPOCH", "CLUSTER DELSLOTSRANGE 0 2730", "CLUSTER ADDSLOTSRANGE 0 2730"]],
      ["r3", ["CLUSTER BUMPEPOCH", "CLUSTER DELSLOTSRANGE 2731 5460", "CLUSTER ADDSLOTSRANGE 2731 5460"]],
    ]);
  });

  it("is done only when the masters that are left own what they owned before as well", () => {
    const { goal } = giveUpLostSlots.plan(snapshot, "r1");
    const owns = goal.filter(({ code }) => code === "redis-cluster/holds.owns").map(({ facts }) => facts);
    expect(owns).toEqual([
      { member: "r2", slots: "5461-10922" },
      { member: "r3", slots: "10923-16383" },
      { member: "r2", slots: "0-2730" },
      { member: "r3", slots: "2731-5460" },
    ]);
  });

  it("gives a slot that was on its way from the lost master to where its keys were going", () => {
    const importing = telling("r3", { openSlots: [{ slot: 7, direction: "importing", peerId: idOf("r1") }] });
    expect(sent(importing)).toEqual([
      ["r2", expect.arrayContaining(["CLUSTER ADDSLOTSRANGE 0 6 8 2730"]) as unknown],
      ["r3", expect.arrayContaining(["CLUSTER ADDSLOTSRANGE 7 7 2731 5460"]) as unknown],
    ]);
  });

  it("goes on with what is left once a part is given, and not with what somebody serves", () => {
    const judge = redisClusterJudges["redis-cluster/holds.unserved"]!;
    const half = telling("r2", {
      ranges: [
        { from: 0, to: 2730 },
        { from: 5461, to: 10922 },
      ],
    });
    expect(judge(half, { slots: "2731-5460" })).toBeNull();
    expect(judge(half, { slots: "0-2730" })?.code).toBe("redis-cluster/owns-other");
    expect(judge(snapshot, { slots: "0-2730" })).toBeNull();
    const copied = telling("r4", { masterId: idOf("r1") });
    expect(judge(copied, { slots: "0-2730" })?.code).toBe("redis-cluster/a-copy-lives");
    expect(giveUpLostSlots.objections(copied).map(({ code }) => code)).toEqual(["redis-cluster/a-copy-lives"]);
  });
});
