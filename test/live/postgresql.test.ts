import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Assessment } from "../../contract/assessment";
import type { RunRecord } from "../../contract/recovery";
import { postgresql } from "../../main/engine/postgresql";
import { openRecorder } from "../engine/recorder";
import { startLab, whyNoLab, type Lab } from "../lab/start-lab";
import { mendAll, openConsole, outcome, verdict, type Console } from "./console";

const why = whyNoLab();
/** Writes what the cluster answers in each scenario as a recorded case: `EVENKEEL_RECORD=write`. */
const records = process.env.EVENKEEL_RECORD === "write";
const all = ["p1", "p2", "p3"];
const unit = "postgresql@15-main";
const password = "of the lab";
const data = "/var/lib/postgresql/15/main";

describe.skipIf(why !== null)(`PostgreSQL on the lab ${why ?? ""}`, { timeout: 400_000 }, () => {
  let lab: Lab;
  let console: Console;
  const mend: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    lab = await startLab("postgresql");
    // A cut link is noticed by either side after its time only; the usual minute is spared.
    await sql("p1", `alter role postgres password '${password}'`);
    for (const host of all) {
      await sql(host, "alter system set wal_receiver_timeout = '5s'");
      await sql(host, "alter system set wal_sender_timeout = '5s'");
      await sql(host, "select pg_reload_conf()");
      await lab.run(host, `echo '*:*:*:postgres:${password}' >> /var/lib/postgresql/.pgpass`);
    }
    console = openConsole(lab.sshConfigPath, password);
  });
  afterEach(async () => {
    await mendAll(mend);
    if (console.hasCluster()) await console.until(isWell, 180_000);
  });
  afterAll(async () => {
    await console.close();
    await lab.stop();
  });

  /** Without what the hosts have to say. */
  const own = (seen: Assessment): readonly string[] => verdict(seen).filter((one) => one.includes(" postgresql/"));
  /** With those that are folded under what is said of their host. */
  const notRead = (seen: Assessment): readonly string[] =>
    seen.findings
      .filter(({ code }) => code === "postgresql/ServerNotRead")
      .map(({ code, level }) => `${level} ${code}`);
  const isWell = (seen: Assessment): boolean => own(seen).length === 0 && primary(seen) !== "";
  const inRole = (seen: Assessment, role: string): readonly string[] =>
    seen.members
      .filter((one) => one.role.state === "known" && one.role.value === `postgresql/role.${role}`)
      .map(({ member }) => member);
  const primary = (seen: Assessment): string => inRole(seen, "primary")[0] ?? "";
  const others = (name: string): string[] => all.filter((one) => one !== name);
  const has =
    (code: string) =>
    (seen: Assessment): boolean =>
      verdict(seen).some((one) => one.endsWith(` ${code}`));
  const wellPrimary = async (): Promise<string> => primary(await console.until(isWell));
  const sql = (host: string, statement: string): Promise<string> =>
    lab.run(host, `cd / && runuser -u postgres -- psql -qAtX -c "${statement}"`);
  const knownOf = ({ figures }: Assessment["members"][number]): ReadonlySet<string> =>
    new Set(
      figures
        .filter(({ figure }) => figure.state === "known")
        .map(({ name }) => name.replace("postgresql/figure.", "")),
    );
  /** Who may be promoted, once every server was looked at: one that was not might be a primary. */
  const heirs = async (): Promise<readonly string[]> =>
    offered(await console.until((seen) => offered(seen, "failover").length > 0), "failover");
  const offered = (seen: Assessment, action: string): readonly string[] =>
    seen.recoveries
      .filter((one) => one.action === `postgresql/${action}` && one.objections.length === 0)
      .flatMap(({ targets }) => targets.filter(({ objections }) => objections.length === 0))
      .map(({ target }) => target);

  const stepsOf = ({ steps }: RunRecord): readonly string[] =>
    steps.map(({ step }) => step.title.code.replace("postgresql/step.", ""));

  async function recordCase(name: string, what: string, betweenLooks?: () => Promise<unknown>): Promise<void> {
    if (!records) return;
    await openRecorder(lab.sshConfigPath, password).record(postgresql, console.cluster(), name, {
      what,
      version: "PostgreSQL 15",
      origin: "three Debian 12 hosts of the lab",
      ...(betweenLooks !== undefined && {
        withPrevious: true,
        betweenLooks: async () => void (await betweenLooks()),
      }),
    });
  }

  /** Writes on a primary that nobody receives from, and ends it: its history has parted from the one that goes on. */
  async function part(old: string): Promise<void> {
    await lab.faults.partition([old], others(old));
    mend.push(() => lab.faults.healPartitions());
    await sql(old, "create table lost_in_the_cut as select 1 as one");
    await sql(old, "checkpoint");
    await lab.faults.kill(old, unit);
    mend.push(() =>
      lab.run(old, `rm -f /run/systemd/system/${unit}.service.d/90-kept-dead.conf; systemctl daemon-reload`),
    );
    await lab.faults.healPartitions();
  }

  /** Writes more than `member` keeps for a slot that nobody reads. */
  async function outgrow(first: string, member: string): Promise<void> {
    await sql(first, "create table filler as select 1 as one");
    for (let count = 0; count < 10; count += 1) {
      await sql(first, "insert into filler values (2)");
      await sql(first, "select pg_switch_wal()");
    }
    await sql(first, "drop table filler");
    await sql(first, "checkpoint");
    if (member === first) return;
    const upTo = (await sql(first, "select pg_current_wal_lsn()")).trim();
    await replayed(member, upTo);
    await sql(member, "checkpoint");
  }

  /** Waits until a standby has replayed up to a position of its primary's. */
  const replayed = (standby: string, upTo: string): Promise<string> =>
    lab.run(
      standby,
      `until [ "$(cd / && runuser -u postgres -- psql -qAtXc "select pg_last_wal_replay_lsn() >= '${upTo}'")" = t ]; do sleep 0.1; done`,
    );

  it("live: postgresql / A: finds all servers from a standby, and asks for the password of each once", async () => {
    const found = await console.discover("p2");
    expect(found.problems).toEqual([]);
    const [cluster] = found.clusters;
    expect(cluster?.members.map(({ member }) => member)).toEqual(all);
    expect(cluster?.members[0]?.settings).toMatchObject({
      socketDirectory: "",
      host: lab.host("p1").address,
      port: 5432,
      dataDirectory: data,
      configFile: "/etc/postgresql/15/main/postgresql.conf",
      binDirectory: "/usr/lib/postgresql/15/bin",
      account: "postgres",
      control: `${unit}.service`,
      user: "postgres",
    });
    await console.keep(cluster!, "postgresql");
    await console.until(isWell);
    expect(console.asked.map((one) => one.kind)).toEqual(all.map(() => "engine-password"));
  });

  it("live: postgresql / B: a healthy cluster has nothing to say", async () => {
    const seen = await console.until(isWell);
    expect([primary(seen), inRole(seen, "standby")]).toEqual(["p1", ["p2", "p3"]]);
    expect(seen.unknowns).toBe(0);
  });

  it("live: postgresql / C: shares connections, bytes and write rates out over the servers", async () => {
    const isKnown = ({ balances }: Assessment): boolean =>
      balances.every(({ shares }) => shares.every(({ amount }) => amount.state === "known"));
    const { balances } = await console.until(isKnown);
    expect(balances.map(({ measure }) => measure)).toEqual([
      "postgresql/balance.connections",
      "postgresql/balance.databaseBytes",
      "postgresql/balance.walRate",
    ]);
    expect(balances.map(({ shares }) => shares.length)).toEqual([3, 3, 3]);
  });

  it("live: postgresql / D: all servers tell one primary, timeline and identity", async () => {
    const { consistency } = await console.until(isWell);
    expect(consistency.witnesses.map(({ claim, verdict: said }) => [claim, said])).toEqual(
      ["primary", "timeline", "systemIdentifier"].map((claim) => [`postgresql/claim.${claim}`, "holds"]),
    );
    expect(consistency.tables.map(({ rows }) => rows.length).slice(0, 2)).toEqual([2, 2]);
  });

  it("live: postgresql / E: two servers may fail", async () => {
    const { tolerances } = await console.until(isWell);
    expect(tolerances.map(({ has: serving, tolerates }) => [serving, tolerates])).toEqual([[3, 2]]);
  });

  it("live: postgresql / H: shows hits in shared buffers, connections beside their limit, waits for locks and open transactions", async () => {
    const first = await wellPrimary();
    // A server's counters move once a second at most, and a ratio needs that they moved: not all of them do between the same two looks.
    const hit = new Set<string>();
    const { members } = await console.until(({ members: now }) => {
      for (const one of now) if (knownOf(one).has("hitRatio")) hit.add(one.member);
      return hit.size === all.length;
    });
    for (const one of members)
      for (const name of ["connections", "connectionLimit", "lockWaits", "idleInTransaction", "commitWaits"])
        expect([...knownOf(one)]).toContain(name);
    await sql(first, "create table queue (id int)");
    mend.push(() => sql(first, "drop table queue"));
    const endHolder = (): Promise<string> =>
      sql(first, "select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction'");
    mend.push(endHolder);
    const asPostgres = "cd / && setsid -f runuser -u postgres -- sh -c";
    await lab.run(
      first,
      `${asPostgres} "(echo 'begin; lock table queue;'; sleep 200) | psql -qX" >/dev/null 2>&1
      until [ "$(cd / && runuser -u postgres -- psql -qAtXc "select count(*) from pg_locks where relation = 'queue'::regclass and granted and mode = 'AccessExclusiveLock'")" = 1 ]; do sleep 0.1; done
      ${asPostgres} "psql -qXc 'select * from queue'" >/dev/null 2>&1`,
    );
    const value = (seen: Assessment, name: string): unknown => {
      const figure = seen.members
        .find(({ member }) => member === first)
        ?.figures.find((one) => one.name === `postgresql/figure.${name}`)?.figure;
      return figure?.state === "known" ? figure.value : figure?.state;
    };
    const seen = await console.until((now) => value(now, "lockWaits") === 1);
    expect(value(seen, "idleInTransaction")).toBe(1);
    expect(value(seen, "longestTransaction")).toBeGreaterThan(0);
    await endHolder();
    await console.until((now) => value(now, "lockWaits") === 0 && value(now, "idleInTransaction") === 0);
  });

  it("live: postgresql / switchover: the role moves to a named standby, all follow it and nothing is lost", async () => {
    const old = await wellPrimary();
    const [next = ""] = others(old);
    await sql(old, "create table kept as select generate_series(1, 1000) as n");
    expect(outcome(await console.recover("postgresql/switchover", next))).toBe("done");
    const seen = await console.until(isWell);
    expect([primary(seen), [...inRole(seen, "standby")].sort()]).toEqual([next, others(next)]);
    for (const one of all) expect(await sql(one, "select count(*) from kept")).toBe("1000\n");
  });

  it("live: postgresql / restart-server: systemd restarts a standby, and it streams again", async () => {
    const [standby = ""] = others(await wellPrimary());
    const started = await lab.run(standby, `systemctl show -P ActiveEnterTimestampMonotonic ${unit}`);
    expect(outcome(await console.recover("postgresql/restart-server", standby))).toBe("done");
    expect(await lab.run(standby, `systemctl show -P ActiveEnterTimestampMonotonic ${unit}`)).not.toBe(started);
  });

  it("live: postgresql / sudo: an admin who may not yet is told the lines for sudoers, and with these and no more restarts a standby", async () => {
    const [standby = ""] = others(await wellPrimary());
    const allowed = "/etc/sudoers.d/admin-of-the-test";
    await lab.run(standby, "mkdir /etc/sudoers.aside && mv /etc/sudoers.d/* /etc/sudoers.aside/");
    const asAdmin = openConsole(lab.adminSshConfigPath, password);
    try {
      await asAdmin.keep(console.cluster(), "postgresql");
      await asAdmin.until(isWell);
      const lines: string[] = [];
      for (;;) {
        const run = await asAdmin.recover("postgresql/restart-server", standby);
        if (run.state === "done") break;
        const told = run.steps.flatMap(({ reason }) =>
          reason?.facts.sudoers === undefined ? [] : [reason.facts.sudoers],
        );
        expect([told.length, lines]).toEqual([1, lines.filter((line) => !told.includes(line))]);
        lines.push(...told.map(String));
        await lab.run(standby, `cat >${allowed} <<'END'\n${lines.join("\n")}\nEND`);
        if (
          (await asAdmin.read()).members.some(
            ({ role }) => role.state === "known" && role.value === "postgresql/role.stopped",
          )
        )
          await lab.run(standby, `systemctl start ${unit}`);
        await asAdmin.until(isWell);
      }
      expect(lines).toEqual([
        expect.stringMatching(/^admin ALL=\(root\) NOPASSWD: \S*systemctl stop postgresql@15-main.service$/),
        expect.stringMatching(/^admin ALL=\(root\) NOPASSWD: \S*systemctl start postgresql@15-main.service$/),
      ]);
    } finally {
      await asAdmin.close();
      await lab.run(standby, `rm -f ${allowed}; mv /etc/sudoers.aside/* /etc/sudoers.d/; rmdir /etc/sudoers.aside`);
    }
  });

  it("live: postgresql / closed-directory: to a login that may not look into it another directory's hung server is not this one's, and beside a Patroni nothing is offered", async () => {
    const first = await wellPrimary();
    const [standby = ""] = others(first);
    const asAdmin = openConsole(lab.adminSshConfigPath, password);
    mend.push(() => asAdmin.close());
    await asAdmin.keep(console.cluster(), "as admin");
    expect(offered(await asAdmin.until(isWell), "restart-server")).toContain(standby);
    await lab.run(
      first,
      `printf 'scope: other\nname: a\nrestapi: {listen: 127.0.0.1:8008, connect_address: 127.0.0.1:8008}\netcd3: {host: 127.0.0.1:1}\npostgresql: {listen: 127.0.0.1:5498, connect_address: 127.0.0.1:5498, data_dir: /tmp/none, authentication: {}}\n' >/tmp/patroni.yml
systemd-run -q --unit=patroni-that-waits --uid=postgres patroni /tmp/patroni.yml`,
    );
    mend.push(() => lab.run(first, "systemctl stop patroni-that-waits"));
    const beside = await asAdmin.until(({ recoveries }) =>
      recoveries.every(({ objections }) => objections.some(({ code }) => code === "postgresql/may-be-kept-by-patroni")),
    );
    expect(beside.recoveries[0]?.objections[0]?.facts).toEqual({ members: first });
    expect(offered(await console.read(), "restart-server")).toContain(standby);
    const old = `${data}-old`;
    await lab.run(
      standby,
      `cd / && runuser -u postgres -- /usr/lib/postgresql/15/bin/initdb -D ${old} >/dev/null
runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_ctl -D ${old} -o '-c port=5499' -l /dev/null -w start >/dev/null
kill -STOP $(head -1 ${old}/postmaster.pid)`,
    );
    mend.push(() => lab.run(standby, `kill -KILL $(head -1 ${old}/postmaster.pid); rm -r ${old}`));
    await lab.faults.kill(standby, unit);
    mend.push(() => lab.faults.revive(standby, unit));
    const seen = await asAdmin.until((now) => !inRole(now, "standby").includes(standby));
    expect(inRole(seen, "hung")).toEqual([]);
  });

  it("live: postgresql / leader-killed: a primary killed and kept dead is proven gone by its host, and a standby may be promoted", async () => {
    const old = await wellPrimary();
    await lab.faults.kill(old, unit);
    mend.push(() => lab.faults.revive(old, unit));
    const seen = await console.until((now) => own(now).includes("critical postgresql/NoPrimary"));
    expect(own(seen)).toEqual(["critical postgresql/NoPrimary"]);
    expect(seen.findings.find(({ code }) => code === "postgresql/NoPrimary")?.facts).toMatchObject({ gone: old });
    expect(offered(seen, "switchover")).toEqual([]);
    expect(offered(seen, "failover-on-attestation")).toEqual([]);
    expect(offered(seen, "failover")).not.toEqual([]);
  });

  it("live: postgresql / leader-killed: what the plan says keeps the old primary down keeps it down, and no longer when it is taken back", async () => {
    const old = await wellPrimary();
    await lab.faults.kill(old, unit);
    mend.push(() => lab.faults.revive(old, unit));
    mend.push(() => console.change(old, { control: `${unit}.service` }));
    const startedWith = async (control: string): Promise<void> => {
      await console.change(old, { control });
      const [heir = ""] = await heirs();
      const answer = await console.plan("postgresql/failover", heir);
      expect(answer).toMatchObject({ state: "planned" });
      const told = (answer.state === "planned" ? answer.plan.warnings : []).find(
        ({ code }) => code === "postgresql/warning.may-be-started",
      )?.facts;
      const back = String(told?.back);
      mend.push(() => lab.attempt(old, back));
      await lab.run(old, String(told?.command));
      const started = await lab.attempt(old, `systemctl reset-failed ${unit}; systemctl start ${unit}`);
      expect([control, started.code === 0]).toEqual([control, false]);
      expect(inRole(await console.until(has("postgresql/NoPrimary")), "stopped")).toEqual([old]);
      await lab.run(old, back);
    };
    await startedWith("pg_ctl");
    await startedWith(`${unit}.service`);
  });

  it("live: postgresql / failover: the most advanced standby takes over and the other follows it", async () => {
    const old = await wellPrimary();
    await lab.faults.kill(old, unit);
    mend.push(() =>
      lab.run(old, `rm -f /run/systemd/system/${unit}.service.d/90-kept-dead.conf; systemctl daemon-reload`),
    );
    const [heir = ""] = await heirs();
    expect(outcome(await console.recover("postgresql/failover", heir))).toBe("done");
    const left = (seen: Assessment): readonly string[] => own(seen).filter((one) => !one.includes("Slot"));
    const seen = await console.until((now) => primary(now) === heir && !left(now).join().includes("unknown"));
    expect(left(seen)).toEqual(["degraded postgresql/ServerStopped"]);
    expect(outcome(await console.recover("postgresql/rejoin-as-standby", old))).toBe("done");
  });

  it("live: postgresql / failover: an old primary that somebody starts during the promotion stops the run, which says that there are two", async () => {
    const old = await wellPrimary();
    await lab.faults.kill(old, unit);
    const [heir = ""] = await heirs();
    const [third = ""] = others(old).filter((one) => one !== heir);
    const untilPrimary = (host: string): string =>
      `until [ "$(psql -h ${lab.host(host).address} -qAtXc 'select pg_is_in_recovery()')" = f ]; do sleep 0.1; done`;
    // The third receives nothing of what the old one writes then.
    await lab.faults.partition([old], [third]);
    mend.push(() => lab.faults.healPartitions());
    // Started as soon as there is another primary, which is told done only when both are.
    await lab.run(
      old,
      `rm -f /run/systemd/system/${unit}.service.d/90-kept-dead.conf; systemctl daemon-reload; systemctl reset-failed ${unit}
cat >/tmp/colleague <<'END'
cd / && runuser -u postgres -- sh -c "${untilPrimary(heir).replaceAll(/["$]/g, "\\$&")}" && systemctl start ${unit}
END
systemd-run -q --unit=colleague sh /tmp/colleague`,
    );
    mend.push(() => lab.attempt(old, "systemctl stop colleague"));
    const control = "/usr/lib/postgresql/15/bin/pg_ctl";
    await lab.run(
      heir,
      `mv ${control} ${control}-itself; cat >${control} <<'END'
#!/bin/sh
${control}-itself "$@" && ${untilPrimary(old)}
END
chmod 755 ${control}`,
    );
    mend.push(() => lab.run(heir, `mv ${control}-itself ${control}`));
    const run = await console.recover("postgresql/failover", heir);
    expect([run.state, run.verdict]).toEqual([
      "failed",
      { code: "postgresql/not-the-one-primary", facts: { member: heir, primaries: [old, heir].sort().join(", ") } },
    ]);
    expect([stepsOf(run)[0], ...new Set(run.steps.map(({ state }) => state))]).toEqual(["promote", "kept", "skipped"]);
    expect(own(await console.until((now) => notRead(now).length === 0))).toContain("critical postgresql/TwoPrimaries");
    await lab.run(old, `systemctl stop ${unit}`);
    await lab.faults.healPartitions();
    await console.until((now) => primary(now) === heir && inRole(now, "stopped").includes(old));
    await console.until(has("postgresql/StandbyNotStreaming"));
    await sql(heir, "checkpoint");
    expect(outcome(await console.recover("postgresql/point-at-primary", third))).toBe("done");
    expect(outcome(await console.recover("postgresql/rewind-to-primary", old))).toBe("done");
  });

  it("live: postgresql / rejoin-as-standby: an old primary that wrote nothing alone joins without a rewind", async () => {
    const old = await wellPrimary();
    const [next = ""] = others(old);
    expect(outcome(await console.recover("postgresql/switchover", next))).toBe("done");
    await lab.run(old, `systemctl stop ${unit}`);
    await console.until(has("postgresql/ServerStopped"));
    expect(outcome(await console.recover("postgresql/rejoin-as-standby", old))).toBe("done");
  });

  it("live: postgresql / rewind-to-primary: an old primary that wrote alone is rewound and streams", async () => {
    const old = await wellPrimary();
    await part(old);
    const [heir = ""] = await heirs();
    expect(outcome(await console.recover("postgresql/failover", heir))).toBe("done");
    await sql(heir, "create table after_the_cut as select 2 as two");
    await recordCase("old-primary-stopped", "A primary that had written alone was killed; a standby was promoted.");
    const run = await console.recover("postgresql/rewind-to-primary", old);
    expect(outcome(run)).toBe("done");
    expect(run.steps.map(({ output }) => output).join("\n")).toContain("Done!");
    expect(await sql(old, "select to_regclass('lost_in_the_cut') is null, two from after_the_cut")).toBe("t|2\n");
  });

  it("live: postgresql / rewind-to-primary: a rewind that fails is not taken for the one before it", async () => {
    const first = await wellPrimary();
    const [standby = ""] = others(first);
    const stop = async (): Promise<unknown> => {
      await lab.run(standby, `systemctl stop ${unit}`);
      return console.until(has("postgresql/ServerStopped"));
    };
    await stop();
    expect(outcome(await console.recover("postgresql/rewind-to-primary", standby))).toBe("done");
    await stop();
    await lab.run(standby, "mv /var/lib/postgresql/.pgpass /var/lib/postgresql/.pgpass-aside");
    mend.push(() => lab.attempt(standby, `systemctl start ${unit}`));
    mend.push(() => lab.attempt(standby, "mv /var/lib/postgresql/.pgpass-aside /var/lib/postgresql/.pgpass"));
    const failed = await console.recover("postgresql/rewind-to-primary", standby);
    await lab.run(standby, "mv /var/lib/postgresql/.pgpass-aside /var/lib/postgresql/.pgpass");
    expect([failed.state, failed.steps.map(({ state }) => state)]).toEqual(["failed", ["kept", "broken", "skipped"]]);
    expect(outcome(await console.recover("postgresql/rewind-to-primary", standby))).toBe("done");
  });

  it("live: postgresql / leader-hung: a primary that answers nobody is hung, not down; it is ended and another promoted", async () => {
    const old = await wellPrimary();
    await lab.faults.hang(old, unit);
    mend.push(() => lab.attempt(old, `systemctl kill -s CONT ${unit}`));
    const seen = await console.until((now) => own(now).includes("critical postgresql/NoPrimary"), 90_000);
    expect(inRole(seen, "hung")).toEqual([old]);
    expect(own(seen)).toEqual(["critical postgresql/NoPrimary"]);
    const [heir = ""] = await heirs();
    expect(outcome(await console.recover("postgresql/failover", heir))).toBe("done");
    expect(outcome(await console.recover("postgresql/rewind-to-primary", old))).toBe("done");
  });

  it("live: postgresql / split-view: two primaries made by a cut are named within one look", async () => {
    const old = await wellPrimary();
    const [second = "", third = ""] = others(old);
    await lab.faults.partition([old], [second, third]);
    mend.push(() => lab.faults.healPartitions());
    await lab.run(second, `runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_ctl promote -w -D ${data}`);
    // The first look that reads all three.
    const seen = await console.until((now) => notRead(now).length === 0);
    expect(own(seen)).toContain("critical postgresql/TwoPrimaries");
    expect(seen.findings.find(({ code }) => code === "postgresql/TwoPrimaries")?.facts).toEqual({
      members: [old, second].sort().join(", "),
    });
    for (const action of ["switchover", "failover", "point-at-primary", "rewind-to-primary", "drop-slot"])
      expect(offered(seen, action)).toEqual([]);
    await lab.run(old, `systemctl stop ${unit}`);
    await lab.faults.healPartitions();
    await console.until((now) => primary(now) === second && inRole(now, "stopped").includes(old));
    await console.until(has("postgresql/StandbyNotStreaming"));
    await sql(second, "checkpoint");
    expect(outcome(await console.recover("postgresql/point-at-primary", third))).toBe("done");
    expect(outcome(await console.recover("postgresql/rewind-to-primary", old))).toBe("done");
  });

  it("live: postgresql / point-at-primary: a standby that was pointed elsewhere is pointed at the primary again", async () => {
    const [standby = ""] = others(await wellPrimary());
    const before = await sql(standby, "show primary_conninfo");
    await sql(standby, "alter system set primary_conninfo = 'host=127.0.0.1 port=1 user=replicator'");
    await sql(standby, "select pg_reload_conf()");
    const seen = await console.until(has("postgresql/StandbyNotStreaming"));
    expect(offered(seen, "point-at-primary")).toEqual([standby]);
    expect(outcome(await console.recover("postgresql/point-at-primary", standby))).toBe("done");
    expect(await sql(standby, "show primary_conninfo")).not.toBe(before.replace(/host=\S+/, "host=127.0.0.1"));
  });

  it("live: postgresql / point-at-primary: a standby of a standby that is gone is pointed at the primary, where the slot of its name was lost long ago", async () => {
    const first = await wellPrimary();
    const [standby = "", middle = ""] = others(first);
    const slot = `slot_${standby}`;
    const lostOn = ({ findings }: Assessment): readonly unknown[] =>
      findings.filter(({ code }) => code === "postgresql/SlotLost").map(({ facts }) => [facts.member, facts.slot]);
    await sql(middle, `select pg_create_physical_replication_slot('${slot}', true)`);
    // A slot of a standby is dropped there by hand.
    mend.push(() => sql(middle, `select pg_drop_replication_slot('${slot}')`));
    mend.push(() => lab.attempt(middle, `systemctl start ${unit}`));
    const direct = (await sql(standby, "show primary_conninfo")).trim();
    const cascaded = direct.replace(/host=\S+/, `host=${lab.host(middle).address}`);
    await sql(standby, `alter system set primary_conninfo = '${cascaded.replaceAll("'", "''")}'`);
    await sql(standby, "select pg_reload_conf()");
    await console.until(has("postgresql/SlotInactive"));
    await lab.run(
      middle,
      `until [ "$(cd / && runuser -u postgres -- psql -qAtXc "select count(*) from pg_stat_replication where state = 'streaming'")" = 1 ]; do sleep 0.1; done`,
    );
    await outgrow(first, first);
    await replayed(standby, (await sql(first, "select pg_current_wal_lsn()")).trim());
    expect(lostOn(await console.until(has("postgresql/SlotLost")))).toEqual([[first, slot]]);
    await lab.run(middle, `systemctl stop ${unit}`);
    await console.until(has("postgresql/StandbyNotStreaming"));
    await recordCase(
      "cascade-upstream-gone",
      "A standby received from another; its slot on the primary was lost; the other was stopped.",
    );
    expect(await console.plan("postgresql/point-at-primary", standby)).toMatchObject({
      state: "planned",
      plan: { warnings: [{}, { code: "postgresql/warning.lost-slot-left-over", facts: { slot, primary: first } }] },
    });
    const run = await console.recover("postgresql/point-at-primary", standby);
    expect(outcome(run)).toBe("done");
    expect(stepsOf(run)).toEqual(["dropSlot", "createSlot", "pointAt"]);
    expect(run.undoObstacle).toBe(null);
    await lab.run(middle, `systemctl start ${unit}`);
    await console.until((now) => primary(now) === first && inRole(now, "standby").length === 2);
    // What was its slot there is read by nobody now.
    await outgrow(first, middle);
    const seen = await console.until(has("postgresql/SlotLost"));
    expect(lostOn(seen)).toEqual([[middle, slot]]);
    await recordCase(
      "slot-of-standby-lost",
      "A standby kept a slot of one that no longer receives from it, and lost it.",
    );
  });

  it("live: postgresql / minority-partition: a standby cut off from the others is named, the primary is not", async () => {
    const first = await wellPrimary();
    const [cut = ""] = others(first);
    await lab.faults.partition([cut], others(cut));
    mend.push(() => lab.faults.healPartitions());
    const seen = await console.until(has("postgresql/StandbyNotStreaming"));
    expect([primary(seen), seen.level]).toEqual([first, "degraded"]);
    expect(offered(seen, "failover")).toEqual([]);
  });

  it("live: postgresql / majority-partition: servers on the other side are not seen, never down, and nothing is promoted while one still receives", async () => {
    const first = await wellPrimary();
    const [near = "", far = ""] = others(first);
    await lab.faults.partition(["desktop"], [first, far]);
    mend.push(() => lab.faults.healPartitions());
    const seen = await console.until((now) => notRead(now).length === 2, 90_000);
    expect(own(seen).filter((one) => !one.startsWith("unknown"))).toEqual([]);
    expect(own(seen)).toContain("unknown postgresql/NoPrimary");
    expect(await console.plan("postgresql/failover", near)).toMatchObject({ state: "refused" });
    // Until SSH itself is given up, its host counts as one that answers, which is refused too.
    const refusal = (now: Assessment): string =>
      now.recoveries.find(({ action }) => action === "postgresql/failover-on-attestation")?.objections[0]?.code ?? "";
    await console.until((now) => refusal(now) === "postgresql/standby-still-receives", 90_000);
    expect(await console.plan("postgresql/failover-on-attestation", near)).toMatchObject({ state: "refused" });
  });

  it("live: postgresql / desktop-cut-off: a desktop without a network sees nothing and says so, of every server", async () => {
    await wellPrimary();
    await lab.faults.partition(["desktop"], all);
    mend.push(() => lab.faults.healPartitions());
    const seen = await console.until((now) => notRead(now).length === 3, 90_000);
    expect([...new Set([...own(seen), ...notRead(seen)].map((one) => one.split(" ")[0]))]).toEqual(["unknown"]);
    expect(seen.tolerances[0]).toMatchObject({ has: null, tolerates: null });
  });

  it("live: postgresql / failover-on-attestation: a primary whose host is off is replaced on a person's word; when it comes back as a second one it is named", async () => {
    const old = await wellPrimary();
    await lab.faults.switchOff(old);
    let isOff = true;
    mend.push(async () => {
      if (isOff) await lab.faults.switchOn(old);
    });
    const seen = await console.until(
      (now) => now.unknowns > 0 && offered(now, "failover-on-attestation").length > 0,
      90_000,
    );
    expect(notRead(seen)).toEqual(["unknown postgresql/ServerNotRead"]);
    expect(offered(seen, "failover")).toEqual([]);
    await recordCase("primary-host-gone", "The host of the primary was switched off.");
    const [heir = ""] = offered(seen, "failover-on-attestation");
    expect(outcome(await console.recover("postgresql/failover-on-attestation", heir))).toBe("done");
    await lab.faults.switchOn(old);
    isOff = false;
    await console.until(has("postgresql/TwoPrimaries"), 180_000);
    await lab.run(old, `systemctl stop ${unit}`);
    await console.until((now) => primary(now) === heir && inRole(now, "stopped").includes(old));
    expect(outcome(await console.recover("postgresql/rewind-to-primary", old))).toBe("done");
  });

  it("live: postgresql / synchronous: commits that wait for a standby that is not there are named", async () => {
    const first = await wellPrimary();
    await sql(first, "alter system set synchronous_standby_names = 'FIRST 1 (nobody_here)'");
    mend.push(async () => {
      await sql(first, "alter system reset synchronous_standby_names");
      await sql(first, "select pg_reload_conf()");
    });
    await sql(first, "select pg_reload_conf()");
    const seen = await console.until(has("postgresql/SynchronousStandbyMissing"));
    expect(own(seen)).toEqual(["critical postgresql/SynchronousStandbyMissing"]);
    expect(seen.tolerances[1]).toMatchObject({ needs: 1, has: 0, tolerates: -1 });
    const hung = await lab.attempt(first, `cd /; timeout 2 runuser -u postgres -- psql -qXc 'create table hangs ()'`);
    expect(hung.code).toBe(124);
  });

  it("live: postgresql / synchronous: each way to write how many standbys are waited for is counted as the server counts it", async () => {
    const first = await wellPrimary();
    const [one = "", two = ""] = others(first);
    mend.push(async () => {
      await sql(first, "alter system reset synchronous_standby_names");
      await sql(first, "select pg_reload_conf()");
    });
    const names = await sql(
      first,
      "select string_agg(application_name, ', ' order by application_name) from pg_stat_replication",
    );
    expect(names).toBe(`${[one, two].join(", ")}\n`);
    for (const [wanted, needs, has_] of [
      ["*", 1, 1],
      ["ANY 2 (*)", 2, 2],
      [`any 3 (${one}, nobody, ${two})`, 3, 2],
      [`FIRST 2 (nobody, ${two}, ${one})`, 2, 2],
      [`2(${one}, nobody)`, 2, 1],
      [`nobody, ${two}`, 1, 1],
      ['\\"FIRST 3 (x)\\"', 1, 0],
    ] as const) {
      await sql(first, `alter system set synchronous_standby_names = '${wanted}'`);
      await sql(first, "select pg_reload_conf()");
      const seen = await console.until(({ tolerances }) => {
        const commits = tolerances[1];
        return commits?.needs === needs && (has_ >= needs ? (commits.has ?? 0) >= has_ : commits.has === has_);
      });
      expect([wanted, own(seen).some((code) => code.endsWith("SynchronousStandbyMissing"))]).toEqual([
        wanted,
        has_ < needs,
      ]);
    }
    await sql(first, `alter system set synchronous_standby_names = 'ANY 3 (*)'`);
    await sql(first, "select pg_reload_conf()");
    await lab.run(
      first,
      `cd / && setsid -f timeout 20 runuser -u postgres -- psql -qXc 'create table waits ()' >/dev/null 2>&1`,
    );
    const seen = await console.until(
      ({ findings }) =>
        findings.find(({ code }) => code === "postgresql/SynchronousStandbyMissing")?.facts.waiting === 1,
    );
    expect(seen.level).toBe("critical");
  });

  it("live: postgresql / drop-slot: a slot nobody reads is dropped, one that a server is set to use is not", async () => {
    const first = await wellPrimary();
    const [standby = ""] = others(first);
    await sql(first, "select pg_create_physical_replication_slot('abandoned', true)");
    const seen = await console.until(has("postgresql/SlotInactive"));
    expect(own(seen)).toEqual(["watch postgresql/SlotInactive"]);
    expect(offered(seen, "drop-slot")).toEqual(["abandoned"]);
    expect(await console.plan("postgresql/drop-slot", `slot_${standby}`)).toMatchObject({ state: "refused" });
    expect(outcome(await console.recover("postgresql/drop-slot", "abandoned"))).toBe("done");
    await lab.run(standby, `systemctl stop ${unit}`);
    mend.push(() => lab.attempt(standby, `systemctl start ${unit}`));
    await console.until((now) => has("postgresql/ServerStopped")(now) && has("postgresql/SlotInactive")(now));
    expect(await console.plan("postgresql/drop-slot", `slot_${standby}`)).toMatchObject({
      state: "refused",
      objections: [{ code: "postgresql/slot-of-stopped", facts: { member: standby } }],
    });
  });

  // A rate is known after a minute or so.
  it("live: postgresql / slot-fills: a slot nobody reads that grows is named with the time it lasts, and without a limit with the time its disk lasts", async () => {
    const first = await wellPrimary();
    await sql(first, "select pg_create_physical_replication_slot('abandoned', true)");
    mend.push(() => sql(first, "select pg_drop_replication_slot('abandoned')"));
    await sql(first, "create table filler (line text)");
    mend.push(() => sql(first, "drop table filler"));
    const write = (): Promise<string> =>
      sql(first, "insert into filler select repeat(md5(i::text), 30) from generate_series(1, 4000) i");
    const growth = ({ consistency }: Assessment): string | undefined =>
      consistency.tables
        .find(({ name }) => name === "postgresql/table.slots")
        ?.rows.find(({ subject }) => subject === `${first} / abandoned`)?.cells[4]?.state;
    await console.until(has("postgresql/SlotInactive"));
    // A burst between two looks is not a rate.
    await write();
    expect(own(await console.read())).not.toContain("degraded postgresql/SlotSoonLost");
    await console.until((seen) => growth(seen) === "known", 150_000);
    // What was written is seen as growth until the look of a minute ago is a new one, and then again half a minute later.
    const writingOn = async (wanted: (seen: Assessment) => boolean): Promise<Assessment> => {
      for (let times = 0; times < 8; times += 1) {
        await write();
        const seen = await console.read();
        if (wanted(seen)) return seen;
        await pause(10_000);
      }
      return console.until(wanted);
    };
    expect(own(await writingOn(has("postgresql/SlotSoonLost")))).toContain("degraded postgresql/SlotSoonLost");
    await sql(first, "alter system set max_slot_wal_keep_size = -1");
    mend.push(async () => {
      await sql(first, "alter system reset max_slot_wal_keep_size");
      await sql(first, "select pg_reload_conf()");
    });
    await sql(first, "select pg_reload_conf()");
    const seen = await writingOn(has("postgresql/WalFillsDisk"));
    expect(own(seen).filter((one) => one.includes("Slot"))).toEqual([]);
    const { facts } = seen.findings.find(({ code }) => code === "postgresql/WalFillsDisk")!;
    const room = await lab.run(first, `df -Pk ${data}/pg_wal/. | tail -n 1`);
    expect(Number(facts.availableBytes) / 1024 / Number(room.split(/\s+/)[3])).toBeCloseTo(1, 0);
    expect(facts.untilFullMs).toBeCloseTo((Number(facts.availableBytes) / Number(facts.bytesPerSecond)) * 1000, 0);
    await sql(first, "alter system reset max_slot_wal_keep_size");
    await sql(first, "select pg_reload_conf()");
    await recordCase(
      "slot-soon-lost",
      "A slot that nobody reads, and about 4 MiB were written within half a minute.",
      async () => {
        await write();
        await pause(35_000);
      },
    );
  });

  it("live: postgresql / restart-storm: a server that ends again and again is named", async () => {
    const [storm = ""] = others(await wellPrimary());
    const configure = (lines: string): Promise<string> =>
      lab.run(
        storm,
        `d=/run/systemd/system/${unit}.service.d; mkdir -p $d; printf '${lines}' >$d/storm.conf; systemctl daemon-reload`,
      );
    await configure("[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nRestart=always\\nRestartSec=100ms\\n");
    mend.push(() => configure(""));
    const end = (): Promise<string> =>
      lab.run(
        storm,
        `was=$(systemctl show -P MainPID ${unit}); systemctl kill -s KILL ${unit}
        until now=$(systemctl show -P MainPID ${unit}); [ "$now" != 0 ] && [ "$now" != "$was" ] && pg_isready -q; do sleep 0.1; done`,
      );
    await end();
    await console.until((seen) => notRead(seen).length === 0);
    await end();
    expect(own(await console.until((seen) => notRead(seen).length === 0))).toContain(
      "degraded postgresql/KeepsRestarting",
    );
    await recordCase(
      "restart-storm",
      "The server on a standby's host was killed between two looks, and soon before them.",
      end,
    );
  });

  it("live: postgresql / commit-prepared: what its manager decided to commit is committed by hand", async () => {
    const first = await wellPrimary();
    await sql(first, "create table orders (id int)");
    await sql(first, "begin; insert into orders values (17); prepare transaction 'order''17 \\\\x'");
    const gid = "order'17 \\x";
    // Its manager may be about to settle it.
    expect(await console.plan("postgresql/commit-prepared", gid)).toMatchObject({
      state: "refused",
      objections: [{ code: "postgresql/prepared-young" }],
    });
    await console.until((seen) => offered(seen, "commit-prepared").includes(gid), 150_000);
    const plan = await console.plan("postgresql/commit-prepared", gid);
    expect(plan.state === "planned" && plan.plan.confirmation).toEqual({
      kind: "type",
      text: `postgresql: commit-prepared ${gid}`,
    });
    expect(outcome(await console.recover("postgresql/commit-prepared", gid))).toBe("done");
    expect(await sql(first, "select id from orders")).toBe("17\n");
  });

  it("live: postgresql / roll-back-prepared: what its manager gave up is rolled back by hand, in its own database", async () => {
    const first = await wellPrimary();
    await sql(first, "create database elsewhere");
    await lab.run(
      first,
      `cd / && runuser -u postgres -- psql -qAtX -d elsewhere -c "begin; create table half (id int); prepare transaction 'half'"`,
    );
    await console.until((seen) => offered(seen, "roll-back-prepared").includes("half"), 150_000);
    expect(outcome(await console.recover("postgresql/roll-back-prepared", "half"))).toBe("done");
    expect(await sql(first, "select count(*) from pg_prepared_xacts")).toBe("0\n");
    await sql(first, "drop database elsewhere");
  });

  it("live: postgresql / roll-back-prepared: whatever a transaction is called, what was shown is what the server got, byte for byte", async () => {
    const first = await wellPrimary();
    const names = ["it's; drop table kept_by_name; --", "\\' or \\\\'", "{{gid}} $1 $$ %s", "two\nlines", "预备'事务"];
    const input = (text: string): Promise<string> =>
      lab.run(first, `cd / && runuser -u postgres -- psql -qAtX -v ON_ERROR_STOP=1 <<'END'\n${text}\nEND`);
    await input("create table kept_by_name ()");
    mend.push(() => sql(first, "drop table kept_by_name"));
    for (const [at, name] of names.entries())
      await input(
        `begin; create table of_name_${at} (); prepare transaction E'${name.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`,
      );
    await sql(first, "alter system set log_statement = 'all'");
    mend.push(async () => {
      await sql(first, "alter system reset log_statement");
      await sql(first, "select pg_reload_conf()");
    });
    await sql(first, "select pg_reload_conf()");
    await console.until((seen) => names.every((name) => offered(seen, "roll-back-prepared").includes(name)), 150_000);
    const shown: (string | undefined)[] = [];
    for (const name of names) {
      const run = await console.recover("postgresql/roll-back-prepared", name);
      expect(outcome(run)).toBe("done");
      shown.push(...run.steps.map(({ step }) => step.shown));
    }
    // A line feed in a statement is logged with a tab after it.
    const log = (await lab.run(first, "cat /var/log/postgresql/postgresql-15-main.log")).replaceAll("\n\t", "\n");
    expect(shown.filter((one) => !log.includes(`statement: ${one ?? "?"}\n`))).toEqual([]);
    expect(shown).toHaveLength(names.length);
    expect(await sql(first, "select count(*) from pg_prepared_xacts")).toBe("0\n");
  });

  it("live: postgresql / rebuild-from-primary: a server with a damaged page is named, and all of its data are copied anew", async () => {
    const first = await wellPrimary();
    const [damaged = ""] = others(first);
    // Frozen and left alone by autovacuum: a hint that the primary set later would be sent as a whole page, over the damaged one.
    await sql(first, "create table pages with (autovacuum_enabled = off) as select generate_series(1, 1000) as n");
    await sql(first, "vacuum (freeze) pages");
    const file = (await sql(first, "select pg_relation_filepath('pages')")).trim();
    await sql(first, "checkpoint");
    const upTo = (await sql(first, "select pg_current_wal_lsn()")).trim();
    await console.until(isWell);
    await replayed(damaged, upTo);
    // A standby starts at the last checkpoint of its primary that it replayed, and writes the pages changed since then anew.
    await sql(damaged, "checkpoint");
    mend.push(() => lab.attempt(damaged, `systemctl start ${unit}`));
    await lab.run(
      damaged,
      `systemctl stop ${unit} && cd / && runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_checksums --enable -D ${data} &&
      printf 'damaged' | dd of=${data}/${file} bs=1 seek=5000 conv=notrunc status=none && systemctl start ${unit}`,
    );
    await console.until(isWell);
    expect((await lab.attempt(damaged, `cd /; runuser -u postgres -- psql -qXc 'select * from pages'`)).code).not.toBe(
      0,
    );
    const seen = await console.until(has("postgresql/ChecksumFailures"));
    expect(own(seen)).toEqual(["critical postgresql/ChecksumFailures"]);
    await lab.run(damaged, `systemctl stop ${unit}`);
    await console.until(has("postgresql/ServerStopped"));
    // Two copies are all that the disk holds.
    mend.push(() => lab.run(damaged, "rm -rf /var/lib/postgresql/15/main.before-timeline-*"));
    expect(outcome(await console.recover("postgresql/rebuild-from-primary", damaged))).toBe("done");
    expect(await sql(damaged, "select count(*) from pages")).toBe("1000\n");
    expect(await lab.run(damaged, "ls /var/lib/postgresql/15")).toContain("main.before-timeline-");
  });

  it("live: postgresql / rebuild-from-primary: a standby whose slot was lost is rebuilt with a new one, and again on the same timeline", async () => {
    const first = await wellPrimary();
    const [standby = ""] = others(first);
    const slot = `slot_${standby}`;
    mend.push(() => lab.attempt(standby, `systemctl start ${unit}`));
    mend.push(() => lab.run(standby, "rm -rf /var/lib/postgresql/15/main.before-timeline-*"));
    await lab.run(standby, `systemctl stop ${unit}`);
    await outgrow(first, first);
    const seen = await console.until((now) => has("postgresql/ServerStopped")(now) && has("postgresql/SlotLost")(now));
    expect([offered(seen, "rejoin-as-standby"), offered(seen, "rewind-to-primary")]).toEqual([[], []]);
    expect(await console.plan("postgresql/rejoin-as-standby", standby)).toMatchObject({
      state: "refused",
      objections: [{ code: "postgresql/slot-is-lost-for", facts: { slot, member: standby, primary: first } }],
    });
    const run = await console.recover("postgresql/rebuild-from-primary", standby);
    expect(outcome(run)).toBe("done");
    expect(stepsOf(run)).toEqual(["dropSlot", "createSlot", "copy", "start"]);
    await lab.run(standby, `systemctl stop ${unit}`);
    await console.until(has("postgresql/ServerStopped"));
    expect(outcome(await console.recover("postgresql/rebuild-from-primary", standby))).toBe("done");
    const kept = (await lab.run(standby, "cd /var/lib/postgresql/15; ls -d main.before-timeline-*")).trim().split("\n");
    expect(kept).toEqual([expect.stringMatching(/-\d+$/), `${kept[0] ?? ""}-2`]);
  });

  it("live: postgresql / G: tells from the logs which server was promoted and which started after a crash", async () => {
    const { clusterId } = await console.read();
    const { lines, sources } = await console.ask("logs:read", { clusterId, mostLines: 3000 });
    expect(sources.map(({ reason }) => reason)).toEqual([null, null, null]);
    const explained = new Set(lines.map(({ explanation }) => explanation?.code));
    expect([...explained]).toEqual(expect.arrayContaining(["postgresql/log.ready", "postgresql/log.interrupted"]));
  });

  it("live: postgresql / disk-full: the full disk of a standby is named, and the primary is not called down", async () => {
    const first = await wellPrimary();
    const [full = ""] = others(first);
    await lab.faults.fillDisk(full);
    mend.push(async () => {
      await lab.faults.freeDisk(full);
      await lab.attempt(full, `systemctl start ${unit}`);
      await console.change(full, {});
    });
    await console.change(full, {});
    const seen = await console.until((now) => has("linux/DiskFull")(now) && primary(now) === first, 90_000);
    expect(own(seen)).not.toContain("critical postgresql/NoPrimary");
    expect(seen.level).toBe("critical");
  });
});
