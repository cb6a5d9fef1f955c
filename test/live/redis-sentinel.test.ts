import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Assessment } from "../../contract/assessment";
import { redisSentinel } from "../../main/engine/redis-sentinel";
import { openRecorder } from "../engine/recorder";
import { startLab, whyNoLab, type Lab } from "../lab/start-lab";
import { openConsole, outcome, verdict, type Console } from "./console";

const why = whyNoLab();
/** Writes what the cluster answers in each scenario as a recorded case: `EVENKEEL_RECORD=write`. */
const records = process.env.EVENKEEL_RECORD === "write";
const redis = "redis-server";
const sentinel = "redis-sentinel";
const hosts = ["s1", "s2", "s3"];

describe.skipIf(why !== null)(`Redis Sentinel on the lab ${why ?? ""}`, () => {
  let lab: Lab;
  let console: Console;
  let mend: (() => Promise<unknown>)[] = [];
  /** Members by host: the data server and the sentinel of each. */
  const data = new Map<string, string>();
  const sentinels = new Map<string, string>();

  beforeAll(async () => {
    lab = await startLab("redis-sentinel");
    console = openConsole(lab.sshConfigPath);
    await Promise.all(hosts.map(quicken));
  });
  afterEach(async () => {
    for (const one of mend.reverse()) await one();
    mend = [];
    if (console.hasCluster()) await console.until(isWell, 120_000);
  });
  afterAll(async () => {
    await console.close();
    await lab.stop();
  });

  const isWell = (seen: Assessment): boolean => verdict(seen).length === 0;
  const has =
    (code: string) =>
    (seen: Assessment): boolean =>
      seen.findings.some((one) => one.code === `redis-sentinel/${code}` && one.level !== "unknown");
  const roleOf = (seen: Assessment, member: string): unknown => {
    const role = seen.members.find((one) => one.member === member)?.role;
    return role?.state === "known" ? role.value : role?.reason.code;
  };
  const figure = (seen: Assessment, member: string, name: string): unknown => {
    const found = seen.members
      .find((one) => one.member === member)
      ?.figures.find((one) => one.name === `redis-sentinel/figure.${name}`)?.figure;
    return found?.state === "known" ? found.value : null;
  };
  const at = (members: ReadonlyMap<string, string>, host: string): string => members.get(host) ?? "";
  const cli = (host: string, words: string): Promise<string> => lab.run(host, `redis-cli ${words}`);
  /** A sentinel asks servers every two seconds instead of ten, and a busy machine does not put it into tilt. */
  const quicken = (host: string): Promise<string> =>
    cli(host, "-p 26379 sentinel debug info-period 2000 tilt-trigger 600000 tilt-period 10000");
  const killed = async (host: string, service: string): Promise<void> => {
    await lab.faults.kill(host, service);
    mend.push(async () => {
      await lab.faults.revive(host, service);
      if (service === sentinel) await waitFor(() => quicken(host).then(Boolean, () => false), 30_000);
    });
  };
  const offered =
    (action: string, target: string) =>
    ({ recoveries }: Assessment): boolean =>
      recoveries.some(
        (one) =>
          one.action === `redis-sentinel/${action}` &&
          one.objections.length === 0 &&
          one.targets.some((its) => its.target === target && its.objections.length === 0),
      );
  const masterHost = (seen: Assessment): string =>
    hosts.find((host) => roleOf(seen, at(data, host)) === "redis-sentinel/role.master") ?? "";
  const others = (host: string): string[] => hosts.filter((one) => one !== host);
  async function well(): Promise<{ master: string; replica: string; seen: Assessment }> {
    const seen = await console.until(isWell, 60_000);
    const master = masterHost(seen);
    return { master, replica: others(master)[0] ?? "", seen };
  }

  async function recordCase(
    name: string,
    what: string,
    change: Partial<ReturnType<Console["cluster"]>> = {},
  ): Promise<void> {
    if (!records) return;
    const recorder = openRecorder(lab.sshConfigPath);
    await recorder.record(redisSentinel, { ...console.cluster(), ...change }, name, {
      what,
      version: "Redis 7.0.15",
      origin: "the lab's redis-sentinel on hosts of Debian 12",
      withPrevious: name === "healthy",
    });
  }
  const asked = (
    member: string,
    settings: Readonly<Record<string, string | number>>,
  ): Partial<ReturnType<Console["cluster"]>> => ({
    members: console
      .cluster()
      .members.map((one) => (one.member === member ? { ...one, settings: { ...one.settings, ...settings } } : one)),
  });

  it("live: redis-sentinel / A: finds three data servers and three sentinels, their units and files, from one host", async () => {
    const found = await console.discover("s3");
    expect(found.problems).toEqual([]);
    const cluster = found.clusters.find(({ engine }) => engine === "redis-sentinel");
    for (const { member, node, settings } of cluster?.members ?? [])
      (settings.kind === "sentinel" ? sentinels : data).set(node, member);
    expect([[...data.keys()].sort(), [...sentinels.keys()].sort()]).toEqual([hosts, hosts]);
    const first = cluster?.members.find(({ member }) => member === at(sentinels, "s1"));
    expect(first?.settings).toMatchObject({
      port: 26_379,
      masterName: "mymaster",
      control: "systemd:redis-sentinel.service",
      logFile: "/var/log/redis/redis-sentinel.log",
    });
    await console.keep(cluster!, "shop");
  });

  it("live: redis-sentinel / B: a healthy set has nothing to say", async () => {
    const seen = await console.until(isWell, 60_000);
    expect([seen.level, seen.unknowns]).toEqual(["ok", 0]);
    expect(masterHost(seen)).toBe("s1");
    await recordCase("healthy", "A master, two replicas and three sentinels; looked at twice.");
    await recordCase(
      "garbled",
      "One data server is asked at the port of its host's SSH server.",
      asked(at(data, "s2"), { port: 22 }),
    );
    await recordCase(
      "refused",
      "One data server is asked as an ACL user whose password nobody has.",
      asked(at(data, "s3"), { user: "nobody-here" }),
    );
  });

  it("live: redis-sentinel / C: shares of clients and commands are known of every data server", async () => {
    await console.read();
    const { balances } = await console.read();
    expect(balances.flatMap(({ shares }) => shares).every(({ amount }) => amount.state === "known")).toBe(true);
  });

  it("live: redis-sentinel / D: sentinels and servers tell the same master, failover, quorum and counts", async () => {
    const { consistency } = await console.read();
    expect(new Set(consistency.witnesses.map(({ verdict: said }) => said))).toEqual(new Set(["holds"]));
  });

  it("live: redis-sentinel / E: one sentinel, two servers and the master's host may fail", async () => {
    expect(
      (await console.read()).tolerances.map(({ needs, has: there, tolerates }) => [needs, there, tolerates]),
    ).toEqual([
      [2, 3, 1],
      [1, 3, 2],
      [1, 2, 1],
    ]);
  });

  it("live: redis-sentinel / H: shows memory, clients, hits and forks of data servers, and what sentinels can reach", async () => {
    const seen = await console.read();
    for (const name of ["usedMemory", "clients", "forkTime", "commandRate"])
      expect(figure(seen, at(data, "s1"), name)).not.toBeNull();
    expect(figure(seen, at(sentinels, "s1"), "usable")).toBe(3);
  });

  it("live: redis-sentinel / failover: the role moves, every sentinel tells so, and the old master is a replica", async () => {
    const { master } = await well();
    expect(JSON.stringify(await console.plan("redis-sentinel/restart-member", at(data, master)))).toContain(
      "redis-sentinel/fail-over-first",
    );
    expect(outcome(await console.recover("redis-sentinel/failover", at(data, master)))).toBe("done");
    expect(masterHost(await console.read())).not.toBe(master);
  });

  it("live: redis-sentinel / leader-killed: no master is said at once, and once the sentinels have acted what is left to mend", async () => {
    const { master } = await well();
    await killed(master, redis);
    const lost = await console.read();
    expect(verdict(lost)).toContain("critical redis-sentinel/NoMaster");
    const offered = lost.recoveries.find(({ action }) => action === "redis-sentinel/failover-after-loss");
    expect(offered?.objections.map(({ code }) => code)).toContain("redis-sentinel/votes-are-there");
    await recordCase("master-killed", "kill -9 of the master, before the sentinels have acted.");
    const seen = await console.until((now) => masterHost(now) !== "" && has("GhostCounted")(now), 60_000);
    expect(masterHost(seen)).not.toBe(master);
    await recordCase("after-master-killed", "kill -9 of the master, which the sentinels have replaced.");
    expect(has("SplitView")(seen)).toBe(false);
  });

  it("live: redis-sentinel / G: the logs of all sentinels explain who called the master down, and who was promoted", async () => {
    const { master, seen: before } = await well();
    await killed(master, redis);
    /** What each sentinel's own log explains of this failover, and not of one before. */
    const told = async (): Promise<readonly ReadonlySet<string | undefined>[]> => {
      const { lines, sources } = await console.ask("logs:read", { clusterId: before.clusterId, mostLines: 3_000 });
      expect(new Set(sources.map(({ reason }) => reason))).toEqual(new Set([null]));
      const since = lines.filter(({ at: when }) => when !== null && when >= before.takenAt);
      return [...sentinels.values()].map(
        (one) => new Set(since.filter(({ member }) => member === one).map(({ explanation }) => explanation?.code)),
      );
    };
    const allTell = (code: string, of: Awaited<ReturnType<typeof told>>): boolean =>
      of.every((codes) => codes.has(`redis-sentinel/log.${code}`));
    await waitFor(async () => allTell("switched", await told()), 90_000);
    const codes = await told();
    expect(allTell("subjectively-down", codes)).toBe(true);
    const once = new Set(codes.flatMap((of) => [...of]));
    for (const code of ["objectively-down", "failover-begun", "promoted", "config-taken"])
      expect(once).toContain(`redis-sentinel/log.${code}`);
  });

  it("live: redis-sentinel / leader-hung: a master that answers nobody is hung, not stopped", async () => {
    const { master } = await well();
    await lab.faults.hang(master, redis);
    mend.push(() => lab.faults.resume(master, redis));
    const seen = await console.until(has("NodeHung"));
    expect(has("NodeStopped")(seen)).toBe(false);
    await recordCase("master-hung", "SIGSTOP to the master.");
    await console.until((now) => masterHost(now) !== "", 60_000);
  });

  it("live: redis-sentinel / failover-after-loss: with no quorum left one sentinel promotes a replica of a master proven gone", async () => {
    const { master } = await well();
    const [first = "", second = ""] = others(master);
    await Promise.all([killed(master, sentinel), killed(first, sentinel)]);
    const seen = await console.until(has("NoQuorum"));
    expect(seen.findings.find(({ code }) => code === "redis-sentinel/NoQuorum")?.facts).toMatchObject({
      member: at(sentinels, second),
      usable: 1,
      missing: "redis-sentinel/missing.both",
    });
    expect(seen.tolerances[0]).toMatchObject({ needs: 2, has: 1, tolerates: -1 });
    await recordCase("no-quorum", "Two of three sentinels were killed.");
    await killed(master, redis);
    await console.until((now) => has("NoMaster")(now) && offered("failover-after-loss", at(data, master))(now));
    await recordCase("no-quorum-master-killed", "Two of three sentinels and the master were killed.");
    expect(await console.plan("redis-sentinel/failover", at(data, master))).toMatchObject({ state: "refused" });
    await lab.faults.partition(["desktop"], [master]);
    mend.push(() => lab.faults.healPartitions());
    const unseen = await console.until(
      (now) => now.unknowns > 0 && has("SubjectivelyDown")(now) && has("ReplicaLinkDown")(now),
    );
    expect(unseen.findings.map(({ code }) => code)).not.toContain("redis-sentinel/NoGoodReplica");
    await recordCase(
      "master-unseen",
      "Two of three sentinels and the master were killed; its host is cut off from this desktop.",
    );
    await lab.faults.healPartitions();
    await console.until(offered("failover-after-loss", at(data, master)), 60_000);
    expect(outcome(await console.recover("redis-sentinel/failover-after-loss", at(data, master)))).toBe("done");
  });

  it("live: redis-sentinel / nobody-watches: without a sentinel the master serves, and nobody would replace it; one is started", async () => {
    await well();
    await Promise.all(hosts.map((host) => killed(host, sentinel)));
    const seen = await console.until(has("NobodyWatches"));
    expect(verdict(seen)).toContain("critical redis-sentinel/NobodyWatches");
    expect(has("NoMaster")(seen)).toBe(false);
    await recordCase("nobody-watches", "All three sentinels were killed.");
    expect(outcome(await console.recover("redis-sentinel/start-member", at(sentinels, "s1")))).toBe("done");
  });

  it("live: redis-sentinel / split-view: two masters under one name are named within one cycle", async () => {
    const { master } = await well();
    await lab.faults.partition([master], others(master));
    mend.push(() => lab.faults.healPartitions());
    let promoted = "";
    await waitFor(async () => {
      const told = await Promise.all(others(master).map(async (host) => ({ host, role: await cli(host, "role") })));
      promoted = told.find(({ role }) => role.startsWith("master"))?.host ?? "";
      return promoted !== "";
    }, 60_000);
    const seen = await console.read();
    expect(verdict(seen)).toContain("critical redis-sentinel/SplitView");
    await recordCase("split-view", "The master is cut off with its sentinel, and the others have promoted a replica.");
    await lab.faults.partition(["desktop"], [promoted]);
    const untold = await console.until((now) => verdict(now).includes("critical redis-sentinel/MasterUntold"), 60_000);
    expect(untold.findings.find(({ code }) => code === "redis-sentinel/MasterUntold")).toMatchObject({
      facts: { member: at(data, master), told: at(data, promoted), standing: "redis-sentinel/told.unseen" },
    });
    await recordCase("master-untold", "As in split-view, and the new master is cut off from this desktop as well.");
  });

  it("live: redis-sentinel / minority-partition: a replica that is cut off is told from one that is gone", async () => {
    const { replica } = await well();
    await lab.faults.partition([replica], others(replica));
    mend.push(() => lab.faults.healPartitions());
    const seen = await console.until((now) => has("NoQuorum")(now) && has("GhostCounted")(now), 60_000);
    for (const code of ["NodeStopped", "NodeHung", "SplitView", "NoMaster"]) expect(has(code)(seen)).toBe(false);
  });

  it("live: redis-sentinel / majority-partition: from the small side of a cut nothing is called down, only not seen", async () => {
    const { replica } = await well();
    await lab.faults.partition(["desktop", replica], others(replica));
    mend.push(() => lab.faults.healPartitions());
    const seen = await console.until(
      (now) => now.unknowns >= 4 && (has("ObjectivelyDown")(now) || has("SubjectivelyDown")(now)),
      60_000,
    );
    const certain = seen.findings.filter(({ level }) => level !== "unknown").map(({ code }) => code);
    for (const code of ["NodeStopped", "NodeHung", "NoMaster", "NobodyWatches"])
      expect(certain).not.toContain(`redis-sentinel/${code}`);
    expect(certain).not.toContain("redis-sentinel/NoQuorum");
    expect(seen.tolerances.every(({ tolerates }) => tolerates === null)).toBe(true);
    await recordCase("desktop-with-minority", "This desktop and one host are on the small side of a cut.");
  });

  it("live: redis-sentinel / host-silent: a host that says nothing is not read, and not called down", async () => {
    const { replica } = await well();
    lab.faults.freeze(replica);
    mend.push(() => Promise.resolve(lab.faults.thaw(replica)));
    const seen = await console.until((now) => now.unknowns >= 2);
    expect(has("NodeStopped")(seen)).toBe(false);
    await recordCase("one-node-silent", "Every process of one host is stopped: its network answers, and nobody on it.");
  });

  it("live: redis-sentinel / wrong-port: a server asked at a port where nobody listens is not read, and never stopped", async () => {
    const { replica } = await well();
    await console.change(at(data, replica), { port: 7999 });
    mend.push(() => console.change(at(data, replica), { port: 6379 }));
    const seen = await console.until((now) => now.unknowns > 0);
    expect(verdict(seen)).toContain("unknown redis-sentinel/NodeNotRead");
    expect(seen.findings.map(({ code }) => code)).not.toContain("redis-sentinel/NodeStopped");
  });

  it("live: redis-sentinel / repoint-replica: a replica that copies another replica is pointed at the master", async () => {
    const { master } = await well();
    const [first = "", second = ""] = others(master);
    const { address } = lab.host(second);
    // The sentinels would put it right by themselves after a while, and that must not be what is seen.
    await Promise.all(hosts.map((host) => lab.run(host, "kill -STOP $(pgrep -x redis-sentinel)")));
    await cli(first, `replicaof ${address} 6379`);
    await waitFor(async () => (await cli(first, "info replication")).includes("master_link_status:up"), 20_000);
    await Promise.all(hosts.map((host) => lab.run(host, "kill -CONT $(pgrep -x redis-sentinel)")));
    const seen = await console.until(has("ReplicaAstray"));
    expect(seen.findings.find(({ code }) => code === "redis-sentinel/ReplicaAstray")?.facts).toMatchObject({
      member: at(data, first),
      copies: at(data, second),
      told: at(data, master),
    });
    await recordCase("replica-astray", "A replica was told to copy another replica.");
    expect(outcome(await console.recover("redis-sentinel/repoint-replica", at(data, first)))).toBe("done");
  });

  it("live: redis-sentinel / tilt: a sentinel that was stopped for a while says that it does nothing", async () => {
    await well();
    await cli("s2", "-p 26379 sentinel debug tilt-trigger 2000");
    mend.push(() => quicken("s2"));
    await lab.run("s2", "kill -STOP $(pgrep -x redis-sentinel); sleep 4; kill -CONT $(pgrep -x redis-sentinel)");
    const seen = await console.until(has("Tilt"));
    expect(verdict(seen)).toContain("degraded redis-sentinel/Tilt");
    await recordCase("tilt", "One sentinel was stopped for four seconds.");
  });

  it("live: redis-sentinel / no-good-replica: replicas that may not be promoted are no replicas to fail over to", async () => {
    const { master } = await well();
    for (const host of others(master)) {
      await cli(host, "config set replica-priority 0");
      mend.push(() => cli(host, "config set replica-priority 100"));
    }
    const seen = await console.until(has("NoGoodReplica"));
    expect(seen.tolerances[1]).toMatchObject({ has: 1, tolerates: 0 });
    expect(await console.plan("redis-sentinel/failover", at(data, master))).toMatchObject({ state: "refused" });
    await recordCase("no-good-replica", "Both replicas have priority 0.");
  });

  it("live: redis-sentinel / disk-full: a master that cannot save refuses writes, and is named", async () => {
    const { master } = await well();
    await lab.faults.fillDisk(master, "/var/lib/redis");
    mend.push(async () => {
      await lab.faults.freeDisk(master, "/var/lib/redis");
      await cli(master, "bgsave");
    });
    await cli(master, "set some thing");
    await lab.attempt(master, "redis-cli bgsave");
    const seen = await console.until(has("PersistenceFails"));
    expect(verdict(seen)).toContain("critical redis-sentinel/PersistenceFails");
    await recordCase("disk-full", "The data disk of the master is full and a save failed.");
  });

  it("live: redis-sentinel / restart-storm: a server that ends again and again is named each time", async () => {
    const { replica } = await well();
    const process = (): Promise<string> =>
      lab.attempt(replica, "redis-cli info server | grep run_id").then(({ stdout }) => stdout);
    for (let count = 0; count < 2; count += 1) {
      const before = await process();
      await console.read();
      await lab.faults.kill(replica, redis, { restarts: true });
      // A look that falls between the two processes sees neither.
      await waitFor(async () => ![before, ""].includes(await process()), 30_000);
      expect(has("Restarted")(await console.read())).toBe(true);
    }
  });

  it("live: redis-sentinel / restart-member: a sentinel and a replica are restarted while the rest has the votes", async () => {
    const { replica } = await well();
    mend.push(() => quicken(replica));
    expect(outcome(await console.recover("redis-sentinel/restart-member", at(sentinels, replica)))).toBe("done");
    await well();
    expect(outcome(await console.recover("redis-sentinel/restart-member", at(data, replica)))).toBe("done");
  });

  it("live: redis-sentinel / start-member: a stopped replica is started and copies its master again", async () => {
    const { replica } = await well();
    await lab.run(replica, `systemctl stop ${redis}`);
    await console.until(has("NodeStopped"));
    await recordCase("replica-stopped", "A replica was stopped.");
    expect(outcome(await console.recover("redis-sentinel/start-member", at(data, replica)))).toBe("done");
  });

  it("live: redis-sentinel / forget-dead: a dead sentinel is forgotten by the others, one after the other", async () => {
    const { replica } = await well();
    await killed(replica, sentinel);
    await console.until(has("GhostCounted"), 60_000);
    expect(outcome(await console.recover("redis-sentinel/forget-dead", "all that are dead"))).toBe("done");
    expect((await console.read()).tolerances[0]).toMatchObject({ needs: 2, has: 2, tolerates: 0 });
  });
});

async function waitFor(isSo: () => Promise<boolean>, withinMs: number): Promise<void> {
  for (const end = Date.now() + withinMs; !(await isSo()); await pause(200))
    if (Date.now() > end) throw new Error(`not so within ${withinMs} ms`);
}
