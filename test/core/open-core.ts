import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Assessment } from "../../contract/assessment";
import type { Gives, RequestName, Takes } from "../../contract/channels";
import type { Cluster } from "../../contract/inventory";
import type { RunRecord } from "../../contract/recovery";
import { createCore } from "../../main/core";
import { noKeyStorage } from "../../main/store/secrets";

/** The whole core without a window, as tests use it: every request of the view, and the few walks they all take. */
export interface OpenCore {
  readonly directory: string;
  /** Where reports are saved. */
  readonly reportPath: string;
  /** Throws the refusal of a request. */
  ask<N extends RequestName>(name: N, argument: Takes<N>): Promise<Gives<N>>;
  /** Discovers from one host, keeps the cluster of that engine under the name, and gives it. */
  add(host: string, engine: string, name: string): Promise<Cluster>;
  /** Reads the cluster now. */
  read(clusterId: string): Promise<Assessment>;
  /** Plans, approves as a person must, and waits until the run has ended. */
  recover(clusterId: string, action: string, target: string): Promise<RunRecord>;
  close(): Promise<void>;
}

export function openCore(sshConfigPath: string): OpenCore {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-core-"));
  const reportPath = join(directory, "report.html");
  const core = createCore({
    userDataDirectory: directory,
    version: "0.0.0",
    electron: "none",
    shell: {
      keyStorage: noKeyStorage,
      chooseSavePath: () => Promise.resolve(reportPath),
      chooseOpenPath: () => Promise.resolve(null),
    },
    sshConfigPath,
    interactive: false,
    watch: false,
    mayRecover: true,
  });

  async function ask<N extends RequestName>(name: N, argument: Takes<N>): Promise<Gives<N>> {
    const reply = await core.handle(name, argument);
    if (!reply.ok) throw new Error(`${name}: ${reply.kind} ${JSON.stringify(reply.sentence)}`);
    return reply.value;
  }

  return {
    directory,
    reportPath,
    ask,
    add: async (host, engine, name) => {
      const found = await ask("discovery:start", { discoveryId: name, login: { host } });
      const cluster = found.clusters.find((one) => one.engine === engine);
      if (cluster === undefined) throw new Error(`no ${engine} was found: ${JSON.stringify(found.problems)}`);
      const { clusterId } = await ask("discovery:keep", { name, cluster });
      const { nodes, members } = cluster;
      return { clusterId, name, engine, nodes, members, addedAt: 0 };
    },
    read: async (clusterId) => {
      await ask("cluster:refresh", { clusterId });
      const assessment = await ask("cluster:read", { clusterId });
      if (assessment === null) throw new Error("nothing was read");
      return assessment;
    },
    recover: async (clusterId, action, target) => {
      const answer = await ask("recovery:plan", { clusterId, action, target });
      if (answer.state === "refused") throw new Error(JSON.stringify(answer.objections));
      const { planId, fingerprint, confirmation } = answer.plan;
      const typed = confirmation.kind === "type" ? confirmation.text : "";
      const begun = await ask("recovery:approve", { planId, fingerprint, typed, reason: "a test" });
      for (;;) {
        const run = (await ask("recovery:runs", { clusterId })).find(({ runId }) => runId === begun.runId);
        if (run !== undefined && run.endedAt !== null) return run;
        await pause(200);
      }
    },
    close: async () => {
      await core.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
