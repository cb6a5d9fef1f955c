import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Assessment } from "../../contract/assessment";
import { startLab, whyNoLab, type Lab } from "../lab/start-lab";
import { openConsole, outcome, verdict, type Console } from "./console";

const why = whyNoLab();
const all = ["r1", "r2", "r3", "r4", "r5", "r6"];

describe.skipIf(why !== null)(`Redis Cluster on the lab ${why ?? ""}`, () => {
  let lab: Lab;
  let console: Console;

  beforeAll(async () => {
    lab = await startLab("redis-cluster");
    console = openConsole(lab.sshConfigPath);
  });
  afterAll(async () => {
    await console.close();
    await lab.stop();
  });

  const isWell = (seen: Assessment): boolean => verdict(seen).length === 0;

  it("live: redis-cluster / A: finds all six servers and their unit from one host", async () => {
    const found = await console.discover("r2");
    expect(found.problems).toEqual([]);
    const cluster = found.clusters.find(({ engine }) => engine === "redis-cluster");
    expect(cluster?.members.map(({ member }) => member)).toEqual(all);
    expect(cluster?.members[0]?.settings).toMatchObject({ port: 6379, control: "systemd:redis-server.service" });
    await console.keep(cluster!, "redis-cluster");
  });

  it("live: redis-cluster / B: a healthy cluster has nothing to say", async () => {
    const seen = await console.until(isWell, 60_000);
    expect([seen.level, seen.unknowns]).toEqual(["ok", 0]);
  });

  it("live: redis-cluster / E: one of three votes, one copy of every shard and one host may fail", async () => {
    expect((await console.read()).tolerances.map(({ needs, has, tolerates }) => [needs, has, tolerates])).toEqual([
      [2, 3, 1],
      [1, 2, 1],
      [1, 2, 1],
    ]);
  });

  it("live: redis-cluster / failover: a replica takes over from its master that serves", async () => {
    const seen = await console.until(isWell, 60_000);
    const failover = seen.recoveries.find(({ action }) => action === "redis-cluster/failover");
    const target = failover?.targets[0]?.target ?? "";
    // A replica that has heard from its master for a few seconds only is not yet offered.
    await expect
      .poll(async () => (await console.plan("redis-cluster/failover", target)).state, {
        timeout: 60_000,
        interval: 1_000,
      })
      .not.toBe("refused");
    expect(outcome(await console.recover("redis-cluster/failover", target))).toBe("done");
  });
});
