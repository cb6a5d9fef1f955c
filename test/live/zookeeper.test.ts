import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Assessment } from "../../contract/assessment";
import { zookeeper } from "../../main/engine/zookeeper";
import { openRecorder } from "../engine/recorder";
import { startLab, whyNoLab, type Lab } from "../lab/start-lab";
import { openConsole, outcome, verdict, type Console } from "./console";

const why = whyNoLab();
/** Writes what the cluster answers in each scenario as a recorded case: `EVENKEEL_RECORD=write`. */
const records = process.env.EVENKEEL_RECORD === "write";
const all = ["z1", "z2", "z3"];

describe.skipIf(why !== null)(`ZooKeeper on the lab ${why ?? ""}`, () => {
  let lab: Lab;
  let console: Console;
  let mend: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    lab = await startLab("zookeeper");
    console = openConsole(lab.sshConfigPath);
  });
  afterEach(async () => {
    for (const one of mend.reverse()) await one();
    mend = [];
    if (console.hasCluster()) await console.until(isWell, 60_000);
  });
  afterAll(async () => {
    await console.close();
    await lab.stop();
  });

  const isWell = (seen: Assessment): boolean => verdict(seen).length === 0;
  const leader = (seen: Assessment): string =>
    seen.members.find(({ role }) => role.state === "known" && role.value === "zookeeper/role.leader")?.member ?? "";
  const others = (name: string): string[] => all.filter((one) => one !== name);
  const has =
    (code: string) =>
    (seen: Assessment): boolean =>
      verdict(seen).some((one) => one.endsWith(` ${code}`));
  const wellLeader = async (): Promise<string> =>
    leader(await console.until((seen) => isWell(seen) && leader(seen) !== ""));

  async function recordCase(name: string, what: string, betweenLooks?: () => Promise<void>): Promise<void> {
    if (!records) return;
    const recorder = openRecorder(lab.sshConfigPath);
    const about = {
      what,
      version: "3.8.0",
      origin: "three Debian 12 hosts of the lab",
      withPrevious: name === "healthy" || betweenLooks !== undefined,
      ...(betweenLooks !== undefined && { betweenLooks }),
    };
    await recorder.record(zookeeper, console.cluster(), name, about);
  }

  it("live: zookeeper / A: finds all servers and their unit from one host", async () => {
    const found = await console.discover("z2");
    expect(found.problems).toEqual([]);
    const [cluster] = found.clusters;
    expect(cluster?.members.map(({ member }) => member)).toEqual(all);
    expect(cluster?.members[0]?.settings).toMatchObject({
      port: 2181,
      adminPort: 8080,
      serverId: 1,
      control: "systemd:zookeeper.service",
      dataDirectory: "/var/lib/zookeeper",
    });
    await console.keep(cluster!, "zookeeper");
  });

  it("live: zookeeper / B: a healthy ensemble has nothing to say", async () => {
    const seen = await console.until(isWell);
    expect([seen.level, seen.unknowns]).toEqual(["ok", 0]);
    expect(leader(seen)).not.toBe("");
    await recordCase("healthy", "Nothing; looked at twice.");
  });

  it("live: zookeeper / C: shares connections, watches and requests out over the servers", async () => {
    await console.read();
    const { balances } = await console.read();
    expect(balances.map(({ measure }) => measure)).toEqual([
      "zookeeper/balance.connections",
      "zookeeper/balance.watches",
      "zookeeper/balance.packets",
    ]);
    expect(balances.every(({ shares }) => shares.every(({ amount }) => amount.state === "known"))).toBe(true);
  });

  it("live: zookeeper / D: every server tells the same leader, epoch and list", async () => {
    const { consistency } = await console.read();
    expect(consistency.witnesses.map(({ verdict: said }) => said)).toEqual([
      "holds",
      "holds",
      "holds",
      "holds",
      "holds",
    ]);
  });

  it("live: zookeeper / E: one voter and one host may fail", async () => {
    expect(
      (await console.read()).tolerances.map(({ needs, has: sync, tolerates }) => [needs, sync, tolerates]),
    ).toEqual([
      [2, 3, 1],
      [2, 3, 1],
    ]);
  });

  it("live: zookeeper / H: shows connections, waiting requests, latency and the cache of answers", async () => {
    const { members } = await console.read();
    const names = members[0]?.figures.filter(({ figure }) => figure.state === "known").map(({ name }) => name);
    for (const name of ["connections", "waiting", "latencySinceStart", "longest", "watches", "throttled"])
      expect(names).toContain(`zookeeper/figure.${name}`);
  });

  it("live: zookeeper / leader-killed: the others elect one, and the dead one is named; its button starts it", async () => {
    const old = await wellLeader();
    await lab.faults.kill(old, "zookeeper");
    mend.push(() => lab.faults.revive(old, "zookeeper"));
    const seen = await console.until((now) => leader(now) !== "" && has("zookeeper/ServerStopped")(now));
    expect(verdict(seen)).toEqual(["degraded zookeeper/FollowersNotSynced", "degraded zookeeper/ServerStopped"]);
    expect(seen.tolerances[0]).toMatchObject({ has: 2, tolerates: 0 });
    await recordCase("leader-killed", "The leader was killed and kept dead.");
    const [follower = ""] = others(old).filter((one) => one !== leader(seen));
    expect(await console.plan("zookeeper/restart-server", follower)).toMatchObject({ state: "refused" });
    expect(await console.plan("zookeeper/resync-server", follower)).toMatchObject({ state: "refused" });
    expect(outcome(await console.recover("zookeeper/restart-server", old))).toBe("done");
  });

  it("live: zookeeper / leader-hung: a process that answers nobody is hung, not down, and can be ended and started", async () => {
    const old = await wellLeader();
    await lab.faults.hang(old, "zookeeper");
    const seen = await console.until((now) => leader(now) !== "" && leader(now) !== old);
    expect(verdict(seen)).toEqual(["degraded zookeeper/FollowersNotSynced", "degraded zookeeper/ServerHung"]);
    await recordCase("leader-hung", "The leader was stopped by SIGSTOP, and the others had elected another.");
    expect(outcome(await console.recover("zookeeper/restart-server", old))).toBe("done");
  });

  it("live: zookeeper / restart-server: restarts a follower while the others make a majority", async () => {
    const [follower = ""] = others(await wellLeader());
    expect(outcome(await console.recover("zookeeper/restart-server", follower))).toBe("done");
  });

  it("live: zookeeper / move-leadership: the leader is restarted and another leads", async () => {
    const old = await wellLeader();
    expect(outcome(await console.recover("zookeeper/move-leadership", old))).toBe("done");
    expect(leader(await console.read())).not.toBe(old);
  });

  it("live: zookeeper / rolling-restart: every server is restarted, the leader last, all in sync between", async () => {
    const old = await wellLeader();
    const run = await console.recover("zookeeper/rolling-restart", "all");
    expect(outcome(run)).toBe("done");
    expect(run.steps.map(({ step }) => step.node).slice(-2)).toEqual([old, old]);
  });

  it("live: zookeeper / resync-server: a follower takes the leader's data anew and its own are kept aside", async () => {
    const [follower = ""] = others(await wellLeader());
    expect(outcome(await console.recover("zookeeper/resync-server", follower))).toBe("done");
    expect(await lab.run(follower, "ls /var/lib/zookeeper")).toContain("version-2.kept-epoch-");
  });

  it("live: zookeeper / G: the logs of all servers explain how the leader was lost and another elected", async () => {
    const explained = await console.explained();
    for (const code of ["zookeeper/log.election", "zookeeper/log.leader-lost"]) expect(explained).toContain(code);
  });

  it("live: zookeeper / minority-partition: the cut server is cut off, the ensemble is not lost", async () => {
    const [cut = ""] = others(await wellLeader());
    await lab.faults.partition([cut], others(cut));
    mend.push(() => lab.faults.healPartitions());
    const seen = await console.until(has("zookeeper/ServerCutOff"));
    expect(verdict(seen)).toContain("degraded zookeeper/ServerCutOff");
    expect(seen.level).toBe("degraded");
    await recordCase("minority-partition", "One follower was cut off from the two others.");
  });

  it("live: zookeeper / majority-partition: from the minority's side it says that it cannot see, never that it is down", async () => {
    const [near = ""] = others(await wellLeader());
    await lab.faults.partition([near, "desktop"], others(near));
    mend.push(() => lab.faults.healPartitions());
    const seen = await console.until(has("zookeeper/NoLeader"), 60_000);
    expect(verdict(seen).filter((one) => one.includes("zookeeper/"))).toEqual([
      "unknown zookeeper/NoLeader",
      "unknown zookeeper/ServerNotRead",
      "unknown zookeeper/ServerNotRead",
    ]);
    expect(seen.tolerances[0]).toMatchObject({ has: null, tolerates: null });
    await recordCase("majority-partition", "The desktop and one server were cut off from the two others.");
  });

  it("live: zookeeper / split-view: two that say they lead are named within one look", async () => {
    // A leader goes on leading for syncLimit ticks of its own; one that is set apart from the others is seen long enough.
    const patient = (ticks: number): Promise<string> =>
      lab.run(
        "z3",
        `sed -i 's/^syncLimit=.*/syncLimit=${ticks}/' /etc/zookeeper/conf/zoo.cfg; systemctl restart zookeeper`,
      );
    await patient(60);
    mend.push(() => patient(5));
    for (let old = await wellLeader(); old !== "z3"; old = await wellLeader())
      await console.recover("zookeeper/move-leadership", old);
    await lab.faults.partition(["z3"], others("z3"));
    mend.push(() => lab.faults.healPartitions());
    const seen = await console.until(has("zookeeper/TwoLeaders"));
    expect(verdict(seen)).toContain("critical zookeeper/TwoLeaders");
    await recordCase("split-view", "The leader, with a syncLimit of 60, was cut off; the others elected another.");
  });

  it("live: zookeeper / quorum-lost: no majority is said though the last one answers imok; only starting the others is offered", async () => {
    const last = await wellLeader();
    for (const one of others(last)) {
      await lab.faults.kill(one, "zookeeper");
      mend.push(() => lab.faults.revive(one, "zookeeper"));
    }
    const seen = await console.until(has("zookeeper/QuorumLost"));
    expect(verdict(seen)).toEqual(["critical zookeeper/QuorumLost"]);
    expect(seen.findings.find(({ code }) => code === "zookeeper/QuorumLost")?.facts).toMatchObject({
      stillSayOk: last,
    });
    await recordCase("quorum-lost", "Two of three servers were killed.");
    const offered = seen.recoveries.filter(
      ({ objections, targets }) => objections.length === 0 && targets.some((one) => one.objections.length === 0),
    );
    expect(offered.map(({ action }) => action)).toEqual(["zookeeper/restart-server"]);
    expect(outcome(await console.recover("zookeeper/restart-server", others(last)[0] ?? ""))).toBe("done");
  });

  it("live: zookeeper / disk-full: the full disk is named, and the server that still serves is not called down", async () => {
    await lab.faults.fillDisk("z1");
    mend.push(() => console.change("z1", {}));
    mend.push(() => lab.faults.freeDisk("z1"));
    await console.change("z1", {});
    const seen = await console.until(has("linux/DiskFull"), 90_000);
    expect(verdict(seen)).toEqual(["critical linux/DiskFull"]);
  });

  it("live: zookeeper / restart-storm: a server that ends again and again is named", async () => {
    const [one = ""] = others(await wellLeader());
    await lab.run(
      one,
      "mkdir -p /run/systemd/system/zookeeper.service.d; printf '[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nRestart=always\\nRestartSec=100ms\\n' >/run/systemd/system/zookeeper.service.d/storm.conf; systemctl daemon-reload; systemctl restart zookeeper",
    );
    mend.push(() =>
      lab.run(
        one,
        "rm -r /run/systemd/system/zookeeper.service.d; systemctl daemon-reload; systemctl restart zookeeper",
      ),
    );
    const kills = setInterval(() => void lab.attempt(one, "systemctl kill -s KILL zookeeper"), 500);
    mend.push(() => Promise.resolve(clearInterval(kills)));
    const seen = await console.until(has("zookeeper/KeepsRestarting"));
    expect(verdict(seen)).toContain("degraded zookeeper/KeepsRestarting");
    expect(seen.level).toBe("degraded");
  });

  it("live: zookeeper / clock-skew: a host whose clock is off is named, the ensemble is not", async () => {
    await lab.faults.skewClock("z1", 120);
    mend.push(() => console.change("z1", {}));
    mend.push(() => lab.faults.restoreClock("z1"));
    await console.change("z1", {});
    const seen = await console.until(has("linux/ClockOff"), 90_000);
    expect(verdict(seen)).toEqual(["degraded linux/ClockOff"]);
  });

  it("live: zookeeper / words-refused: where the words are refused the AdminServer is read, and it says so", async () => {
    const [one = ""] = others(await wellLeader());
    const set = (words: string): Promise<string> =>
      lab.run(
        one,
        `sed -i 's/^4lw.*/4lw.commands.whitelist=${words}/' /etc/zookeeper/conf/zoo.cfg; systemctl restart zookeeper`,
      );
    await set("srvr");
    mend.push(() => set("*"));
    const seen = await console.until(has("zookeeper/WordsRefused"));
    await recordCase("words-refused", "One server allows no four-letter word but srvr.");
    expect(verdict(await console.until((now) => now.findings.length === 1, 20_000).catch(() => seen))).toEqual([
      "watch zookeeper/WordsRefused",
    ]);
  });

  it("live: zookeeper / wrong-port: a port where nobody listens is not read, and never stopped", async () => {
    await console.change("z3", { port: 2999, adminPort: 2998 });
    mend.push(() => console.change("z3", { port: 2181, adminPort: 8080 }));
    const seen = await console.read();
    expect(verdict(seen).filter((one) => one.includes("ServerNotRead"))).toEqual(["unknown zookeeper/ServerNotRead"]);
    expect(seen.findings.map(({ code }) => code)).not.toContain("zookeeper/ServerStopped");
    await recordCase("refused", "The port and the admin port of one server are wrong.");
  });

  it("live: zookeeper / garbled: another service on the port is not taken for ZooKeeper", async () => {
    await console.change("z3", { port: 22, adminPort: 22 });
    mend.push(() => console.change("z3", { port: 2181, adminPort: 8080 }));
    const seen = await console.read();
    expect(verdict(seen).filter((one) => one.includes("ServerNotRead"))).toEqual(["unknown zookeeper/ServerNotRead"]);
    await recordCase("garbled", "The port of one server is that of its SSH service.");
  });

  /** Sessions of clients that send so many pings each; a new session is a write, which waits for the leader. */
  const sessions = (host: string, count: number, pings: number): Promise<string> =>
    lab.run(
      host,
      `for session in $(seq ${count}); do bash -c 'exec 3<>/dev/tcp/127.0.0.1/2181
printf "\\0\\0\\0\\55\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\47\\20\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\20\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0" >&3
head -c 41 <&3 >/dev/null
for ping in $(seq ${pings}); do printf "\\0\\0\\0\\10\\377\\377\\377\\376\\0\\0\\0\\13"; done >&3
head -c $((20 * ${pings})) <&3 >/dev/null' & done; wait`,
    );
  /** New sessions that wait until a leader, stopped before, goes on. */
  async function stall(leading: string, follower: string): Promise<void> {
    await lab.faults.hang(leading, "zookeeper");
    const asked = sessions(follower, 3, 0);
    await pause(1_500);
    await lab.faults.resume(leading, "zookeeper");
    await asked;
  }

  it("live: zookeeper / slow-answers: a stall is named by what was answered since the reading before, whatever the mean of the server's life", async () => {
    const leading = await wellLeader();
    const [follower = ""] = others(leading);
    mend.push(() => lab.faults.resume(leading, "zookeeper"));
    await sessions(follower, 1, 3_000);
    await console.read();
    await stall(leading, follower);
    const seen = await console.until(has("zookeeper/LatencyHigh"));
    expect(verdict(seen)).toContain("degraded zookeeper/LatencyHigh");
    const mean = seen.members
      .find(({ member }) => member === follower)
      ?.figures.find(({ name }) => name === "zookeeper/figure.latencySinceStart")?.figure;
    expect(mean?.state === "known" && Number(mean.value) < 10).toBe(true);
    await recordCase("slow-answers", "After 3,000 quick answers the leader stood still for a moment.", () =>
      stall(leading, follower),
    );
  });

  /** Stops all servers, changes the files of their configuration and starts them; what was changed is put back afterwards. */
  async function configureAll(script: string): Promise<void> {
    const onAll = (words: string): Promise<string[]> => Promise.all(all.map((host) => lab.run(host, words)));
    mend.push(async () => {
      await onAll(
        "systemctl stop zookeeper; cd /etc/zookeeper; rm -rf conf/*; cp -a conf.kept/. conf/; rm -r conf.kept",
      );
      await onAll("systemctl start zookeeper");
    });
    await onAll(
      `systemctl stop zookeeper; cd /etc/zookeeper; mkdir conf.kept; cp -a conf/. conf.kept/; cd conf; ${script}`,
    );
    await onAll("systemctl start zookeeper");
  }

  it("live: zookeeper / observers: with the words refused observers are neither changed nor removed; of two voters none is stopped", async () => {
    await configureAll(
      "sed -i 's/^4lw.*/4lw.commands.whitelist=srvr/; s/^\\(server.3=[^;]*:3888\\)[^;]*/\\1:observer/' zoo.cfg*",
    );
    const wanted = all.map(() => "watch zookeeper/WordsRefused");
    const seen = await console.until(
      (now) => leader(now) !== "" && JSON.stringify(verdict(now)) === JSON.stringify(wanted),
    );
    const role = seen.members.find(({ member }) => member === "z3")?.role;
    expect(role?.state === "known" ? role.value : role?.reason.code).toBe("zookeeper/role.observer");
    await recordCase("observers", "The third server is an observer, and no server allows a word but srvr.");
    for (const [action, target] of [
      ["zookeeper/move-leadership", leader(seen)],
      ["zookeeper/rolling-restart", "all"],
    ] as const)
      expect(await console.plan(action, target)).toMatchObject({
        state: "refused",
        objections: [{ code: "zookeeper/majority-at-risk" }],
      });
    expect(outcome(await console.recover("zookeeper/restart-server", "z3"))).toBe("done");
  });

  it("live: zookeeper / weights: how many may fail is not told by heads where votes have weights", async () => {
    await configureAll(
      "for file in $(grep -l ^server.1 zoo.cfg*); do printf '\\ngroup.1=1:2:3\\nweight.1=3\\nweight.2=1\\nweight.3=1\\n' >>$file; done",
    );
    const seen = await console.until((now) => leader(now) !== "" && verdict(now).length === 1);
    expect(verdict(seen)).toEqual(["watch zookeeper/VotesWeighed"]);
    expect(seen.tolerances[0]).toMatchObject({ has: null, tolerates: null });
    const [follower = ""] = others(leader(seen));
    expect(await console.plan("zookeeper/restart-server", follower)).toMatchObject({
      state: "refused",
      objections: [{ code: "zookeeper/votes-weighed" }],
    });
    await recordCase("weights", "The first server has three votes, the others one each.");
  });

  it("live: zookeeper / lists-differ: a changed server list is named before a restart makes it count", async () => {
    await lab.run("z1", "sed -i.kept '/^server.3/d' $(readlink -f /etc/zookeeper/conf)/zoo.cfg*");
    mend.push(() => lab.run("z1", "cd $(readlink -f /etc/zookeeper/conf); for f in *.kept; do mv $f ${f%.kept}; done"));
    const seen = await console.until(has("zookeeper/ConfigurationChanged"));
    expect(verdict(seen)).toEqual(["degraded zookeeper/ConfigurationChanged"]);
    expect(await console.plan("zookeeper/rolling-restart", "all")).toMatchObject({
      state: "refused",
      objections: [{ code: "zookeeper/files-differ" }],
    });
    const offered = seen.recoveries.find(({ action }) => action === "zookeeper/restart-server")?.targets ?? [];
    expect(offered.find(({ target }) => target === "z1")?.objections).toContainEqual(
      expect.objectContaining({ code: "zookeeper/files-differ" }),
    );
    await recordCase(
      "lists-differ",
      "The third server was taken out of one server's configuration, and nothing restarted.",
    );
  });

  it("live: zookeeper / host-gone: a host without power cannot be seen, and is not called stopped", async () => {
    const [one = ""] = others(await wellLeader());
    await lab.faults.switchOff(one);
    mend.push(() => lab.faults.switchOn(one));
    // The leader notices the loss after its own time, syncLimit, and the desktop after its; both are waited for.
    const seen = await console.until(
      (now) => has("zookeeper/ServerNotRead")(now) && has("zookeeper/FollowersNotSynced")(now),
      60_000,
    );
    expect(seen.findings.map(({ code }) => code)).not.toContain("zookeeper/ServerStopped");
    await recordCase("one-node-silent", "One host was switched off.");
  });
});
