import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Assessment } from "../../contract/assessment";
import type { Gives, RequestName, Takes } from "../../contract/channels";
import type { Answer, DiscoveredCluster, Question, SettingValue } from "../../contract/inventory";
import type { PlanAnswer, RunRecord } from "../../contract/recovery";
import { createCore } from "../../main/core";
import { noKeyStorage } from "../../main/store/secrets";

/** The app's core without a window, on one cluster of the lab, as a person at the desktop uses it. */
export interface Console {
  readonly directory: string;
  /** What the person was asked so far. */
  readonly asked: readonly Question[];
  ask<N extends RequestName>(name: N, argument: Takes<N>): Promise<Gives<N>>;
  /** Finds clusters from one host. */
  discover(host: string): Promise<Gives<"discovery:start">>;
  /** Keeps a cluster that was found; everything below is about it. */
  keep(cluster: DiscoveredCluster, name: string): Promise<void>;
  hasCluster(): boolean;
  /** What is kept of it. */
  cluster(): DiscoveredCluster;
  /** Corrects the settings of one member by hand; nothing read before is kept. */
  change(member: string, settings: Readonly<Record<string, SettingValue>>): Promise<void>;
  /** Reads once and judges. */
  read(): Promise<Assessment>;
  /** Reads until the assessment is as wanted; after the deadline an error shows what was read last. */
  until(wanted: (assessment: Assessment) => boolean | Promise<boolean>, withinMs?: number): Promise<Assessment>;
  /** The codes of the log lines of all members that are explained, each once. */
  explained(): Promise<readonly string[]>;
  plan(action: string, target: string): Promise<PlanAnswer>;
  /** Plans and approves; yields the run's id. */
  begin(action: string, target: string): Promise<string>;
  /** The run as it is now. */
  run(runId: string): Promise<RunRecord>;
  /** Waits for the end of a run and acknowledges it. */
  ended(runId: string): Promise<RunRecord>;
  /** Plans, approves, waits for the end and acknowledges it. */
  recover(action: string, target: string): Promise<RunRecord>;
  close(): Promise<void>;
}

/** `databasePassword` is what the person at this desktop types when asked for one; without it nobody is there to be asked. */
export function openConsole(sshConfigPath: string, databasePassword?: string): Console {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-live-"));
  const core = createCore({
    userDataDirectory: directory,
    version: "0.0.0",
    electron: "none",
    shell: {
      keyStorage: noKeyStorage,
      chooseSavePath: (name) => Promise.resolve(join(directory, name)),
      chooseOpenPath: () => Promise.resolve(null),
    },
    sshConfigPath,
    interactive: databasePassword !== undefined,
    watch: false,
    mayRecover: true,
  });
  const asked: Question[] = [];
  core.onEvent((name, payload) => {
    if (name !== "question:raised") return;
    const question = payload as Question;
    asked.push(question);
    const answer: Answer =
      question.kind === "engine-password"
        ? { kind: "secret", secret: databasePassword ?? "", keep: false }
        : { kind: "refuse" };
    // After the core has finished raising it.
    setImmediate(() => void ask("question:answer", { questionId: question.questionId, answer }));
  });
  let clusterId = "";
  let kept: { readonly cluster: DiscoveredCluster; readonly name: string } | null = null;

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

  async function keep(cluster: DiscoveredCluster, name: string): Promise<void> {
    ({ clusterId } = await ask("discovery:keep", { name, cluster }));
    kept = { cluster, name };
  }

  function cluster(): DiscoveredCluster {
    if (kept === null) throw new Error("no cluster is kept yet");
    return kept.cluster;
  }

  const plan = (action: string, target: string): Promise<PlanAnswer> =>
    ask("recovery:plan", { clusterId, action, target });

  async function begin(action: string, target: string): Promise<string> {
    const answer = await plan(action, target);
    if (answer.state === "refused") throw new Error(`${action} on ${target}: ${JSON.stringify(answer.objections)}`);
    const { planId, fingerprint, confirmation } = answer.plan;
    const typed = confirmation.kind === "type" ? confirmation.text : "";
    return (await ask("recovery:approve", { planId, fingerprint, typed, reason: "a test" })).runId;
  }

  async function runNow(runId: string): Promise<RunRecord> {
    const found = (await ask("recovery:runs", { clusterId })).find((one) => one.runId === runId);
    if (found === undefined) throw new Error(`there is no run ${runId}`);
    return found;
  }

  async function ended(runId: string): Promise<RunRecord> {
    for (;;) {
      const run = await runNow(runId);
      if (run.endedAt !== null) {
        if (run.needsAcknowledgement) await ask("recovery:acknowledge", { runId, note: "seen" });
        return run;
      }
      await pause(200);
    }
  }

  return {
    directory,
    asked,
    ask,
    discover: (host) => ask("discovery:start", { discoveryId: "live", login: { host } }),
    keep,
    hasCluster: () => kept !== null,
    cluster,
    change: async (member, settings) => {
      const now = cluster();
      const members = now.members.map((one) =>
        one.member === member ? { ...one, settings: { ...one.settings, ...settings } } : one,
      );
      await ask("cluster:forget", { clusterId });
      await keep({ ...now, members }, kept?.name ?? "");
    },
    read,
    until: async (wanted, withinMs = 90_000) => {
      for (const end = Date.now() + withinMs; ; await pause(200)) {
        const assessment = await read();
        if (await wanted(assessment)) return assessment;
        if (Date.now() > end) throw new Error(`not so within ${withinMs} ms; last:\n${told(assessment)}`);
      }
    },
    explained: async () => {
      const { lines } = await ask("logs:read", { clusterId, mostLines: 2_000 });
      return [...new Set(lines.flatMap(({ explanation }) => explanation?.code ?? []))].sort();
    },
    plan,
    begin,
    run: runNow,
    ended,
    recover: async (action, target) => ended(await begin(action, target)),
    close: async () => {
      await core.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Takes back what a scenario did, the last first, and leaves the list empty; what fails keeps nothing else from being taken back. */
export async function mendAll(mends: (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const mend of mends.splice(0).reverse()) await mend().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join("\n"));
}

/** The codes of findings of a level, without those folded under another. */
export function verdict(assessment: Assessment): readonly string[] {
  return assessment.findings
    .filter(({ explainedBy }) => explainedBy === null)
    .map(({ code, level }) => `${level} ${code}`)
    .sort();
}

/** What became of a run: its state, and where it stopped when it did not end well. */
export function outcome(run: RunRecord): unknown {
  if (run.state === "done") return "done";
  return {
    state: run.state,
    verdict: run.verdict,
    steps: run.steps.map(({ step, state, reason, output }) => ({ title: step.title, state, reason, output })),
  };
}

function told(assessment: Assessment): string {
  const roles = assessment.members.map(({ member, role }) => ({
    member,
    role: role.state === "known" ? role.value : role.reason,
  }));
  return JSON.stringify({ level: assessment.level, findings: assessment.findings, roles }, null, 1);
}
