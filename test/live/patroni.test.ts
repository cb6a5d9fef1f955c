import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Assessment } from "../../contract/assessment";
import type { DiscoveredCluster } from "../../contract/inventory";
import { patroni } from "../../main/engine/patroni";
import { openRecorder } from "../engine/recorder";
import { startLab, whyNoLab, type Lab } from "../lab/start-lab";
import { mendAll, openConsole, outcome, verdict, type Console } from "./console";

const why = whyNoLab();
/** Writes what the cluster answers in each scenario as a recorded case: `EVENKEEL_RECORD=write`. */
const records = process.env.EVENKEEL_RECORD === "write";
const all = ["t1", "t2", "t3"];
/** As the lab's Patroni gives it to the account postgres. */
const superuserPassword = "postgres";

describe.skipIf(why !== null)(`Patroni on the lab ${why ?? ""}`, { timeout: 300_000 }, () => {
  let lab: Lab;
  let console: Console;
  const mend: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    lab = await startLab("patroni");
    console = openConsole(lab.sshConfigPath);
  });
  afterEach(async () => {
    await mendAll(mend);
    if (console.hasCluster()) await console.until(isWell, 120_000);
  });
  afterAll(async () => {
    await console.close();
    await lab.stop();
  });

  const isWell = (seen: Assessment): boolean => own(seen).length === 0;
  /** Without what the hosts have to say, and that the leader has changed often, as it does here. */
  const own = (seen: Assessment): readonly string[] =>
    verdict(seen).filter((one) => one.includes(" patroni/") && !one.endsWith("/LeaderChanging"));
  const inRole = (seen: Assessment, role: string): readonly string[] =>
    seen.members
      .filter((one) => one.role.state === "known" && one.role.value === `patroni/role.${role}`)
      .map(({ member }) => member);
  const leader = (seen: Assessment): string => inRole(seen, "leader")[0] ?? "";
  const others = (name: string): string[] => all.filter((one) => one !== name);
  const has =
    (code: string) =>
    (seen: Assessment): boolean =>
      own(seen).some((one) => one.endsWith(` patroni/${code}`));
  const factsOf = (seen: Assessment, code: string): Assessment["findings"][number]["facts"] | undefined =>
    seen.findings.find((one) => one.code === `patroni/${code}`)?.facts;
  const wellLeader = async (): Promise<string> =>
    leader(await console.until((seen) => isWell(seen) && leader(seen) !== "", 90_000));
  /** Where nothing else is said than this. */
  const only =
    (...said: readonly string[]) =>
    (seen: Assessment): boolean =>
      own(seen).join() === said.join();
  /** Patroni refuses while it starts or looks for its store; a setting may be sent twice. */
  const patch = (host: string, settings: Readonly<Record<string, unknown>>): Promise<string> =>
    lab.run(
      host,
      `curl -sf -m 10 --retry 20 --retry-delay 1 --retry-all-errors -X PATCH -d '${JSON.stringify(settings)}' 127.0.0.1:8008/config`,
    );
  const sql = (host: string, statement: string): Promise<string> =>
    lab.run(host, `cd / && runuser -u postgres -- psql -qAtX -c "${statement}"`);

  async function recordCase(
    name: string,
    what: string,
    {
      cluster = console.cluster(),
      databasePassword = null,
      betweenLooks,
    }: {
      readonly cluster?: DiscoveredCluster;
      readonly databasePassword?: string | null;
      readonly betweenLooks?: () => Promise<void>;
    } = {},
  ): Promise<void> {
    if (!records) return;
    await openRecorder(lab.sshConfigPath, databasePassword).record(patroni, cluster, name, {
      what,
      version: "Patroni 3.0.2, PostgreSQL 15",
      origin: "three Debian 12 hosts of the lab",
      withPrevious: name === "healthy" || databasePassword !== null || betweenLooks !== undefined,
      ...(betweenLooks !== undefined && { betweenLooks }),
    });
  }

  it("live: patroni / A: finds all members from one host, and offers none of their servers as plain PostgreSQL", async () => {
    const found = await console.discover("t2");
    expect(found.clusters.map(({ engine }) => engine).sort()).toEqual(["etcd", "patroni"]);
    expect(found.problems.map(({ code }) => code)).toEqual(all.map(() => "postgresql/left-to-patroni"));
    const cluster = found.clusters.find(({ engine }) => engine === "patroni");
    expect(cluster?.members.map(({ member }) => member)).toEqual(all);
    expect(cluster?.members[0]?.settings).toMatchObject({
      scope: "lab",
      name: "t1",
      port: 8008,
      postgresPort: 5432,
      dataDirectory: "/var/lib/postgresql/15/patroni",
      control: "systemd:patroni.service",
      storeKind: "etcd3",
      storePort: 2379,
      changesNeedLogin: false,
    });
    await console.keep(cluster!, "patroni");
  });

  it("live: patroni / B: a healthy cluster has nothing to say", async () => {
    const seen = await console.until(isWell, 60_000);
    expect([seen.level, seen.unknowns]).toEqual(["ok", 0]);
    expect([inRole(seen, "leader").length, inRole(seen, "replica").length]).toEqual([1, 2]);
    await recordCase("healthy", "Nothing; looked at twice.");
  });

  it("live: patroni / C: shows connections, missing where no login is let in, and who is behind", async () => {
    const { balances } = await console.until(
      (seen) => seen.balances[1]?.shares.every(({ amount }) => amount.state === "known") === true,
    );
    expect(balances.map(({ measure }) => measure)).toEqual(["patroni/balance.connections", "patroni/balance.lag"]);
    expect(balances[0]?.shares.every(({ amount }) => amount.state === "missing")).toBe(true);
    expect(balances[1]?.shares.every(({ amount }) => amount.state === "known")).toBe(true);
  });

  it("live: patroni / D: all members tell one leader, timeline, list and identity", async () => {
    const { consistency } = await console.until(
      (seen) => isWell(seen) && seen.consistency.witnesses.every(({ verdict: said }) => said === "holds"),
    );
    expect(consistency.witnesses.map(({ verdict: said }) => said)).toEqual(consistency.witnesses.map(() => "holds"));
    expect(consistency.tables.map(({ rows }) => rows.length).slice(0, 2)).toEqual([3, 3]);
  });

  it("live: patroni / E: two candidates could take over", async () => {
    const { tolerances } = await console.until(isWell);
    expect(tolerances.map(({ object, has: seen, tolerates }) => [object.code, seen, tolerates])).toEqual([
      ["patroni/tolerance.service", 3, 2],
      ["patroni/tolerance.store", null, null],
    ]);
  });

  /** A second cluster of the same scope on two of the hosts, in a namespace of its own in the same store, with members named alike. */
  async function startSecond(): Promise<void> {
    const change = `sed -e 's#^namespace: .*#namespace: /second/#' -e 's/:8008/:8009/g' -e 's/:5432/:5433/g' -e 's#15/patroni#15/second#' -e 's/pgpass_patroni/pgpass_second/'`;
    for (const host of second) {
      mend.push(() =>
        lab.run(
          host,
          "systemctl stop patroni-second; rm -rf /etc/patroni-second.yml /var/lib/postgresql/15/second; ETCDCTL_API=3 etcdctl del --prefix /second/",
        ),
      );
      await lab.run(
        host,
        `install -o postgres -m 600 /dev/null /etc/patroni-second.yml; ${change} /etc/patroni/config.yml >/etc/patroni-second.yml
systemd-run -qG --unit=patroni-second --uid=postgres /usr/bin/patroni /etc/patroni-second.yml`,
      );
    }
  }
  const second = ["t1", "t2"];

  it("live: patroni / same-scope: two clusters of one scope on the same hosts are found as two, and each is read as its own", async () => {
    await startSecond();
    // Patroni answers before its server runs; what is recorded is the cluster when it is whole.
    const roles = async (): Promise<string> =>
      (await lab.attempt("t1", "curl -s -m 2 127.0.0.1:8009/cluster")).stdout.replaceAll(/"tags": \{[^}]*\}/g, "");
    await expect
      .poll(roles, { timeout: 180_000 })
      .toMatch(/^(?=[^]*"role": "leader")(?=[^]*"role": "replica")(?:[^]*"state": "running"[^}]*"timeline": 1\b){2}/);
    const found = (await console.discover("t1")).clusters.filter(({ engine }) => engine === "patroni");
    expect(
      found.map(({ suggestedName, members }) => [
        suggestedName,
        members.map(({ member, settings }) => [member, settings.port]),
      ]),
    ).toEqual([
      ["lab", all.map((host) => [host, 8008])],
      ["lab", second.map((host) => [host, 8009])],
    ]);
    const other = openConsole(lab.sshConfigPath);
    mend.push(() => other.close());
    await other.keep(found[1]!, "the second");
    const seen = await other.until((now) => isWell(now) && inRole(now, "replica").length === 1, 60_000);
    expect(inRole(seen, "leader").length).toBe(1);
    await recordCase("healthy-first-of-scope", "A second cluster of the same scope runs on two of the hosts.");
    await recordCase("healthy-second-of-scope", "The second cluster of its scope, in a namespace of its own.", {
      cluster: found[1]!,
    });
  });

  it("live: patroni / switchover: the role moves to the named replica and everyone follows it on a new timeline", async () => {
    const old = await wellLeader();
    const [next = "", third = ""] = others(old);
    const run = await console.recover("patroni/switchover", next);
    expect(outcome(run)).toBe("done");
    const seen = await console.until(isWell);
    expect(leader(seen)).toBe(next);
    expect([...inRole(seen, "replica")].sort()).toEqual([old, third].sort());
  });

  /** By its own word. */
  const isPromoted = (host: string): Promise<boolean> =>
    lab
      .attempt(host, "curl -s -m 5 -o /dev/null -w '%{http_code}' 127.0.0.1:8008/primary")
      .then(({ stdout }) => stdout === "200");

  it("live: patroni / leader-changed: a plan from before the leader changed is refused when it is approved", async () => {
    const old = await wellLeader();
    const [next = "", third = ""] = others(old);
    const answer = await console.plan("patroni/switchover", next);
    if (answer.state === "refused") throw new Error(JSON.stringify(answer));
    const asked = JSON.stringify({ leader: old, candidate: third });
    // It is refused while Patroni takes the candidate for one that is behind, and then asked for again.
    const leads = async (): Promise<boolean> => {
      if (await isPromoted(third)) return true;
      await lab.attempt(old, `curl -s -m 30 -X POST -d '${asked}' 127.0.0.1:8008/switchover`);
      return isPromoted(third);
    };
    await expect.poll(leads, { timeout: 90_000, interval: 1_000 }).toBe(true);
    await console.until((now) => isWell(now) && leader(now) === third, 90_000);
    const { planId, fingerprint, confirmation } = answer.plan;
    const typed = confirmation.kind === "type" ? confirmation.text : "";
    await expect(console.ask("recovery:approve", { planId, fingerprint, typed, reason: "a test" })).rejects.toThrow(
      "recovery:approve: refused",
    );
    expect(leader(await console.read())).toBe(third);
  });

  it("live: patroni / G: explains the change of leader from the journal", async () => {
    const { clusterId } = await console.read();
    const logs = () => console.ask("logs:read", { clusterId, mostLines: 3000 });
    await expect
      .poll(async () => (await logs()).lines.map(({ explanation }) => explanation?.code), { timeout: 30_000 })
      .toEqual(expect.arrayContaining(["patroni/log.promoted", "patroni/log.failover-request"]));
    expect((await logs()).sources.map(({ reason }) => reason)).toEqual([null, null, null]);
  });

  it("live: patroni / pause: paused is named with what it means, and resumed by its button", async () => {
    await wellLeader();
    expect(outcome(await console.recover("patroni/pause", "lab"))).toBe("done");
    const seen = await console.until(only("watch patroni/Paused"));
    expect(seen.tolerances[0]?.tolerates).toBe(0);
    await recordCase("paused", "Patroni was paused.");
    expect(outcome(await console.recover("patroni/resume", "lab"))).toBe("done");
  });

  it("live: patroni / switchover-paused: the role moves to the named replica while Patroni is paused, which stays so", async () => {
    const old = await wellLeader();
    const [next = ""] = others(old);
    expect(outcome(await console.recover("patroni/pause", "lab"))).toBe("done");
    mend.push(() => patch(next, { pause: null }));
    expect(await warned("patroni/switchover", next)).toContain("patroni/warning.paused-meanwhile");
    expect(outcome(await console.recover("patroni/switchover", next))).toBe("done");
    // The replicas connect to it again within seconds.
    expect(leader(await console.until(only("watch patroni/Paused")))).toBe(next);
  });
  it("live: patroni / restart-server: the leader's server is restarted while Patroni is paused, and leads again", async () => {
    const first = await wellLeader();
    expect(outcome(await console.recover("patroni/pause", "lab"))).toBe("done");
    mend.push(() => patch(first, { pause: null }));
    expect(await warned("patroni/restart-server", first)).toContain("patroni/warning.paused-meanwhile");
    expect(outcome(await console.recover("patroni/restart-server", first))).toBe("done");
    // The replicas connect to it again within seconds.
    expect(leader(await console.until(only("watch patroni/Paused")))).toBe(first);
  });

  it("live: patroni / reinitialize: a replica's data are copied anew while Patroni is paused", async () => {
    const first = await wellLeader();
    const [replica = ""] = others(first);
    expect(outcome(await console.recover("patroni/pause", "lab"))).toBe("done");
    mend.push(() => patch(first, { pause: null }));
    expect(outcome(await console.recover("patroni/reinitialize", replica))).toBe("done");
    await console.until(only("watch patroni/Paused"));
  });

  const warned = async (action: string, target: string): Promise<readonly string[]> => {
    const answer = await console.plan(action, target);
    return answer.state === "planned" ? answer.plan.warnings.map(({ code }) => code) : [JSON.stringify(answer)];
  };

  it("live: patroni / synchronous: only a synchronous replica is offered, and it takes over", async () => {
    const old = await wellLeader();
    await patch(old, { synchronous_mode: true });
    mend.push(() => patch(old, { synchronous_mode: null }));
    const seen = await console.until((now) => isWell(now) && targetsOf(now, "patroni/switchover").length === 1, 60_000);
    const [next = ""] = targetsOf(seen, "patroni/switchover");
    await recordCase("healthy-synchronous", "Synchronous mode with one synchronous replica.");
    const refused = await console.plan("patroni/switchover", others(old).find((one) => one !== next) ?? "");
    expect(JSON.stringify(refused)).toContain("patroni/is-not-synchronous");
    expect(await warned("patroni/restart-server", next)).toContain("patroni/warning.not-synchronous-meanwhile");
    expect(outcome(await console.recover("patroni/switchover", next))).toBe("done");
  });
  const targetsOf = (seen: Assessment, action: string): readonly string[] =>
    (seen.recoveries.find((one) => one.action === action)?.targets ?? [])
      .filter(({ objections }) => objections.length === 0)
      .map(({ target }) => target);

  it("live: patroni / synchronous-count: fewer synchronous replicas than are asked for are named before the last one is gone", async () => {
    const first = await wellLeader();
    const [one = ""] = others(first);
    await patch(first, { synchronous_mode: true, synchronous_node_count: 2 });
    mend.push(() => patch(first, { synchronous_mode: null, synchronous_node_count: null }));
    await console.until((now) => isWell(now) && targetsOf(now, "patroni/switchover").length === 2, 60_000);
    await lab.run(one, "printf 'tags: {nosync: true}\n' >> /etc/patroni/config.yml; systemctl reload patroni");
    mend.push(() => lab.run(one, "sed -i '/^tags:/d' /etc/patroni/config.yml; systemctl reload patroni"));
    const seen = await console.until(only("watch patroni/SynchronousTooFew"));
    expect(factsOf(seen, "SynchronousTooFew")).toMatchObject({ leader: first, has: 1, wanted: 2 });
    await recordCase("synchronous-too-few", "Two synchronous replicas are asked for and one replica is tagged nosync.");
  });

  it("live: patroni / resume: is refused where nothing is paused", async () => {
    await wellLeader();
    expect(await console.plan("patroni/resume", "lab")).toMatchObject({ state: "refused" });
  });

  it("live: patroni / restart-server: a pending restart is named and done through Patroni", async () => {
    const [replica = ""] = others(await wellLeader());
    // To and fro, for a second attempt.
    const other = "s/shared_buffers: 16MB/shared_buffers: 18MB/;t;s/shared_buffers: 18MB/shared_buffers: 16MB/";
    await lab.run(replica, `sed -i '${other}' /etc/patroni/config.yml; systemctl reload patroni`);
    await console.until(only("watch patroni/PendingRestart"));
    await recordCase("pending-restart", "shared_buffers was changed on one replica.");
    expect(outcome(await console.recover("patroni/restart-server", replica))).toBe("done");
    await console.until(isWell);
  });

  /** What the old leader wrote alone keeps it from following, or from starting, which Patroni 3.0 does not always mend by itself. */
  async function settle(old: string): Promise<void> {
    const stuckOnes = ["degraded patroni/TimelineBehind", "degraded patroni/ServerNotRunning"];
    // A server that starts or rewinds looks the same for a while: it is stuck when it stays so.
    let stuckSince: number | null = null;
    const later = await console.until((now) => {
      stuckSince = stuckOnes.includes(own(now).join()) ? (stuckSince ?? Date.now()) : null;
      return isWell(now) || (stuckSince !== null && Date.now() - stuckSince > 15_000);
    }, 90_000);
    if (isWell(later)) return;
    const stuck = has("TimelineBehind")(later) ? "TimelineBehind" : "ServerNotRunning";
    await recordCase(
      stuck === "TimelineBehind" ? "replica-stuck" : "server-not-running",
      "The old leader, which had written alone, was started again and does not follow.",
    );
    expect(outcome(await console.recover("patroni/reinitialize", old))).toBe("done");
  }

  it("live: patroni / leader-killed: with its Patroni kept dead another leads, and starting it makes it follow", async () => {
    const old = await wellLeader();
    await lab.faults.kill(old, "patroni");
    mend.push(() => lab.faults.revive(old, "patroni"));
    await console.until(
      (now) => leader(now) !== "" && leader(now) !== old && isOneLed(now) && has("PatroniStopped")(now),
      90_000,
    );
    await recordCase("leader-killed", "Patroni and PostgreSQL of the leader were killed and kept dead; another leads.");
    expect(await console.plan("patroni/failover", others(old)[0] ?? "")).toMatchObject({ state: "refused" });
    expect(outcome(await console.recover("patroni/restart-patroni", old))).toBe("done");
    await settle(old);
  });
  const isOneLed = (seen: Assessment): boolean => !has("LeaderViewsDiffer")(seen) && !has("NoLeader")(seen);

  /**
   * Ends a hung Patroni, which its unit then starts anew. Let go on it would write itself into the key that another has meanwhile (3.0.2,
   * etcd3): the one that was promoted steps down, and what it took is lost.
   */
  const endHung = (host: string): Promise<unknown> =>
    lab.attempt(
      host,
      `pid=$(systemctl show -P MainPID patroni); case $(cut -d' ' -f3 /proc/$pid/stat) in T) kill -KILL $pid;; esac`,
    );

  it("live: patroni / leader-hung: the server of a hung Patroni goes on taking writes unguarded, which is named before another is promoted", async () => {
    const old = await wellLeader();
    // Time to look before the key expires.
    await patch(old, { ttl: 60 });
    mend.push(() => patch(old, { ttl: 20 }));
    const lease = (): Promise<string> =>
      lab.run(
        old,
        `export ETCDCTL_API=3; etcdctl lease timetolive $(printf %x $(etcdctl get /service/lab/leader -w json | sed 's/.*"lease":\\([0-9]*\\).*/\\1/'))`,
      );
    await expect.poll(lease, { timeout: 60_000 }).toContain("TTL(60s)");
    await lab.faults.hang(old, "patroni", { onlyMain: true });
    mend.push(() => endHung(old));
    const unguarded = await console.until(has("PrimaryUnguarded"), 50_000);
    expect(own(unguarded)).toContain("critical patroni/PrimaryUnguarded");
    await recordCase("leader-hung", "SIGSTOP to the Patroni of the leader; its key has not expired yet.");
    await endHung(old);
    await settle(old);
  });

  /** Hangs the leader's Patroni until, by another's own word, that one is a primary beside it. */
  async function secondPrimary(): Promise<string> {
    const old = await wellLeader();
    await lab.faults.hang(old, "patroni", { onlyMain: true });
    mend.push(() => endHung(old));
    const anyOther = async (): Promise<boolean> => (await Promise.all(others(old).map(isPromoted))).includes(true);
    await expect.poll(anyOther, { timeout: 90_000 }).toBe(true);
    return old;
  }

  it("live: patroni / split-view: two primaries are named in the first look after the second was promoted", async () => {
    const old = await secondPrimary();
    const seen = await console.read();
    expect(seen.level).toBe("critical");
    expect(own(seen)).toContain("critical patroni/TwoPrimaries");
    expect(String(factsOf(seen, "TwoPrimaries")?.members)).toContain(old);
    await endHung(old);
    await settle(old);
  });

  it("live: patroni / end-second-primary: one whose Patroni hangs is ended by its button, and nothing else is offered meanwhile", async () => {
    const old = await secondPrimary();
    const now = await console.until((one) => leader(one) !== "" && has("TwoPrimaries")(one));
    expect(factsOf(now, "TwoPrimaries")).toMatchObject({ named: leader(now), others: old });
    await sql(old, "create table lost (id int)");
    await recordCase(
      "split-view",
      "The leader's Patroni hung until another was promoted; the old server still takes writes.",
    );
    expect(await console.plan("patroni/restart-patroni", old)).toMatchObject({ state: "refused" });
    expect(await console.plan("patroni/switchover", others(old)[0] ?? "")).toMatchObject({ state: "refused" });
    expect(outcome(await console.recover("patroni/end-second-primary", old))).toBe("done");
    expect(leader(await console.until((one) => leader(one) !== ""))).toBe(leader(now));
    await settle(old);
  });

  /**
   * Writes 40 MiB, or until one of the three can keep no more of the write-ahead log: not both replicas stream, or the leader is gone. The
   * records are of 256 KiB, because a last one that was received in part is not replayed, and a large one would be a finding of its own.
   */
  const fillLog = (host: string): Promise<unknown> =>
    lab.attempt(
      host,
      `cd /; for i in $(seq 5); do
left=$(timeout 5 runuser -u postgres -- psql -qAtXc "select pg_logical_emit_message(false, 'x', repeat(md5(i::text), 8192)) from generate_series(1, 32) i; select count(*) from pg_stat_replication where state = 'streaming'" | tail -1)
[ "$left" = 2 ] || { sleep 0.5; break; }; done`,
    );
  const takesWrites = "cd / && runuser -u postgres -- psql -qAtXc 'select txid_current()'";
  const writesPast =
    "cd / && runuser -u postgres -- psql -qAtX -c 'select pg_switch_wal()' -c \"select pg_logical_emit_message(false, 'past', 'it')\"";
  /** The leader once its server takes writes, which it may not yet do when Patroni has told it. */
  const settledLeader = async (): Promise<string> => {
    let first = "";
    await console.until(async (seen) => {
      first = leader(seen);
      return first !== "" && (await lab.attempt(first, takesWrites)).code === 0;
    }, 60_000);
    return first;
  };
  async function copyAnew(first: string): Promise<void> {
    const seen = await console.read();
    for (const { facts } of seen.findings.filter(({ code }) => code === "patroni/NotStreaming"))
      await lab.run(first, `patronictl -c /etc/patroni/config.yml reinit lab ${facts.member} --force`);
    await console.until(isWell, 90_000);
  }
  async function fillDisk(host: string): Promise<void> {
    await lab.faults.fillDisk(host, "/var/lib/postgresql");
    mend.push(async () => {
      await lab.faults.freeDisk(host, "/var/lib/postgresql");
      const first = await settledLeader();
      // Replicas may hold the begin of a log file that the leader has lost, and wait until it has written past that, or for ever.
      await lab.run(first, writesPast);
      await console.until(isWell, 20_000).catch(() => copyAnew(first));
    });
    // Disks are read anew with the first look only, and then after a while.
    await console.change(host, {});
  }
  const isFull = (seen: Assessment): boolean => verdict(seen).includes("critical linux/DiskFull");

  /**
   * Reads until it is as wanted, while the leader writes its log and the disk is kept full: a server that starts again, or throws old files
   * of the log away, makes room for the next.
   */
  async function untilWhileFull(
    { first, full }: { readonly first: string; readonly full: string | null },
    wanted: (seen: Assessment) => boolean,
  ): Promise<Assessment> {
    const over = new AbortController();
    const filling = (async () => {
      while (!over.signal.aborted) {
        await fillLog(first);
        if (full !== null) await lab.faults.keepDiskFull(full, "/var/lib/postgresql");
      }
    })();
    try {
      return await console.until(wanted, 90_000);
    } finally {
      over.abort();
      await filling;
    }
  }

  it("live: patroni / disk-full: the leader's full disk ends its server while Patroni keeps the leader key, so that nobody takes writes", async () => {
    const first = await wellLeader();
    await fillDisk(first);
    const seen = await untilWhileFull(
      // With no room for its lock file either it would fail to start at once, and Patroni would give the leader key away.
      { first, full: null },
      (now) => isFull(now) && own(now).join() === "critical patroni/NoLeader",
    );
    expect(factsOf(seen, "NoLeader")).toEqual({ named: first });
    await recordCase("disk-full", "The data disk of the leader's server is full: it ends whenever it is started.");
  });

  it("live: patroni / disk-full: a replica's full disk keeps it from receiving, and costs the leader nothing", async () => {
    const first = await wellLeader();
    const [replica = ""] = others(first);
    await fillDisk(replica);
    const isNamed = (now: Assessment): boolean => verdict(now).some((one) => one.endsWith(" linux/DiskFull"));
    const seen = await untilWhileFull(
      { first, full: replica },
      // Its server ends when it cannot write, and may find no room to start.
      (now) => isNamed(now) && (has("NotStreaming")(now) || has("ServerNotRunning")(now)) && leader(now) === first,
    );
    expect(own(seen).filter((one) => one.startsWith("critical"))).toEqual([]);
    await recordCase("replica-disk-full", "The data disk of one replica is full.");
  });

  it("live: patroni / reinitialize: a replica's data are thrown away and copied from the leader", async () => {
    const [replica = ""] = others(await wellLeader());
    await lab.run(replica, "touch /var/lib/postgresql/15/patroni/of-the-old-data");
    expect(outcome(await console.recover("patroni/reinitialize", replica))).toBe("done");
    expect(await lab.run(replica, "ls /var/lib/postgresql/15/patroni")).not.toContain("of-the-old-data");
  });

  const writeSome = (host: string): Promise<string> =>
    sql(
      host,
      "create table filler as select repeat(md5(i::text), 20) as t from generate_series(1, 20000) i; drop table filler",
    );

  it("live: patroni / lag: a replica that receives nothing is behind what Patroni allows, and neither offers it", async () => {
    const first = await wellLeader();
    const [replica = "", other = ""] = others(first);
    const signal = (name: string): Promise<string> =>
      lab.run(replica, `for p in $(pgrep -f 'wal[r]eceiver'); do kill -${name} $p; done`);
    // After this time the leader would give its connection up, and it would be one that does not stream.
    const senderTimeout = async (setting: string): Promise<void> => {
      await sql(first, `alter system ${setting}`);
      await sql(first, "select pg_reload_conf()");
    };
    await senderTimeout("set wal_sender_timeout = '5min'");
    mend.push(() => senderTimeout("reset wal_sender_timeout"));
    await signal("STOP");
    mend.push(() => signal("CONT"));
    await writeSome(first);
    // The other replica may be seen while it replays what was just written.
    await console.until(only("watch patroni/ReplicaLagging"));
    await recordCase("replica-lagging", "The WAL receiver of one replica hangs and some 14 MiB were written.");
    expect(JSON.stringify(await console.plan("patroni/switchover", replica))).toContain("patroni/too-far-behind");
    expect(await warned("patroni/switchover", other)).toContain("patroni/warning.stop-waits");
    // Patroni judges by where the leader was when it last wrote that to the store; until then it would demote the leader for this replica.
    const stored = (): Promise<string> =>
      lab.run(first, "ETCDCTL_API=3 etcdctl get --print-value-only /service/lab/status");
    const told = await lab.run(replica, "curl -s 127.0.0.1:8008/patroni");
    await expect.poll(async () => bytesBetween(told, await stored()), { timeout: 60_000 }).toBeGreaterThan(1_048_576);
    const asked = JSON.stringify({ leader: first, candidate: replica });
    const said = await lab.run(first, `curl -s -X POST -d '${asked}' 127.0.0.1:8008/switchover`);
    expect([said, leader(await console.read())]).toEqual([expect.stringContaining("failed"), first]);
  });
  /** From where a replica says it is to where the store says that the leader is. */
  const bytesBetween = (told: string, stored: string): number => {
    const { xlog } = JSON.parse(told) as {
      readonly xlog: Readonly<Record<"received_location" | "replayed_location", number>>;
    };
    const { optime } = JSON.parse(stored) as { readonly optime: number };
    return optime - Math.max(xlog.received_location, xlog.replayed_location);
  };

  it("live: patroni / replay-behind: a replica that receives and does not replay is named, and is a candidate as Patroni judges it", async () => {
    const first = await wellLeader();
    const [replica = ""] = others(first);
    // Pausing replay would not do: from PostgreSQL 14 on Patroni resumes it by itself.
    const signal = (name: string): Promise<string> =>
      lab.run(replica, `for p in $(pgrep -f 'startup reco[v]ering'); do kill -${name} $p; done`);
    await signal("STOP");
    mend.push(() => signal("CONT"));
    await writeSome(first);
    const seen = await console.until(only("watch patroni/ReplayBehind"));
    await recordCase("replay-behind", "The startup process of one replica hangs and some 14 MiB were written.");
    expect(targetsOf(seen, "patroni/switchover")).toContain(replica);
  });

  it("live: patroni / restart-storm: a Patroni that ends again and again is named, and its server goes on", async () => {
    const first = await wellLeader();
    const end = async (): Promise<void> => {
      await lab.run(
        first,
        `was=$(systemctl show -P MainPID patroni); systemctl reset-failed patroni; kill -KILL $was
until now=$(systemctl show -P MainPID patroni); [ "$now" != 0 ] && [ "$now" != "$was" ] && curl -sf -m 2 127.0.0.1:8008/primary >/dev/null; do sleep 0.2; done`,
      );
    };
    await end();
    await console.read();
    // Each look in which it has just ended again; where it comes back slowly others may be told beside it.
    const looks = async (): Promise<Assessment> => {
      await end();
      return console.read();
    };
    let seen = await looks();
    for (let more = 4; more > 0 && !only("degraded patroni/KeepsRestarting")(seen); more -= 1) seen = await looks();
    expect(own(seen)).toEqual(["degraded patroni/KeepsRestarting"]);
    expect(leader(seen)).toBe(first);
    await recordCase("restart-storm", "The leader's Patroni was killed between two looks, and soon before them.", {
      betweenLooks: end,
    });
  });

  it("live: patroni / no-candidate: replicas that are tagged nofailover cannot take over", async () => {
    const first = await wellLeader();
    for (const one of others(first)) {
      await lab.run(one, "printf 'tags: {nofailover: true}\\n' >> /etc/patroni/config.yml; systemctl reload patroni");
      mend.push(() => lab.run(one, "sed -i '/^tags:/d' /etc/patroni/config.yml; systemctl reload patroni"));
    }
    await console.until(only("degraded patroni/NoCandidate"));
    await recordCase("no-candidate", "Both replicas were tagged nofailover.");
  });

  it("live: patroni / store-lost: without a majority of etcd nobody leads though the list still names one, and nothing is offered", async () => {
    const first = await wellLeader();
    for (const one of others(first)) {
      await lab.faults.kill(one, "etcd");
      mend.push(() => lab.faults.revive(one, "etcd"));
    }
    const seen = await console.until((now) => only("critical patroni/StoreLost")(now) && leader(now) === "", 90_000);
    expect(factsOf(seen, "StoreLost")).toMatchObject({ kind: "etcd3", named: first, writing: "" });
    await recordCase("store-lost", "Two of three etcd members were killed: the leader has demoted itself.");
    expect(offered(seen)).toEqual([]);
  });

  it("live: patroni / store-lost-midway: a switchover in the middle of which the store is lost ends as the cluster does when the store is back", async () => {
    const old = await wellLeader();
    const [next = ""] = others(old);
    const signal = (name: string): Promise<unknown> =>
      lab.attempt(old, `kill -${name} $(pgrep -f 'lab: checkp[o]inter')`);
    // Patroni begins to demote the leader with a checkpoint, which does not end while the checkpointer hangs.
    await signal("STOP");
    mend.push(() => signal("CONT"));
    const run = console.recover("patroni/switchover", next);
    const request = (): Promise<string> => lab.run(old, "ETCDCTL_API=3 etcdctl get /service/lab/failover");
    await expect.poll(request, { timeout: 60_000 }).toContain(next);
    for (const one of others(old)) {
      await lab.faults.kill(one, "etcd");
      mend.push(() => lab.faults.revive(one, "etcd"));
    }
    await signal("CONT");
    await console.until((now) => only("critical patroni/StoreLost")(now) && leader(now) === "", 90_000);
    for (const one of others(old)) await lab.faults.revive(one, "etcd");
    const ended = await run;
    const seen = await console.until(isWell, 90_000);
    expect([outcome(ended), leader(seen)]).toEqual(["done", next]);
  });

  it("live: patroni / failsafe: without a majority of etcd the leader goes on while every member answers it, and nothing that would silence one is offered", async () => {
    const first = await wellLeader();
    await patch(first, { failsafe_mode: true });
    mend.push(() => patch(first, { failsafe_mode: null }));
    // The leader writes whom it will ask before it needs them.
    const told = (): Promise<string> => lab.run(first, "ETCDCTL_API=3 etcdctl get /service/lab/failsafe");
    await expect.poll(told, { timeout: 60_000 }).toContain(first);
    for (const one of others(first)) {
      await lab.faults.kill(one, "etcd");
      mend.push(() => lab.faults.revive(one, "etcd"));
    }
    const seen = await console.until(only("degraded patroni/FailsafeActive", "degraded patroni/StoreLost"), 90_000);
    expect([leader(seen), offered(seen), seen.tolerances[0]?.tolerates]).toEqual([first, [], 0]);
    await recordCase("failsafe", "Failsafe mode; two of three etcd members were killed and the leader goes on.");
  });

  it("live: patroni / minority-partition: a replica that is cut off from the others is named, the cluster is led", async () => {
    const first = await wellLeader();
    const [cut = ""] = others(first);
    await lab.faults.partition([cut], others(cut));
    mend.push(() => lab.faults.healPartitions());
    const seen = await console.until((now) => has("NotListed")(now) && has("StoreUnwell")(now), 90_000);
    expect(leader(seen)).toBe(first);
    expect(seen.level).toBe("degraded");
    expect(own(seen)).toContain("watch patroni/StoreUnwell");
    await recordCase("minority-partition", "One replica was cut off from the two others.");
  });

  it("live: patroni / majority-partition: members that the desktop cannot reach are not called down", async () => {
    await wellLeader();
    const [near = ""] = all;
    await lab.faults.partition(["desktop"], others(near));
    mend.push(() => lab.faults.healPartitions());
    const unread = (now: Assessment): number =>
      own(now).filter((one) => one === "unknown patroni/MemberNotRead").length;
    const seen = await console.until((now) => unread(now) === 2, 90_000);
    expect(own(seen).filter((one) => /Stopped|Hung|critical/.test(one))).toEqual([]);
    expect(seen.unknowns).toBeGreaterThanOrEqual(2);
    await recordCase("majority-partition", "The desktop cannot reach two of three hosts.");
  });

  it("live: patroni / restart-patroni: a replica's Patroni is restarted and follows again", async () => {
    const [replica = ""] = others(await wellLeader());
    expect(outcome(await console.recover("patroni/restart-patroni", replica))).toBe("done");
  });

  it("live: patroni / failover: while paused nobody is promoted in a dead leader's place but by hand", async () => {
    const old = await wellLeader();
    expect(outcome(await console.recover("patroni/pause", "lab"))).toBe("done");
    await lab.faults.kill(old, "patroni");
    mend.push(() => lab.faults.revive(old, "patroni"));
    const seen = await console.until(
      (now) =>
        has("NoLeader")(now) && factsOf(now, "NoLeader") !== undefined && offered(now).includes("patroni/failover"),
      90_000,
    );
    expect(seen.level).toBe("critical");
    expect(factsOf(seen, "NoLeader")).toEqual({ named: "" });
    await recordCase("no-leader", "While Patroni was paused the leader was killed and kept dead; its key has expired.");
    // One of the two may have received more, and only that one is offered.
    const heir =
      seen.recoveries
        .find(({ action }) => action === "patroni/failover")
        ?.targets.find(({ objections }) => objections.length === 0)?.target ?? "";
    expect(outcome(await console.recover("patroni/failover", heir))).toBe("done");
    expect(leader(await console.until((now) => leader(now) !== ""))).toBe(heir);
    expect(outcome(await console.recover("patroni/resume", "lab"))).toBe("done");
    await lab.faults.revive(old, "patroni");
    await settle(old);
  });
  const offered = (seen: Assessment): readonly string[] =>
    seen.recoveries
      .filter(
        ({ objections, targets }) => objections.length === 0 && targets.some((one) => one.objections.length === 0),
      )
      .map(({ action }) => action);

  it("live: patroni / settings: unsafe times, a planned switchover and a missing synchronous replica are named", async () => {
    const first = await wellLeader();
    mend.push(() => patch(first, { retry_timeout: 3, synchronous_mode: null, synchronous_mode_strict: null }));
    await patch(first, { retry_timeout: 10 });
    await lab.run(
      first,
      `curl -sf -X POST -d "{\\"leader\\": \\"${first}\\", \\"scheduled_at\\": \\"$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%S+00:00)\\"}" 127.0.0.1:8008/switchover`,
    );
    mend.push(() => lab.attempt(first, "curl -s -X DELETE 127.0.0.1:8008/switchover"));
    await console.until(only("watch patroni/SwitchoverScheduled", "watch patroni/TimesUnsafe"));
    await recordCase(
      "settings-odd",
      "retry_timeout was raised to 10 s with a ttl of 20 s, and a switchover was scheduled.",
    );
    for (const one of others(first)) {
      await lab.run(one, "printf 'tags: {nosync: true}\n' >> /etc/patroni/config.yml; systemctl reload patroni");
      mend.push(() => lab.run(one, "sed -i '/^tags:/d' /etc/patroni/config.yml; systemctl reload patroni"));
    }
    await patch(first, { synchronous_mode: true, synchronous_mode_strict: true });
    const seen = await console.until(has("SynchronousMissing"));
    expect(seen.level).toBe("critical");
    await recordCase("synchronous-missing", "Strict synchronous mode with both replicas tagged nosync.");
  });

  it("live: patroni / H: shows hits in shared buffers, connections beside their limit and sessions that wait for locks", async () => {
    const first = await wellLeader();
    const asked = openConsole(lab.sshConfigPath, superuserPassword);
    mend.push(() => asked.close());
    await asked.keep(console.cluster(), "with a password");
    const lock = "begin; lock table held; select pg_sleep(300)";
    await sql(first, "create table held (id int)");
    await lab.run(
      first,
      `for i in 1 2; do systemd-run -qG --unit=holds-$i --uid=postgres psql -qc '${lock}'; done; systemd-run -qG --unit=sleeps --uid=postgres sh -c 'for i in $(seq 80); do psql -qc "select pg_sleep(300)" & done; wait'`,
    );
    // A session that sleeps does not notice that its client is gone.
    mend.push(() =>
      sql(
        first,
        "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid(); drop table held",
      ),
    );
    // A server's counters move once a second at most, and a ratio needs that they moved.
    const hit = new Set<string>();
    const shown = await asked.until((seen) => {
      for (const one of all) if (figureIn(seen, one, "hitRatio") !== null) hit.add(one);
      return hit.size === all.length && has("ConnectionsNearLimit")(seen) && figureIn(seen, first, "lockWaits") === 1;
    }, 120_000);
    await recordCase(
      "connections-near-limit",
      "Eighty clients sleep on the leader, and one waits for another's lock.",
      {
        databasePassword: superuserPassword,
      },
    );
    expect(factsOf(shown, "ConnectionsNearLimit")).toMatchObject({ member: first, maxConnections: 100 });
    expect(all.map((one) => figureIn(shown, one, "connectionLimit"))).toEqual([100, 100, 100]);
    expect(shown.balances[0]?.shares.every(({ amount }) => amount.state === "known")).toBe(true);
  });
  const figureIn = (seen: Assessment, member: string, name: string): unknown => {
    const figure = seen.members
      .find((one) => one.member === member)
      ?.figures.find((one) => one.name === `patroni/figure.${name}`)?.figure;
    return figure?.state === "known" ? figure.value : null;
  };

  it("live: patroni / login-sees-own-sessions: what a login may not see of others' sessions is missing, and said", async () => {
    const first = await wellLeader();
    await sql(first, "create role onlooker login password 'onlooker'");
    mend.push(() => sql(first, "drop role onlooker"));
    const asked = openConsole(lab.sshConfigPath, "onlooker");
    mend.push(() => asked.close());
    const { nodes, members, ...rest } = console.cluster();
    const cluster = {
      ...rest,
      nodes,
      members: members.map((one) => ({ ...one, settings: { ...one.settings, user: "onlooker" } })),
    };
    await asked.keep(cluster, "with few rights");
    // A replica lets the role in once it has replayed that it was made.
    const seen = await asked.until((now) => all.every((one) => figureIn(now, one, "connectionLimit") === 100), 90_000);
    await recordCase("login-sees-own-sessions", "A role without pg_read_all_stats asks all servers.", {
      cluster,
      databasePassword: "onlooker",
    });
    expect(own(seen)).toEqual(all.map(() => "unknown patroni/MemberPartlyRead"));
    expect(
      seen.findings.filter(({ code }) => code === "patroni/MemberPartlyRead").map(({ reason }) => reason?.code),
    ).toEqual(all.map(() => "patroni/sessions-not-seen"));
    expect(seen.balances[0]?.shares.every(({ amount }) => amount.state === "missing")).toBe(true);
  });

  it("live: patroni / one-node-silent: a host that is frozen is not called down", async () => {
    const [replica = ""] = others(await wellLeader());
    lab.faults.freeze(replica);
    mend.push(() => Promise.resolve(lab.faults.thaw(replica)));
    const seen = await console.until(has("MemberNotRead"), 60_000);
    expect(own(seen)).toContain("unknown patroni/MemberNotRead");
    expect(own(seen).filter((one) => /Stopped|Hung/.test(one))).toEqual([]);
    await recordCase("one-node-silent", "A replica's host was frozen.");
  });

  it("live: patroni / refused: a port where nobody listens is not read, and the member that nobody asks is named", async () => {
    await wellLeader();
    await console.change("t3", { port: 8009 });
    mend.push(() => console.change("t3", { port: 8008 }));
    const seen = await console.until(has("MemberNotRead"));
    expect(own(seen)).toContain("unknown patroni/MemberNotRead");
    await recordCase("refused", "t3 is asked at a port where nobody listens.");
    if (!records) return;
    const { nodes, members } = console.cluster();
    await openRecorder(lab.sshConfigPath).record(
      patroni,
      { nodes, members: members.slice(0, 2) },
      "member-unknown-here",
      {
        what: "Only two of the three members are asked.",
        version: "Patroni 3.0.2, PostgreSQL 15",
        origin: "three Debian 12 hosts of the lab",
      },
    );
  });

  it("live: patroni / garbled: a member asked at another service's port is not read, and not called down", async () => {
    await wellLeader();
    await console.change("t3", { port: 22 });
    mend.push(() => console.change("t3", { port: 8008 }));
    const seen = await console.until(has("MemberNotRead"));
    expect(own(seen)).toContain("unknown patroni/MemberNotRead");
    await recordCase("garbled", "t3 is asked at the port of its SSH server.");
  });
});
