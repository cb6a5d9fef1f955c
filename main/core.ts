import { randomUUID } from "node:crypto";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import type { EventName, EventPayload } from "../contract/channels";
import { hostKeyRecordSchema } from "../contract/host-keys";
import { importedHostSchema, type ImportedHost } from "../contract/hosts";
import { clusterSchema, type Cluster, type Login } from "../contract/inventory";
import { preferencesSchema, standardPreferences } from "../contract/preferences";
import { sentence } from "../contract/sentence";
import { systemClock } from "./clock";
import { openCoreJournal } from "./core-journal";
import type { Core, CoreListener, CoreParts } from "./core-port";
import type { AnyEngine } from "./engine/engine";
import { engines, hostEngine } from "./engine/registry";
import { unknownEngine } from "./engine/unknown-engine";
import { answer, RequestError } from "./ipc/answer";
import { createHandlers } from "./ipc/handlers";
import { createHostKeyDesk } from "./ipc/host-keys";
import { withImported } from "./ipc/imports";
import { answerFromKept } from "./ipc/kept-secrets";
import { createPasswords } from "./ipc/passwords";
import { createQuestions } from "./ipc/questions";
import { createMonitor } from "./monitor/monitor";
import { createPerformer } from "./probe/perform";
import { createTakeReadings } from "./probe/run-probes";
import { createWire } from "./probe/wire/wire";
import { createRunner } from "./recovery/runner";
import { beatMs, createTrust } from "./recovery/trust";
import { hostKeyCheck } from "./ssh/host-keys";
import { hasTicket } from "./ssh/kerberos-ticket";
import { createAccess } from "./ssh/pool";
import { createSessionSecrets } from "./ssh/session-secrets";
import type { ResolvedLogin } from "./ssh/resolved-login";
import { resolveLogin } from "./ssh/resolve-login";
import { configFiles, readSshConfig } from "./ssh/ssh-config";
import { withSecurityKeys } from "./ssh/security-keys";
import { createSystemSsh } from "./ssh/system-ssh";
import { reachedAs } from "./ssh/way";
import { openAuditLog } from "./store/audit-log";
import { createDamageLog } from "./store/damage-log";
import { createHistory } from "./store/history";
import { openDocument } from "./store/durable-file";
import { createSecretVault } from "./store/secrets";

/** A question waits this long for the person at the desktop. */
const questionWaitMs = 60_000;
const lookEveryMs = 500;
/** About three thousand series; what is beyond is said to be full. */
const historyMaxBytes = 512 * 2 ** 20;

/** Builds the parts in order; the only place where instances are made. Throws where its directory cannot be used. */
export function createCore(parts: CoreParts): Core {
  const clock = systemClock;
  const listeners = new Set<CoreListener>();
  const announce = <N extends EventName>(name: N, payload: EventPayload<N>): void =>
    listeners.forEach((listener) => listener(name, payload));

  const at = (file: string): string => join(parts.userDataDirectory, file);
  const damage = createDamageLog(parts.userDataDirectory, () => announce("damage:changed", [...damage.unseen()]));
  const care = { nowMs: () => clock.nowMs(), noted: damage.note };
  const inventory = openDocument<Cluster[]>(at("inventory.json"), z.array(clusterSchema), [], care);
  const preferences = openDocument(at("preferences.json"), preferencesSchema, standardPreferences, {
    ...care,
    // Whether it was read only is what may have been lost.
    standIn: (one) => ({ ...one, readOnly: true }),
  });
  const history = createHistory({ path: at("history.sqlite"), nowMs: () => clock.nowMs(), maxBytes: historyMaxBytes });
  const questions = createQuestions({
    newId: randomUUID,
    raised: (question) => announce("question:raised", question),
    settled: (questionId) => announce("question:settled", { questionId }),
    waitMs: parts.interactive ? questionWaitMs : 0,
  });

  const vault = createSecretVault({
    path: at("secrets.json"),
    storage: parts.shell.keyStorage,
    nowMs: () => clock.nowMs(),
  });
  const kept = answerFromKept(questions, vault, (why) => announce("secret:not-kept", why));

  const desktop = { homeDirectory: homedir(), user: userInfo().username, environment: process.env };
  const config = (): ReturnType<typeof readSshConfig> => readSshConfig(parts.sshConfigPath, desktop);
  const hosts = openDocument<ImportedHost[]>(at("hosts.json"), z.array(importedHostSchema), [], care);
  const resolve = async (login: Login): Promise<ResolvedLogin> =>
    resolveLogin(await config(), withImported(hosts.read(), login));
  const secrets = createSessionSecrets();
  const access = createAccess({
    clock,
    secrets,
    random: Math.random,
    newNonce: randomUUID,
    asker: kept,
    hostKeys: hostKeyCheck,
    // What it is given to know is a whole login already, which the system's ssh is started with as well.
    resolve: async (login) => withSecurityKeys(resolveLogin(await config(), login)),
    hasTicket: () => hasTicket(process.env),
    systemSsh: createSystemSsh({
      configFiles: configFiles(parts.sshConfigPath, desktop),
      runtimeDirectory: process.env.XDG_RUNTIME_DIR ?? tmpdir(),
      environment: process.env,
      platform: process.platform,
    }),
  });
  const passwords = createPasswords(kept);
  const wire = createWire(passwords);
  const trust = createTrust({
    clock,
    tilted: () => {
      runner.dropPlans();
      monitor.distrust();
    },
  });
  const beat = setInterval(() => trust.beat(), beatMs);
  const monitor = createMonitor({
    clock,
    access,
    take: createTakeReadings({ clock, wire }),
    engineOf,
    host: hostEngine,
    pauseMs: () => preferences.read().cycleSeconds * 1000,
    watch: parts.watch,
    announce: (assessment, begunAt) => {
      if (begunAt !== null) trust.roundRead(assessment.clusterId, begunAt);
      // A one-shot command reads beside the app that keeps the history.
      if (parts.watch) history.note(assessment);
      announce("assessment:changed", assessment);
      announce("fleet:changed", handlers.fleet());
    },
  });
  const recovery = openCoreJournal(parts.userDataDirectory, parts.mayRecover, clock);
  const clusterOf = (clusterId: string): Cluster | null =>
    inventory.read().find((cluster) => cluster.clusterId === clusterId) ?? null;
  const runner = createRunner({
    journal: recovery.journal,
    observer: monitor,
    performer: createPerformer({ access, wire, clock }),
    newId: randomUUID,
    clock,
    trust,
    pause,
    clusterOf,
    reachedAs: async (cluster, node) => {
      const login = cluster.nodes.find((one) => one.node === node)?.login;
      if (login === undefined) throw new RequestError("not-found", sentence("request/node-unknown", { node }));
      return reachedAs(access.node(node), () => resolve(login));
    },
    operator: desktop.user,
    isReadOnly: () => preferences.read().readOnly,
    engineOf,
    announce: (run) => announce("run:changed", run),
    lookEveryMs,
    barred: recovery.barred,
    isAlone: recovery.isAlone,
  });
  const handlers = createHandlers({
    core: parts,
    clock,
    inventory,
    preferences,
    damage,
    history,
    questions,
    access,
    secrets,
    passwords,
    vault,
    hostKeys: createHostKeyDesk({
      clock,
      asker: kept,
      secrets,
      resolve,
      log: openAuditLog(at("host-keys.log"), hostKeyRecordSchema),
      operator: desktop.user,
    }),
    hosts,
    config,
    sshConfigPath: parts.sshConfigPath ?? join(desktop.homeDirectory, ".ssh", "config"),
    wire,
    monitor,
    runner,
    announce,
  });
  for (const cluster of inventory.read()) handlers.begin(cluster);

  return {
    power: (state) => (state === "suspended" ? trust.suspended() : trust.resumed()),
    handle: (name, argument) => answer(handlers.requests, name, argument),
    onEvent: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      clearInterval(beat);
      monitor.close();
      questions.close();
      // What is on the way to the disk does not wait for hosts that may not answer any more.
      await history.close();
      wire.close();
      await access.close();
      secrets.wipe();
      await kept.close();
      vault.close();
      recovery.close();
    },
  };
}

/** Always one: a cluster kept by a newer version must not keep the others from being read. */
function engineOf({ engine }: Cluster): AnyEngine {
  return engines.find(({ id }) => id === engine) ?? unknownEngine(engine);
}
