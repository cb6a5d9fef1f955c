import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Assessment } from "../../contract/assessment";
import type { Gives, RequestName, Takes } from "../../contract/channels";
import type { PlanAnswer, RunRecord } from "../../contract/recovery";
import type { Report } from "../../contract/report";
import { createCore } from "../../main/core";
import type { Core } from "../../main/core-port";
import { noKeyStorage } from "../../main/store/secrets";
import { whatIsMissing, startEmbeddedCluster, type EmbeddedCluster } from "../lab/embedded/embedded-cluster";

const missing = process.env.CI === "true" ? null : whatIsMissing();

describe.skipIf(missing !== null)(`the main job on a real cluster ${missing ?? ""}`, () => {
  let lab: EmbeddedCluster;
  let core: Core;
  let directory: string;
  let clusterId: string;
  let reportPath: string;
  /** What goes on while the person chooses where a report goes. */
  let whileChoosing: () => Promise<unknown> = () => Promise.resolve();

  beforeAll(async () => {
    lab = await startEmbeddedCluster();
    directory = mkdtempSync(join(tmpdir(), "evenkeel-core-"));
    reportPath = join(directory, "report.html");
    core = open();
  });

  /** A core on the one directory, as each start of the app makes it. */
  function open(): Core {
    return createCore({
      userDataDirectory: directory,
      version: "0.0.0",
      electron: "none",
      shell: {
        keyStorage: noKeyStorage,
        chooseSavePath: () => whileChoosing().then(() => reportPath),
        chooseOpenPath: () => Promise.resolve(null),
      },
      sshConfigPath: lab.sshConfigPath,
      interactive: false,
      watch: false,
      mayRecover: true,
    });
  }

  afterAll(async () => {
    await core.close();
    await lab.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function ask<N extends RequestName>(name: N, argument: Takes<N>): Promise<Gives<N>> {
    const reply = await core.handle(name, argument);
    if (!reply.ok) throw new Error(`${name}: ${reply.kind} ${JSON.stringify(reply.sentence)}`);
    return reply.value;
  }

  async function read(): Promise<Assessment> {
    await ask("cluster:refresh", { clusterId });
    const assessment = await ask("cluster:read", { clusterId });
    if (assessment === null) throw new Error("nothing was read");
    return assessment;
  }

  function recover(action: string, target: string): Promise<RunRecord> {
    return carryOut(ask("recovery:plan", { clusterId, action, target }));
  }

  async function carryOut(planned: Promise<PlanAnswer>): Promise<RunRecord> {
    const answer = await planned;
    if (answer.state === "refused") throw new Error(JSON.stringify(answer.objections));
    const { planId, fingerprint, confirmation } = answer.plan;
    const typed = confirmation.kind === "type" ? confirmation.text : "";
    const begun = await ask("recovery:approve", { planId, fingerprint, typed, reason: "a test" });
    for (;;) {
      const run = (await ask("recovery:runs", { clusterId })).find(({ runId }) => runId === begun.runId);
      if (run !== undefined && run.endedAt !== null) return run;
      await pause(200);
    }
  }

  const codes = (assessment: Assessment): readonly string[] => assessment.findings.map(({ code }) => code);
  const roles = (assessment: Assessment): readonly unknown[] =>
    assessment.members.map(({ member, role }) => [member, role.state === "known" ? role.value : "missing"]);

  it("finds all three servers from one host", async () => {
    const found = await ask("discovery:start", { discoveryId: "one", login: { host: "keel-2" } });
    expect(found.problems).toEqual([]);
    expect(found.clusters.map(({ members }) => members.map(({ member }) => member))).toEqual([
      ["keel-1", "keel-2", "keel-3"],
    ]);
    const [cluster] = found.clusters;
    if (cluster === undefined) throw new Error("no cluster");
    ({ clusterId } = await ask("discovery:keep", { name: "demo", cluster }));
  });

  it("reads it as healthy, with every server's word on who the primary is", async () => {
    const assessment = await read();
    // How busy the machine is that the test runs on is no fact of the cluster.
    expect(codes(assessment).filter((code) => code !== "linux/LoadHigh")).toEqual([]);
    expect(["ok", "watch"]).toContain(assessment.level);
    expect(roles(assessment)).toEqual([
      ["keel-1", "postgresql/role.primary"],
      ["keel-2", "postgresql/role.standby"],
      ["keel-3", "postgresql/role.standby"],
    ]);
    expect(assessment.consistency.witnesses.map(({ claim, verdict }) => [claim, verdict])).toEqual([
      ["postgresql/claim.primary", "holds"],
      ["postgresql/claim.timeline", "holds"],
      ["postgresql/claim.systemIdentifier", "holds"],
    ]);
    expect(assessment.tolerances[0]).toMatchObject({ needs: 1, has: 3, tolerates: 2 });
  });

  it("refuses a failover while there is a primary", async () => {
    const answer = await ask("recovery:plan", { clusterId, action: "postgresql/failover", target: "keel-2" });
    expect(answer).toMatchObject({ state: "refused" });
  });

  it("moves the primary to a named standby and back-checks it on fresh readings", async () => {
    const run = await recover("postgresql/switchover", "keel-2");
    expect(run.verdict).toEqual({ code: "recovery/verified", facts: {} });
    expect(run.state).toBe("done");
    expect((await lab.primary())?.name).toBe("keel-2");
    await ask("recovery:acknowledge", { runId: run.runId, note: "seen" });
    expect((await read()).findings.filter(({ level }) => level === "critical")).toEqual([]);
  });

  it("says critical once the primary is killed, fails over to exactly one standby and lets the old one rejoin", async () => {
    await lab.killPrimary();
    const lost = await read();
    expect(lost.level).toBe("critical");
    expect(lost.findings.find(({ code }) => code === "postgresql/NoPrimary")?.facts).toEqual({ gone: "keel-2" });

    const failover = await recover("postgresql/failover", "keel-3");
    expect([failover.state, failover.verdict]).toEqual(["done", { code: "recovery/verified", facts: {} }]);
    expect((await lab.primary())?.name).toBe("keel-3");
    await ask("recovery:acknowledge", { runId: failover.runId, note: "seen" });

    const rejoin = await recover("postgresql/rejoin-as-standby", "keel-2");
    expect([rejoin.state, rejoin.verdict]).toEqual(["done", { code: "recovery/verified", facts: {} }]);
    expect(roles(await read())).toEqual([
      ["keel-1", "postgresql/role.standby"],
      ["keel-2", "postgresql/role.standby"],
      ["keel-3", "postgresql/role.primary"],
    ]);
  });

  it("runs nothing more within the hour unless someone has looked at the last run", async () => {
    const answer = await ask("recovery:plan", { clusterId, action: "postgresql/restart-server", target: "keel-1" });
    if (answer.state === "refused") throw new Error("refused");
    const { planId, fingerprint } = answer.plan;
    const reply = await core.handle("recovery:approve", { planId, fingerprint, typed: "demo", reason: "" });
    expect(reply).toMatchObject({ ok: false, sentence: { code: "recovery/cooldown" } });
  });

  it("stops a switchover after its first step, and takes it back after the app was started anew", async () => {
    const last = (await ask("recovery:runs", { clusterId })).at(-1);
    await ask("recovery:acknowledge", { runId: last?.runId ?? "", note: "seen" });
    const unsubscribe = core.onEvent((name, payload) => {
      const run = payload as RunRecord;
      if (name === "run:changed" && run.state === "running" && run.steps[0]?.state === "sent")
        void ask("recovery:stop", { runId: run.runId });
    });
    const stopped = await recover("postgresql/switchover", "keel-1");
    unsubscribe();
    expect([stopped.state, stopped.verdict?.code]).toEqual(["stopped", "recovery/stopped"]);
    expect(stopped.steps.map(({ state }) => state)).toEqual(["kept", ...stopped.steps.slice(1).map(() => "skipped")]);
    expect(lab.isRunning("keel-3")).toBe(false);

    await core.close();
    core = open();
    const { runId } = stopped;
    const undone = await carryOut(ask("recovery:plan-undo", { runId }));
    expect([undone.state, undone.verdict]).toEqual(["undone", { code: "recovery/verified-undone", facts: {} }]);
    expect((await lab.primary())?.name).toBe("keel-3");
    expect(undone.acts.map(({ kind }) => kind)).toEqual(["approved", "stop-asked", "undo-approved"]);
    await ask("recovery:acknowledge", { runId, note: "seen" });
  });

  it("points a standby at the primary, and back again", async () => {
    const connection = async (): Promise<string> =>
      String((await lab.psql("keel-1", "SHOW primary_conninfo"))[0]?.primary_conninfo);
    const nowhere = (await connection()).replace(/port=\d+/, "port=9");
    await lab.psql("keel-1", `ALTER SYSTEM SET primary_conninfo = '${nowhere}'`);
    await lab.psql("keel-1", "SELECT pg_reload_conf()");
    await expect.poll(async () => codes(await read()), { timeout: 30_000 }).toContain("postgresql/StandbyNotStreaming");

    const pointed = await recover("postgresql/point-at-primary", "keel-1");
    expect([pointed.state, pointed.risk, pointed.undoObstacle]).toEqual(["done", "R1", null]);
    const { runId } = pointed;
    const undone = await carryOut(ask("recovery:plan-undo", { runId }));
    expect([undone.state, await connection()]).toEqual(["undone", nowhere]);
    await ask("recovery:acknowledge", { runId, note: "seen" });

    const again = await recover("postgresql/point-at-primary", "keel-1");
    expect(again.state).toBe("done");
    await ask("recovery:acknowledge", { runId: again.runId, note: "seen" });
    expect(codes(await read())).not.toContain("postgresql/StandbyNotStreaming");
  });

  it("lets one process alone recover: a second one reads, and says who has the journal", async () => {
    const second = open();
    try {
      const reply = await second.handle("recovery:plan", {
        clusterId,
        action: "postgresql/restart-server",
        target: "keel-1",
      });
      expect(reply).toMatchObject({
        ok: false,
        sentence: { code: "recovery/journal-in-use", facts: { pid: process.pid } },
      });
      const runs = await second.handle("recovery:runs", { clusterId });
      expect(runs.ok && runs.value.length).toBe((await ask("recovery:runs", { clusterId })).length);
    } finally {
      await second.close();
    }
  });

  it("tells a hung server from a stopped one", async () => {
    lab.hang("keel-1");
    try {
      expect(codes(await read())).toContain("postgresql/ServerHung");
    } finally {
      lab.resume("keel-1");
    }
  });

  it("shows a prepared transaction in doubt with its age and holder", async () => {
    await lab.psql("keel-3", "BEGIN; CREATE TABLE doubt (id int); PREPARE TRANSACTION 'order-17'");
    const table = (await read()).consistency.tables.find(({ name }) => name === "postgresql/table.prepared");
    expect(table?.rows.map(({ subject }) => subject)).toEqual(["order-17"]);
    await lab.psql("keel-3", "ROLLBACK PREPARED 'order-17'");
  });

  it("writes a report that tells the whole story", async () => {
    await read();
    await ask("report:export", { clusterId, format: "html", language: "en" });
    const html = readFileSync(reportPath, "utf8");
    for (const told of ["Fail over", "Rejoin as standby", "pg_ctl promote", "done and verified", "keel-3"])
      expect(html).toContain(told);
    expect(html).not.toMatch(/<script|https?:\/\//);
  });

  it("writes a report of one reading, however long its name is thought about", async () => {
    const before = await read();
    whileChoosing = read;
    await ask("report:export", { clusterId, format: "json", language: "en" });
    const { report } = JSON.parse(readFileSync(reportPath, "utf8")) as { readonly report: Report };
    expect(report.assessment.cycle).toBe(before.cycle + 1);
    const takenAt = new Map(report.evidence.map((one) => [one.id, one.takenAt]));
    expect(report.assessment.evidence.map(({ id }) => takenAt.get(id))).toEqual(
      report.assessment.evidence.map((one) => one.takenAt),
    );
  });
});
