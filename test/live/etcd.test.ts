import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Assessment } from "../../contract/assessment";
import { etcd } from "../../main/engine/etcd";
import { openRecorder } from "../engine/recorder";
import { startLab, whyNoLab, type Lab } from "../lab/start-lab";
import { mendAll, openConsole, outcome, verdict, type Console } from "./console";

const why = whyNoLab();
/** Writes what the cluster answers in each scenario as a recorded case: `EVENKEEL_RECORD=write`. */
const records = process.env.EVENKEEL_RECORD === "write";
const all = ["e1", "e2", "e3"];

describe.skipIf(why !== null)(`etcd on the lab ${why ?? ""}`, { timeout: 300_000 }, () => {
  let lab: Lab;
  let console: Console;
  const mend: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    lab = await startLab("etcd");
    console = openConsole(lab.sshConfigPath);
  });
  afterEach(async () => {
    await mendAll(mend);
    // What one scenario did to the leader is not held against the next.
    if (console.hasCluster()) await console.change("e1", {}).then(() => console.until(isWell, 90_000));
  });
  afterAll(async () => {
    await console.close();
    await lab.stop();
  });

  const isWell = (seen: Assessment): boolean => verdict(seen).length === 0;
  const leader = (seen: Assessment): string =>
    seen.members.find(({ role }) => role.state === "known" && role.value === "etcd/role.leader")?.member ?? "";
  const roleOf = (seen: Assessment, member: string): unknown => {
    const role = seen.members.find((one) => one.member === member)?.role;
    return role?.state === "known" ? role.value : role?.reason.code;
  };
  const others = (name: string): string[] => all.filter((one) => one !== name);
  const has =
    (code: string) =>
    (seen: Assessment): boolean =>
      verdict(seen).some((one) => one.endsWith(` ${code}`));
  /** Where nothing else is said than this. */
  const only =
    (...said: readonly string[]) =>
    (seen: Assessment): boolean =>
      verdict(seen).join() === said.join();
  const wellLeader = async (): Promise<string> =>
    leader(await console.until((seen) => isWell(seen) && leader(seen) !== ""));
  const ctl = (host: string, words: string): Promise<string> => lab.run(host, `ETCDCTL_API=3 etcdctl ${words}`);
  /** Refused by etcd itself while a link is younger than five seconds. */
  const patient = (host: string, words: string): Promise<string> =>
    lab.run(host, `for i in $(seq 60); do ETCDCTL_API=3 etcdctl ${words} && exit; sleep 0.5; done; exit 1`);
  /** Adds settings to a member's unit and starts it anew with them; an empty text takes them back. */
  async function configure(host: string, lines: string): Promise<void> {
    const file = "/run/systemd/system/etcd.service.d/50-live.conf";
    const write = lines === "" ? `rm -f ${file}` : `mkdir -p ${file.replace(/[^/]*$/, "")}; printf '${lines}' >${file}`;
    await lab.run(host, `${write}; systemctl daemon-reload; systemctl reset-failed etcd; systemctl restart etcd`);
  }

  async function recordCase(name: string, what: string, betweenLooks?: () => Promise<void>): Promise<void> {
    if (!records) return;
    const about = {
      what,
      version: "3.4.23",
      origin: "three Debian 12 hosts of the lab",
      withPrevious: name === "healthy" || betweenLooks !== undefined,
      ...(betweenLooks !== undefined && { betweenLooks }),
    };
    await openRecorder(lab.sshConfigPath).record(etcd, console.cluster(), name, about);
  }

  it("live: etcd / A: finds all members and their unit from one host", async () => {
    const found = await console.discover("e2");
    expect(found.problems).toEqual([]);
    const [cluster] = found.clusters;
    expect(cluster?.members.map(({ member }) => member)).toEqual(all);
    expect(cluster?.members[0]?.settings).toMatchObject({
      host: "127.0.0.1",
      port: 2379,
      name: "e1",
      control: "systemd:etcd.service",
      dataDirectory: "/var/lib/etcd/default",
      configuredBy: "environment",
    });
    await console.keep(cluster!, "etcd");
  });

  it("live: etcd / B: a healthy cluster has nothing to say", async () => {
    const seen = await console.until(isWell);
    expect([seen.level, seen.unknowns]).toEqual(["ok", 0]);
    expect(leader(seen)).not.toBe("");
    await recordCase("healthy", "Nothing; looked at twice.");
  });

  it("live: etcd / C: shares watchers, requests and traffic out over the members", async () => {
    const { balances } = await console.until((seen) =>
      seen.balances.every(({ shares }) => shares.every(({ amount }) => amount.state === "known")),
    );
    expect(balances.map(({ measure }) => measure)).toEqual([
      "etcd/balance.watchers",
      "etcd/balance.requests",
      "etcd/balance.clientTraffic",
    ]);
    expect(balances.every(({ shares }) => shares.every(({ amount }) => amount.state === "known"))).toBe(true);
  });

  it("live: etcd / D: every member tells the same leader, term, members, alarms and keys", async () => {
    const { consistency } = await console.until(({ consistency: seen }) =>
      seen.witnesses.every(({ verdict: said }) => said === "holds"),
    );
    expect(consistency.witnesses.map(({ claim, verdict: said }) => [claim, said])).toEqual(
      ["leader", "term", "members", "clusterId", "alarms", "keys"].map((claim) => [`etcd/claim.${claim}`, "holds"]),
    );
  });

  it("live: etcd / E: one voter and one host may fail", async () => {
    expect(
      (await console.until(isWell)).tolerances.map(({ needs, has: sync, tolerates }) => [needs, sync, tolerates]),
    ).toEqual([
      [2, 3, 1],
      [2, 3, 1],
    ]);
  });

  it("live: etcd / H: shows requests, waiting proposals, watchers and open files", async () => {
    const wanted = ["requests", "pending", "watchers", "readTransactions", "filesUsed", "quotaUsed"];
    const known = ({ members }: Assessment): readonly string[] =>
      members[0]?.figures.filter(({ figure }) => figure.state === "known").map(({ name }) => name) ?? [];
    const seen = await console.until((now) => wanted.every((name) => known(now).includes(`etcd/figure.${name}`)));
    expect(known(seen)).toEqual(expect.arrayContaining(wanted.map((name) => `etcd/figure.${name}`)));
  });

  it("live: etcd / move-leader: hands the leadership to a named follower", async () => {
    const old = await wellLeader();
    const [heir = ""] = others(old);
    expect(outcome(await console.recover("etcd/move-leader", heir))).toBe("done");
    expect(leader(await console.until(isWell))).toBe(heir);
  });

  it("live: etcd / leader-changing: changes of leader that no two looks in a row see twice are counted over minutes", async () => {
    const moveFourTimes = async (): Promise<void> => {
      for (let change = 0; change < 4; change += 1) {
        const old = leader(await console.until((now) => leader(now) !== ""));
        const [heir = ""] = others(old);
        await ctl(old, `move-leader ${await memberId(old, heir)}`);
        await console.until((now) => leader(now) === heir);
      }
    };
    await console.read();
    await moveFourTimes();
    const seen = await console.until(has("etcd/LeaderChanging"));
    expect(new Set(verdict(seen))).toEqual(new Set(["watch etcd/LeaderChanging"]));
    await recordCase("leader-changing", "The leadership was moved four times between the two looks.", moveFourTimes);
  });

  it("live: etcd / restart-member: a leader hands over, is restarted and follows", async () => {
    const old = await wellLeader();
    expect(outcome(await console.recover("etcd/restart-member", old))).toBe("done");
    expect([old, ""]).not.toContain(leader(await console.until(isWell)));
  });

  it("live: etcd / leader-killed: the others elect one, the dead one is named, and nothing that breaks the majority is offered", async () => {
    const old = await wellLeader();
    await lab.faults.kill(old, "etcd");
    mend.push(() => lab.faults.revive(old, "etcd"));
    const seen = await console.until((now) => leader(now) !== "" && only("degraded etcd/MemberStopped")(now));
    expect(seen.tolerances[0]).toMatchObject({ has: 2, tolerates: 0 });
    await recordCase("leader-killed", "The leader was killed and kept dead.");
    for (const one of others(old))
      expect(await console.plan("etcd/restart-member", one)).toMatchObject({ state: "refused" });
    expect(outcome(await console.recover("etcd/restart-member", old))).toBe("done");
  });

  it("live: etcd / leader-hung: a process that answers nobody is hung, not down, and can be ended and started", async () => {
    const old = await wellLeader();
    await lab.faults.hang(old, "etcd");
    mend.push(() => lab.faults.resume(old, "etcd"));
    await console.until((now) => ![old, ""].includes(leader(now)) && only("degraded etcd/MemberHung")(now));
    await recordCase("leader-hung", "The leader was stopped by SIGSTOP, and the others had elected another.");
    expect(outcome(await console.recover("etcd/restart-member", old))).toBe("done");
  });

  it("live: etcd / G: the logs of all members explain how the leader was lost and another elected", async () => {
    await expect
      .poll(() => console.explained(), { timeout: 30_000 })
      .toEqual(expect.arrayContaining(["etcd/log.leader-elected", "etcd/log.leader-lost"]));
  });

  it("live: etcd / minority-partition: the cut member is cut off, the cluster is not lost", async () => {
    const [cut = ""] = others(await wellLeader());
    await lab.faults.partition([cut], others(cut));
    mend.push(() => lab.faults.healPartitions());
    const seen = await console.until((now) => has("etcd/MemberCutOff")(now) && leader(now) !== "");
    expect(verdict(seen)).toContain("degraded etcd/MemberCutOff");
    expect(seen.level).toBe("degraded");
    await recordCase("minority-partition", "One follower was cut off from the two others.");
  });

  it("live: etcd / majority-partition: from the minority's side it says that it cannot see, never that it is down", async () => {
    const [near = ""] = others(await wellLeader());
    await lab.faults.partition([near, "desktop"], others(near));
    mend.push(() => lab.faults.healPartitions());
    // Until it gives its links up the near one may still name a leader, and the far ones may still be waited for.
    const said = (now: Assessment): string =>
      verdict(now)
        .filter((one) => one.includes(" etcd/") && !one.includes("Partly"))
        .join();
    const unseen = ["unknown etcd/MemberNotRead", "unknown etcd/MemberNotRead", "unknown etcd/NoLeader"].join();
    const seen = await console.until((now) => said(now) === unseen, 90_000);
    expect(seen.tolerances[0]).toMatchObject({ has: null, tolerates: null });
    await recordCase("majority-partition", "The desktop and one member were cut off from the two others.");
  });

  it("live: etcd / split-view: two that say they lead are named within one look", async () => {
    const slow = "[Service]\\nEnvironment=ETCD_ELECTION_TIMEOUT=45000\\n";
    await configure("e1", slow);
    mend.push(() => configure("e1", ""));
    await console.until(isWell);
    if ((await wellLeader()) !== "e1") expect(outcome(await console.recover("etcd/move-leader", "e1"))).toBe("done");
    await lab.faults.partition(["e1"], ["e2", "e3"]);
    mend.push(() => lab.faults.healPartitions());
    const seen = await console.until(has("etcd/TwoLeaders"), 45_000);
    expect(verdict(seen)).toContain("critical etcd/TwoLeaders");
    await recordCase(
      "split-view",
      "The leader, with an election timeout of 45 s, was cut off; the others elected another.",
    );
  });

  it("live: etcd / quorum-lost: no majority is said, and only starting the others is offered", async () => {
    const last = await wellLeader();
    for (const one of others(last)) {
      await lab.faults.kill(one, "etcd");
      mend.push(() => lab.faults.revive(one, "etcd"));
    }
    const seen = await console.until(only("critical etcd/QuorumLost"));
    await recordCase("quorum-lost", "Two of three members were killed.");
    const offered = seen.recoveries.filter(
      ({ objections, targets }) => objections.length === 0 && targets.some((one) => one.objections.length === 0),
    );
    expect(offered.map(({ action }) => action)).toEqual(["etcd/restart-member"]);
    expect(outcome(await console.recover("etcd/restart-member", others(last)[0] ?? ""))).toBe("done");
  });

  it("live: etcd / clear-no-space: compacts, defragments one after another, the leader last, and disarms", async () => {
    for (const one of all) await configure(one, "[Service]\\nEnvironment=ETCD_QUOTA_BACKEND_BYTES=16777216\\n");
    mend.push(async () => {
      for (const one of all) await configure(one, "");
    });
    await console.until(isWell);
    // Any other refusal, such as of a leader that has just changed, is no full database.
    await lab.run(
      "e1",
      `export ETCDCTL_API=3; for i in $(seq 80); do head -c 900000 /dev/zero | tr '\\0' x | etcdctl put big 2>&1 | grep -q 'database space exceeded' && exit 0; done; exit 1`,
    );
    const seen = await console.until(has("etcd/AlarmNoSpace"));
    expect(verdict(seen)).toContain("critical etcd/AlarmNoSpace");
    await recordCase("no-space", "A quota of 16 MiB was used up by overwriting one key.");
    const run = await console.recover("etcd/clear-no-space", targetOf(seen, "etcd/clear-no-space"));
    expect(outcome(run)).toBe("done");
    expect(await ctl("e1", "put big small")).toContain("OK");
  });

  it("live: etcd / alarm-left: an alarm that stays after the space was freed is named, and disarming alone is planned", async () => {
    const list = JSON.parse(
      await lab.run("e1", "curl -s -X POST http://127.0.0.1:2379/v3/cluster/member/list -d '{}'"),
    ) as { members: { ID: string }[] };
    const alarm = { action: "ACTIVATE", memberID: list.members[0]?.ID, alarm: "NOSPACE" };
    await lab.run("e1", `curl -s -X POST http://127.0.0.1:2379/v3/maintenance/alarm -d '${JSON.stringify(alarm)}'`);
    await ctl(
      "e1",
      `compact $(ETCDCTL_API=3 etcdctl get x -w json | sed 's/.*"revision":\\([0-9]*\\).*/\\1/') --physical; true`,
    );
    const seen = await console.until(has("etcd/AlarmNoSpace"));
    await recordCase("alarm-left", "The alarm stands while every member has room.");
    const run = await console.recover("etcd/clear-no-space", targetOf(seen, "etcd/clear-no-space"));
    expect(outcome(run)).toBe("done");
    expect(run.steps.map(({ step }) => step.title.code)).toContain("etcd/step.disarm");
  });

  async function memberId(asked: string, member: string): Promise<string> {
    const list = await ctl(asked, "member list");
    return new RegExp(`^([0-9a-f]+), started, ${member},`, "m").exec(list)?.[1] ?? "";
  }

  /** The hosts' disks are too small for two copies with the room that etcd sets aside in each. */
  async function roomForTwo(host: string): Promise<void> {
    await lab.run(host, "rm -f /var/lib/etcd/default/member/wal/*.tmp");
    mend.push(() => lab.run(host, "rm -rf /var/lib/etcd/*.kept-*"));
  }

  it("live: etcd / replace-member: right after a follower came back a dead member is replaced by an empty one", async () => {
    const first = await wellLeader();
    const [dead = "", back = ""] = others(first);
    await lab.run(back, "systemctl restart etcd");
    await lab.faults.kill(dead, "etcd");
    mend.push(() => lab.faults.revive(dead, "etcd"));
    await roomForTwo(dead);
    const id = await memberId(first, dead);
    // What an earlier replacement would have left.
    await lab.run(dead, `mkdir /var/lib/etcd/default.kept-${id}`);
    await console.until((now) => offers(now, "etcd/replace-member").includes(dead));
    const run = await console.recover("etcd/replace-member", dead);
    expect(outcome(run)).toBe("done");
    expect(run.steps.map(({ step }) => step.title.code)).toEqual(
      ["letLinksSettle", "remove", "keepAside", "add", "startAnew"].map((step) => `etcd/step.${step}`),
    );
    expect(await lab.run(dead, `ls /var/lib/etcd/default.kept-${id}-2`)).toContain("member");
    expect(await lab.run(dead, `ls /var/lib/etcd/default.kept-${id}`)).toBe("");
  });

  it("live: etcd / replace-member: where the data cannot be kept aside it ends there and adds nobody, and a second one goes on from it", async () => {
    const first = await wellLeader();
    const [dead = ""] = others(first);
    await lab.faults.kill(dead, "etcd");
    mend.push(() => lab.faults.revive(dead, "etcd"));
    await roomForTwo(dead);
    await console.until((now) => offers(now, "etcd/replace-member").includes(dead));
    // Its account may then rename nothing in there, which is seen beforehand.
    await lab.run(dead, "chown root /var/lib/etcd; chmod 755 /var/lib/etcd");
    mend.push(() => lab.run(dead, "chown etcd /var/lib/etcd"));
    expect(JSON.stringify(await console.plan("etcd/replace-member", dead))).toContain("etcd/may-not-rename");
    await recordCase(
      "folder-closed",
      "The leader runs, a follower is dead, and its account may not write beside its data.",
    );
    await lab.run(dead, "chown etcd /var/lib/etcd");
    // No mode of a folder shows this.
    await lab.run(dead, "chattr +i /var/lib/etcd/default");
    mend.push(() => lab.run(dead, "chattr -i /var/lib/etcd/default*"));
    const run = await console.recover("etcd/replace-member", dead);
    expect([run.state, ...run.steps.map(({ step, state }) => `${step.title.code} ${state}`)]).toEqual([
      "failed",
      "etcd/step.letLinksSettle kept",
      "etcd/step.remove kept",
      "etcd/step.keepAside broken",
      "etcd/step.add skipped",
      "etcd/step.startAnew skipped",
    ]);
    expect((await ctl(first, "member list")).trim().split("\n")).toHaveLength(2);
    await lab.run(dead, "chattr -i /var/lib/etcd/default");
    expect(outcome(await console.recover("etcd/replace-member", dead))).toBe("done");
    expect(await lab.run(dead, "ls /var/lib/etcd")).toContain("default.kept-removed");
  });

  it("live: etcd / wal-directory: a member whose log lies outside its data directory is found so, and not replaced by moving the one alone", async () => {
    const [dead = ""] = others(await wellLeader());
    const wal = "/var/lib/etcd/log";
    mend.push(async () => {
      await lab.run(dead, `systemctl stop etcd; [ ! -e ${wal} ] || mv ${wal} /var/lib/etcd/default/member/wal`);
      await configure(dead, "");
    });
    await lab.run(dead, `systemctl stop etcd; mv /var/lib/etcd/default/member/wal ${wal}`);
    await configure(dead, `[Service]\\nEnvironment=ETCD_WAL_DIR=${wal}\\n`);
    await console.until(isWell);
    const [found] = (await console.discover(dead)).clusters;
    const walDirectory = found?.members.find(({ member }) => member === dead)?.settings.walDirectory ?? "";
    expect(walDirectory).toBe(wal);
    await console.change(dead, { walDirectory });
    mend.push(() => console.change(dead, { walDirectory: "" }));
    await lab.faults.kill(dead, "etcd");
    mend.push(() => lab.faults.revive(dead, "etcd"));
    await console.until(has("etcd/MemberStopped"));
    const answer = await console.plan("etcd/replace-member", dead);
    const data = "/var/lib/etcd/default";
    expect(answer).toMatchObject({
      state: "refused",
      objections: [
        { code: "etcd/wal-directory-elsewhere", facts: { member: dead, directory: wal, dataDirectory: data } },
      ],
    });
    await recordCase(
      "wal-elsewhere",
      "A follower that keeps its log outside its data directory was killed and kept dead.",
    );
    expect(outcome(await console.recover("etcd/restart-member", dead))).toBe("done");
  });

  it("live: etcd / replace-member: one that was added and never started stops it before anybody is out; a learner is among those the new one is told of", async () => {
    const first = await wellLeader();
    const [dead = "", host = ""] = others(first);
    const peer = `http://${lab.host(host).address}:3380`;
    mend.push(() => lab.run(host, "systemctl stop etcd-extra; rm -rf /var/lib/etcd/extra"));
    mend.push(() =>
      lab.run(
        first,
        `for i in $(seq 60); do id=$(ETCDCTL_API=3 etcdctl member list | grep ${peer} | cut -d, -f1); [ -z "$id" ] && exit; ETCDCTL_API=3 etcdctl member remove $id; sleep 0.5; done; exit 1`,
      ),
    );
    await patient(first, `member add extra --learner --peer-urls=${peer}`);
    await lab.faults.kill(dead, "etcd");
    mend.push(() => lab.faults.revive(dead, "etcd"));
    await roomForTwo(dead);
    const refusedFor = (seen: Assessment): readonly string[] =>
      seen.recoveries
        .filter(({ action }) => action === "etcd/replace-member")
        .flatMap(({ targets }) => targets.filter(({ target }) => target === dead))
        .flatMap(({ objections }) => objections.map(({ code }) => code));
    const seen = await console.until((now) => leader(now) !== "" && refusedFor(now).length === 1);
    expect(refusedFor(seen)).toEqual(["etcd/another-never-started"]);
    await recordCase("member-added", "A learner was added that has not started, and a voter was killed.");
    const list = (await ctl(first, "member list -w json | tr -d '\\n'")).trim();
    const known = (JSON.parse(list) as { members: { name?: string; peerURLs: string[] }[] }).members
      .map(({ name, peerURLs }) => `${name ?? "extra"}=${peerURLs[0]}`)
      .join(",");
    await lab.run(
      host,
      `systemd-run --quiet --unit=etcd-extra etcd --name extra --data-dir /var/lib/etcd/extra --listen-peer-urls ${peer} --initial-advertise-peer-urls ${peer} --listen-client-urls http://127.0.0.1:3379 --advertise-client-urls http://127.0.0.1:3379 --initial-cluster-state existing --initial-cluster ${known}`,
    );
    await console.until((now) => offers(now, "etcd/replace-member").includes(dead));
    expect(outcome(await console.recover("etcd/replace-member", dead))).toBe("done");
    expect((await ctl(first, "member list")).trim().split("\n")).toHaveLength(4);
  });

  it("live: etcd / member-removed: one that was taken out by hand is named and put in again", async () => {
    const first = await wellLeader();
    const [gone = ""] = others(first);
    const id = await memberId(first, gone);
    await patient(first, `member remove ${id}`);
    const seen = await console.until((now) => offers(now, "etcd/replace-member").includes(gone));
    expect(seen.findings.map(({ code }) => code)).toContain("etcd/MemberRemoved");
    await roomForTwo(gone);
    await recordCase("member-removed", "One member was removed from the cluster by hand and ended.");
    expect(outcome(await console.recover("etcd/replace-member", gone))).toBe("done");
  });

  it("live: etcd / promote-learner: a learner that has caught up is given its vote, and not before", async () => {
    const first = await wellLeader();
    const [late = ""] = others(first);
    const id = await memberId(first, late);
    await lab.run(late, "systemctl stop etcd");
    await patient(first, `member remove ${id}`);
    await lab.run(late, "rm -rf /var/lib/etcd/*");
    await patient(first, `member add ${late} --learner --peer-urls=http://${lab.host(late).address}:2380`);
    await lab.run(
      late,
      "sed -i 's/^ETCD_INITIAL_CLUSTER_STATE=.*/ETCD_INITIAL_CLUSTER_STATE=existing/' /etc/default/etcd",
    );
    await lab.run(late, "systemctl reset-failed etcd; systemctl start etcd");
    const seen = await console.until((now) => offers(now, "etcd/promote-learner").includes(late), 60_000);
    expect(roleOf(seen, late)).toBe("etcd/role.learner");
    expect(outcome(await console.recover("etcd/promote-learner", late))).toBe("done");
    expect(roleOf(await console.until(isWell), late)).toBe("etcd/role.follower");
  });

  it("live: etcd / corrupt-alarm: a CORRUPT alarm is critical and not cleared by a button", async () => {
    const status = JSON.parse(
      await lab.run("e1", "curl -s -X POST http://127.0.0.1:2379/v3/maintenance/status -d '{}'"),
    ) as { header: { member_id: string } };
    const send = (action: string): Promise<string> =>
      lab.run(
        "e1",
        `curl -s -X POST http://127.0.0.1:2379/v3/maintenance/alarm -d '${JSON.stringify({ action, memberID: status.header.member_id, alarm: "CORRUPT" })}'`,
      );
    await send("ACTIVATE");
    mend.push(() => send("DEACTIVATE"));
    const seen = await console.until(has("etcd/AlarmCorrupt"));
    await recordCase("corrupt-alarm", "A CORRUPT alarm was raised by hand.");
    expect(seen.recoveries.find(({ action }) => action === "etcd/clear-no-space")?.objections).not.toEqual([]);
  });

  it("live: etcd / defragment: gives the free space inside a member's file back", async () => {
    await lab.run(
      "e1",
      `set -e; export ETCDCTL_API=3
for i in $(seq 15); do head -c 1000000 /dev/zero | tr '\\000' x | etcdctl put big$i >/dev/null; done
etcdctl del --prefix big >/dev/null
etcdctl compact --physical "$(etcdctl get x -w json | sed 's/.*"revision":\\([0-9]*\\).*/\\1/')"
# What was freed counts as free from the next write on.
for i in 1 2 3; do etcdctl put x $i; sleep 0.2; done`,
    );
    const seen = await console.until((now) => offers(now, "etcd/defragment").length > 0);
    await recordCase("healthy-fragmented", "Fifteen megabytes were written, deleted and compacted.");
    const [target = ""] = offers(seen, "etcd/defragment");
    expect(outcome(await console.recover("etcd/defragment", target))).toBe("done");
  });

  it("live: etcd / disk-full: the full disk is named with the member that it ended", async () => {
    await lab.faults.fillDisk("e1");
    await console.change("e1", {});
    mend.push(() => console.change("e1", {}));
    mend.push(async () => {
      await lab.faults.freeDisk("e1");
      await lab.attempt("e1", "systemctl reset-failed etcd; systemctl start etcd");
    });
    for (let at = 0; at < 5; at += 1) await lab.attempt("e2", `ETCDCTL_API=3 etcdctl put k${at} v`);
    const seen = await console.until(has("linux/DiskFull"), 90_000);
    expect(verdict(seen)).toContain("critical linux/DiskFull");
    expect(seen.findings.map(({ code }) => code)).not.toContain("etcd/QuorumLost");
  });

  it("live: etcd / restart-storm: a member that ends again and again is named", async () => {
    const [one = ""] = others(await wellLeader());
    await configure(one, "[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nRestart=always\\nRestartSec=100ms\\n");
    mend.push(() => configure(one, ""));
    const over = new AbortController();
    const kills = (async () => {
      while (!over.signal.aborted) {
        await lab.attempt(one, "systemctl kill -s KILL etcd");
        await pause(500);
      }
    })();
    // The last one must not meet the start of the unit as it was before.
    mend.push(() => kills);
    const seen = await console.until(has("etcd/KeepsRestarting")).finally(() => over.abort());
    expect(verdict(seen)).toContain("degraded etcd/KeepsRestarting");
  });

  it("live: etcd / clock-skew: a host whose clock is off is named, the cluster is not", async () => {
    await lab.faults.skewClock("e1", 120);
    mend.push(() => console.change("e1", {}));
    mend.push(() => lab.faults.restoreClock("e1"));
    await console.change("e1", {});
    await console.until(only("degraded linux/ClockOff"), 90_000);
  });

  /** Nothing else is said, and in no look before was anybody called stopped or hung. */
  const onlyNotRead = (now: Assessment): boolean => {
    expect(verdict(now).filter((one) => /Stopped|Hung/.test(one))).toEqual([]);
    return only("unknown etcd/MemberNotRead")(now);
  };

  it("live: etcd / wrong-port: a port where nobody listens is not read, and never stopped", async () => {
    await console.change("e3", { port: 2999 });
    mend.push(() => console.change("e3", { port: 2379 }));
    await console.until(onlyNotRead);
    await recordCase("refused", "The port of one member is wrong.");
  });

  it("live: etcd / garbled: another service on the port is not taken for etcd", async () => {
    await console.change("e3", { port: 22 });
    mend.push(() => console.change("e3", { port: 2379 }));
    await console.until(onlyNotRead);
    await recordCase("garbled", "The port of one member is that of its SSH service.");
  });

  it("live: etcd / host-gone: a host without power cannot be seen, and is not called stopped", async () => {
    const [one = ""] = others(await wellLeader());
    await lab.faults.switchOff(one);
    mend.push(() => lab.faults.switchOn(one));
    await console.until(
      (now) =>
        verdict(now)
          .filter((said) => said.includes(" etcd/"))
          .join() === "unknown etcd/MemberNotRead",
      90_000,
    );
    await recordCase("one-node-silent", "One host was switched off.");
  });
});

function targetOf(seen: Assessment, action: string): string {
  return seen.recoveries.find((one) => one.action === action)?.targets[0]?.target ?? "";
}

/** Whom an action is offered for now. */
function offers(seen: Assessment, action: string): readonly string[] {
  const offer = seen.recoveries.find((one) => one.action === action);
  if (offer === undefined || offer.objections.length > 0) return [];
  return offer.targets.filter(({ objections }) => objections.length === 0).map(({ target }) => target);
}
