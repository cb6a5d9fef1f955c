import { randomUUID } from "node:crypto";
import { userInfo } from "node:os";
import type { Assessment, ClusterSummary } from "../../contract/assessment";
import type { EventName, EventPayload, Gives, Takes } from "../../contract/channels";
import { worstFirst } from "../../contract/findings";
import type { ImportedHost } from "../../contract/hosts";
import type { Cluster, EngineDescription, KnownHost, Login } from "../../contract/inventory";
import type { Preferences } from "../../contract/preferences";
import type { Report } from "../../contract/report";
import { sentence } from "../../contract/sentence";
import { catalogues } from "../catalogue";
import type { Clock } from "../clock";
import type { CoreParts } from "../core-port";
import { discover } from "../discover/discover";
import { listProcesses } from "../discover/processes";
import { engines } from "../engine/registry";
import { readHosts } from "../import/read-hosts";
import { readLogs } from "../logs/read-logs";
import { siteOf } from "../monitor/gather";
import type { Monitor } from "../monitor/monitor";
import { reasonOf } from "../probe/run-probes";
import type { Wire } from "../probe/wire/wire";
import type { Runner } from "../recovery/runner";
import { buildReport } from "../report/build-report";
import { reportAsHtml } from "../report/as-html";
import { reportAsJson } from "../report/as-json";
import type { Access } from "../ssh/access";
import type { SessionSecrets } from "../ssh/session-secrets";
import { listHosts, resolveLogin } from "../ssh/resolve-login";
import type { SshConfig } from "../ssh/ssh-config";
import type { DamageLog } from "../store/damage-log";
import type { HistoryStore } from "../store/history";
import { writeWhole, type Document } from "../store/durable-file";
import type { SecretVault } from "../store/secrets";
import { RequestError, type Handlers } from "./answer";
import type { HostKeyDesk } from "./host-keys";
import { createImportDesk, withImported } from "./imports";
import { changeLogins, keptLogins, refuseOtherLogin } from "./logins";
import type { Passwords } from "./passwords";
import type { Questions } from "./questions";

export interface HandlerParts {
  readonly core: CoreParts;
  readonly clock: Clock;
  readonly inventory: Document<Cluster[]>;
  readonly preferences: Document<Preferences>;
  readonly damage: DamageLog;
  readonly history: HistoryStore;
  readonly questions: Questions;
  readonly access: Access;
  readonly secrets: SessionSecrets;
  readonly passwords: Passwords;
  readonly vault: SecretVault;
  readonly hostKeys: HostKeyDesk;
  readonly hosts: Document<ImportedHost[]>;
  readonly config: () => Promise<SshConfig>;
  readonly sshConfigPath: string;
  readonly wire: Wire;
  readonly monitor: Monitor;
  readonly runner: Runner;
  readonly announce: <N extends EventName>(name: N, payload: EventPayload<N>) => void;
}

export interface CoreHandlers {
  readonly requests: Handlers;
  readonly fleet: () => ClusterSummary[];
  /** Makes a cluster's hosts known and begins to read it. */
  readonly begin: (cluster: Cluster) => void;
}

const discoveryCallMs = 10_000;
/** What every engine together looks for among a host's processes. */
const processNames = [...new Set(engines.flatMap((engine) => engine.discovery?.processNames ?? []))];

/** From the name of a request to what the core does for it. */
export function createHandlers(parts: HandlerParts): CoreHandlers {
  const clusterOf = (clusterId: string): Cluster => {
    const cluster = parts.inventory.read().find((one) => one.clusterId === clusterId);
    if (cluster === undefined)
      throw new RequestError("not-found", sentence("request/cluster-unknown", { cluster: clusterId }));
    return cluster;
  };
  const begun = new Set<string>();
  const begin = (cluster: Cluster): void => {
    begun.add(cluster.clusterId);
    const logins = keptLogins(parts.inventory.read());
    for (const { node, login } of cluster.nodes)
      parts.access.know(node, withImported(parts.hosts.read(), logins.get(node) ?? login));
    parts.monitor.add(cluster);
  };
  const recovering = (): Cluster | null =>
    parts.inventory.read().find(({ clusterId }) => parts.runner.isUnderWay(clusterId)) ?? null;
  /** What to do about an open run comes to nothing where the journal keeps the app from it; the command line leaves it to the app anyway. */
  const refusalBy = (open: Cluster, code: string): RequestError => {
    const barred = parts.core.mayRecover ? parts.runner.barred() : null;
    return new RequestError("refused", barred ?? sentence(code, { name: open.name }));
  };
  const refuseWhileRecovering = (code: string): void => {
    const open = recovering();
    if (open !== null) throw refusalBy(open, code);
  };
  let followed = { hosts: parts.hosts.read(), clusters: parts.inventory.read() };
  /** Nodes get links to where their names point now, also when another process imported or changed a login; never under a recovery. */
  const followHosts = (): void => {
    const now = { hosts: parts.hosts.read(), clusters: parts.inventory.read() };
    if ((now.hosts === followed.hosts && now.clusters === followed.clusters) || recovering() !== null) return;
    followed = now;
    for (const [node, login] of keptLogins(now.clusters)) parts.access.know(node, withImported(now.hosts, login));
  };
  const fleet = (): ClusterSummary[] => {
    followHosts();
    const clusters = parts.inventory.read();
    // Another process, such as the command line beside the open app, may have added some.
    clusters.filter(({ clusterId }) => !begun.has(clusterId)).forEach(begin);
    return clusters.map((cluster) => summaryOf(parts, cluster));
  };
  const imports = createImportDesk({
    hosts: parts.hosts,
    clusters: () => parts.inventory.read(),
    choosePath: () => parts.core.shell.chooseOpenPath(),
    read: (path, format) =>
      readHosts(path, format, {
        path: parts.sshConfigPath,
        aliases: async () => listHosts(await parts.config()).map(({ alias }) => alias),
      }),
    newId: randomUUID,
    refuseWhileRecovering: () => refuseWhileRecovering("request/import-recovering"),
    changed: followHosts,
  });

  const requests: Handlers = {
    "about:read": () =>
      Promise.resolve({ version: parts.core.version, electron: parts.core.electron, engines: engines.map(describe) }),
    "catalogue:read": ({ language }) => Promise.resolve({ ...catalogues[language] }),
    "preferences:read": () => Promise.resolve(parts.preferences.read()),
    "preferences:write": (preferences) => {
      parts.preferences.write(preferences);
      parts.announce("preferences:changed", preferences);
      return Promise.resolve(preferences);
    },
    "damage:read": () => Promise.resolve([...parts.damage.unseen()]),
    "damage:acknowledge": ({ damageId }) => {
      parts.damage.acknowledge(damageId);
      return Promise.resolve([...parts.damage.unseen()]);
    },
    "fleet:read": () => Promise.resolve(fleet()),
    "cluster:read": ({ clusterId }) => Promise.resolve(parts.monitor.latest(clusterOf(clusterId).clusterId)),
    "cluster:refresh": ({ clusterId }) => {
      followHosts();
      parts.access.hurry(clusterOf(clusterId).nodes.map(({ node }) => node));
      return parts.monitor.refresh(clusterId);
    },
    "cluster:forget": async ({ clusterId }) => {
      const cluster = clusterOf(clusterId);
      if (parts.runner.isUnderWay(clusterId)) throw refusalBy(cluster, "request/run-open");
      parts.inventory.update((now) => now.filter((one) => one.clusterId !== clusterId));
      parts.monitor.remove(clusterId);
      await parts.history.forget(clusterId);
      const stillUsed = new Set(parts.inventory.read().flatMap(({ nodes }) => nodes.map(({ node }) => node)));
      await Promise.all(
        cluster.nodes.filter(({ node }) => !stillUsed.has(node)).map(({ node }) => parts.access.forget(node)),
      );
      parts.announce("fleet:changed", fleet());
    },
    "evidence:read": ({ clusterId, evidenceId }) => Promise.resolve(parts.monitor.evidence(clusterId, evidenceId)),
    "logs:read": async ({ clusterId, mostLines }) => {
      const cluster = clusterOf(clusterId);
      const engine = engines.find(({ id }) => id === cluster.engine);
      if (engine === undefined)
        throw new RequestError("not-found", sentence("request/engine-unknown", { engine: cluster.engine }));
      const { access, clock } = parts;
      const clockOffsetMs = (node: string): number | null => offsetOf(parts.monitor.latest(clusterId), node);
      return readLogs(
        { access, siteOf, clockOffsetMs, nowMs: () => clock.nowMs() },
        engine,
        cluster.members,
        mostLines,
      );
    },
    "history:read": ({ clusterId, series, fromMs }) =>
      parts.history.read(clusterOf(clusterId).clusterId, series, fromMs, parts.preferences.read().cycleSeconds * 1000),
    "hosts:list": async () => [...knownHosts(parts, await parts.config())],
    "hosts:preview-import": ({ format }) => imports.preview(format),
    "hosts:accept-import": ({ importId }) => Promise.resolve(imports.accept(importId)),
    "discovery:start": (argument) => find(parts, argument),
    "discovery:keep": ({ name, cluster }) => {
      const { engine, members } = cluster;
      const logins = keptLogins(parts.inventory.read());
      const nodes = cluster.nodes.map(({ node, login }) => ({ node, login: logins.get(node) ?? login }));
      const added: Cluster = { clusterId: randomUUID(), name, engine, nodes, members, addedAt: parts.clock.nowMs() };
      parts.inventory.update((now) => {
        if (now.some((one) => one.name === name))
          throw new RequestError("refused", sentence("request/cluster-name-taken", { name }));
        return [...now, added];
      });
      begin(added);
      parts.announce("fleet:changed", fleet());
      return Promise.resolve({ clusterId: added.clusterId });
    },
    "host-key:read": ({ login }) => parts.hostKeys.read(login),
    "host-key:replace": (replacement) => parts.hostKeys.replace(replacement),
    "logins:read": ({ clusterId }) => Promise.resolve(clusterOf(clusterId).nodes),
    "logins:change": ({ clusterId, ...asked }) => {
      const changed = changeLogins(parts.inventory, clusterOf(clusterId), asked, () =>
        refuseWhileRecovering("request/login-recovering"),
      );
      followHosts();
      // What the new logins show is announced when it was read; the answer does not wait for it.
      if (parts.core.watch) for (const one of changed) parts.monitor.refreshSoon(one.clusterId);
      return Promise.resolve(clusterOf(clusterId).nodes);
    },
    "logins:stopped": () => Promise.resolve([...parts.secrets.stopped()]),
    "logins:ask-again": () => {
      parts.secrets.askAgain();
      parts.passwords.askAgain();
      return Promise.resolve();
    },
    "secrets:read": () => parts.vault.read(),
    "secrets:forget": async ({ name }) => {
      await parts.vault.forget(name);
      return parts.vault.read();
    },
    "question:list": () => Promise.resolve([...parts.questions.open()]),
    "question:answer": ({ questionId, answer }) =>
      parts.questions.answer(questionId, answer)
        ? Promise.resolve()
        : Promise.reject(new RequestError("not-found", sentence("request/question-gone"))),
    "recovery:plan": ({ clusterId, action, target }) => {
      followHosts();
      return parts.runner.plan(clusterOf(clusterId), action, target);
    },
    "recovery:plan-undo": ({ runId }) => {
      followHosts();
      return parts.runner.planUndo(runId);
    },
    "recovery:approve": ({ planId, fingerprint, typed, reason }) =>
      parts.runner.approve(planId, fingerprint, typed, reason),
    "recovery:stop": ({ runId }) => Promise.resolve(parts.runner.stop(runId)),
    "recovery:resolve": ({ runId }) => parts.runner.resolve(runId),
    "recovery:acknowledge": ({ runId, note }) => Promise.resolve(parts.runner.acknowledge(runId, note)),
    "recovery:journal": () =>
      Promise.resolve({ barred: parts.runner.barred(), problem: parts.runner.journalProblem() }),
    "recovery:runs": ({ clusterId }) => Promise.resolve([...parts.runner.runs(clusterId)]),
    "report:export": (argument) => exportReport(parts, clusterOf(argument.clusterId), argument),
  };
  return { requests, fleet, begin };
}

/** Imported hosts stand before aliases of ssh_config, as they do when a login is resolved. */
function knownHosts(parts: HandlerParts, config: SshConfig): readonly KnownHost[] {
  const imported = parts.hosts.read().map(({ name, login }) => {
    const { hostName, user, port } = resolveLogin(config, login);
    return { alias: name, hostName, user, port };
  });
  const names = new Set(imported.map(({ alias }) => alias));
  return [...imported, ...listHosts(config).filter(({ alias }) => !names.has(alias))];
}

async function find(
  parts: HandlerParts,
  { discoveryId, login }: Takes<"discovery:start">,
): Promise<Gives<"discovery:start">> {
  const config = await parts.config();
  const hosts = knownHosts(parts, config);
  // Read at each host: a login that is changed while a cluster is looked for must not be set back.
  const kept = (node: string): Login | undefined => keptLogins(parts.inventory.read()).get(node);
  refuseOtherLogin(kept(login.host), login);
  return discover(
    {
      engines,
      reach: async (node) => {
        const login = withImported(parts.hosts.read(), kept(node.node) ?? node.login);
        parts.access.know(node.node, login);
        return Promise.resolve({
          access: parts.access.node(node.node),
          address: resolveLogin(config, login).hostName,
        });
      },
      aliasOf: (name) => hosts.find(({ alias, hostName }) => alias === name || hostName === name)?.alias ?? null,
      asks: (access, address) => ({
        address,
        processes: oncePer(() => listProcesses(access, processNames)),
        call: (call) => parts.wire.call(access, call, discoveryCallMs),
        reasonOf: (error) => reasonOf(error, access.node),
      }),
      reasonOf,
      progress: (line) => parts.announce("discovery:progress", { discoveryId, line }),
    },
    discoveryId,
    login,
  );
}

/** Asks at the first call and gives the same answer to all. */
function oncePer<T>(work: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | null = null;
  return () => (answer ??= work());
}

/** From the host's own figure, so that logs are corrected by what is shown. */
function offsetOf(assessment: Assessment | null, node: string): number | null {
  const figures = assessment?.nodes.find((one) => one.node === node)?.figures ?? [];
  const offset = figures.find(({ name }) => name === "linux/figure.clockOffset")?.figure;
  return offset?.state === "known" && typeof offset.value === "number" ? offset.value : null;
}

function describe(engine: (typeof engines)[number]): EngineDescription {
  const settings = Object.entries(engine.settings).map(([name, field]) => ({
    name,
    kind: field.kind,
    secret: field.secret ?? false,
  }));
  return { engine: engine.id, settings, findings: [...engine.findings], recoveries: [...engine.recoveries] };
}

function summaryOf(parts: HandlerParts, cluster: Cluster): ClusterSummary {
  const assessment = parts.monitor.latest(cluster.clusterId);
  return {
    clusterId: cluster.clusterId,
    name: cluster.name,
    engine: cluster.engine,
    memberCount: cluster.members.length,
    nodeCount: cluster.nodes.length,
    reachableNodeCount:
      assessment === null
        ? null
        : assessment.nodes.filter(({ reachability }) => reachability.state === "reachable").length,
    level: assessment?.level ?? "unknown",
    unknowns: assessment?.unknowns ?? 0,
    worstFinding: assessment === null ? null : (worstFirst(assessment.findings)[0] ?? null),
    takenAt: assessment?.takenAt ?? null,
    staleAfterMs: assessment?.staleAfterMs ?? 0,
    openRunId: parts.runner.openRun(cluster.clusterId)?.runId ?? null,
  };
}

function readOf({ monitor }: HandlerParts, { clusterId, name }: Cluster): Assessment {
  const assessment = monitor.latest(clusterId);
  if (assessment === null)
    throw new RequestError("unavailable", sentence("request/nothing-read-yet", { cluster: name }));
  return assessment;
}

async function exportReport(
  parts: HandlerParts,
  cluster: Cluster,
  { format, language }: Takes<"report:export">,
): Promise<Gives<"report:export">> {
  readOf(parts, cluster);
  const path = await parts.core.shell.chooseSavePath(`${cluster.name}.${format}`);
  if (path === null) return null;
  // Only now: a person takes their time over the name, and findings and evidence must be of one reading.
  const assessment = readOf(parts, cluster);
  const report: Report = buildReport({
    cluster,
    assessment,
    runs: parts.runner.runs(cluster.clusterId),
    journalHead: parts.runner.journalHead(),
    journalProblem: parts.runner.journalProblem(),
    evidence: assessment.evidence.flatMap(({ id }) => parts.monitor.evidence(cluster.clusterId, id) ?? []),
    generatedAt: parts.clock.nowMs(),
    operator: userInfo().username,
    appVersion: parts.core.version,
    language,
  });
  writeWhole(path, format === "json" ? reportAsJson(report) : reportAsHtml(report, catalogues[language]));
  return { path };
}
