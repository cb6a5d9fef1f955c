import { expect, it } from "vitest";
import { say } from "../../contract/say";
import { sentence } from "../../contract/sentence";
import type { Engine } from "../../main/engine/engine";
import { redisClusterMembers } from "../../main/engine/redis-cluster/members";
import { redisClusterProbes, type RedisClusterProbes } from "../../main/engine/redis-cluster/probes";
import { redisClusterSettings } from "../../main/engine/redis-cluster/settings";
import { snapshotCluster } from "../../main/engine/redis-cluster/snapshot";
import { replay } from "./case";

const parts = { id: "redis-cluster", settings: redisClusterSettings, probes: redisClusterProbes };

function figures(name: string): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const members = redisClusterMembers(
    snapshotCluster(replay(parts as unknown as Engine<typeof redisClusterSettings, RedisClusterProbes, unknown>, name)),
  );
  return new Map(
    members.map(({ member, figures: all }) => [
      member,
      Object.fromEntries(
        all.map(({ name: figure, figure: { state } }) => [figure.slice("redis-cluster/figure.".length), state]),
      ),
    ]),
  );
}

it("what a role does not have is none, and what was not read is missing", () => {
  const healthy = figures("healthy");
  expect(healthy.get("r1")).toMatchObject({ master: "none", lagBytes: "none", slots: "known", memoryLimit: "none" });
  expect(healthy.get("r4")).toMatchObject({ master: "known", lagBytes: "known", slots: "none" });
  const silent = [...figures("one-node-silent").values()].find(({ keys }) => keys !== "known");
  expect(silent).toMatchObject({ master: "missing", lagBytes: "missing", slots: "missing", memoryLimit: "missing" });
});

it("a name that every object has a property of is said as it is", () => {
  expect(say({ "a/b": "The slot {{slot}}." }, "en", sentence("a/b", { slot: "constructor" }))).toBe(
    "The slot constructor.",
  );
  expect(say({}, "en", sentence("toString"))).toBe("toString {}");
});

it("a list of nobody is said as none", () => {
  const catalogue = { "assess/none": "none", "a/b": "To spare: {{spare}}." };
  expect(say(catalogue, "en", sentence("a/b", { spare: "" }))).toBe("To spare: none.");
});
