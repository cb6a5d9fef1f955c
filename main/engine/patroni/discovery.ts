import { sentence, type Sentence } from "../../../contract/sentence";
import { urlOf } from "../../probe/parse/url";
import type { NodeAccess } from "../../ssh/access";
import type { Discovery, DiscoveryAsk, HostProcess, Sighted } from "../engine";
import { isLoopback } from "../loopback";
import { controlText } from "../service";
import { parseCluster, parseStatus, type ListedMember } from "./answers";
import { configurationScript, parseConfiguration, type Configuration } from "./configuration";
import { rest, serverLoginOf, type PatroniSite } from "./settings";

export const patroniDiscovery: Discovery = {
  // Run from a script Patroni has its own name, run as a module Python's.
  processNames: ["patroni", "python*", "postgres", "postmaster"],
  look: async (access, ask) => {
    const processes = await ask.processes();
    const sighted = await Promise.all(
      processes.filter(isPatroni).map((process) => lookAt(access, ask, process, processes)),
    );
    return {
      members: sighted.flatMap((one) => one.members),
      peers: sighted.flatMap((one) => one.peers),
      problems: sighted.flatMap((one) => one.problems),
    };
  },
};

/**
 * `python3 /usr/bin/patroni /etc/patroni/config.yml` or `python3 -m patroni …`; not patronictl, not patroni_aws, and not a PostgreSQL whose
 * data directory has the name.
 */
function isPatroni({ name, argv }: HostProcess): boolean {
  const [, first = "", second = ""] = argv;
  return (
    name === "patroni" ||
    (name.startsWith("python") && (/\/patroni(\.py)?$/.test(first) || (first === "-m" && second === "patroni")))
  );
}

async function lookAt(
  access: NodeAccess,
  ask: DiscoveryAsk,
  process: HostProcess,
  processes: readonly HostProcess[],
): Promise<Sighted> {
  const file =
    process.argv.slice(1).findLast((word) => /\.ya?ml$|^\//.test(word) && !/patroni(\.py)?$/.test(word)) ?? "";
  const output = await access.run(
    { argv: ["/bin/sh", "-c", configurationScript, "sh", String(process.pid), file] },
    { deadlineMs: 15_000, maxBytes: 1 << 18 },
  );
  const configuration = parseConfiguration(output.stdout);
  const problems: Sentence[] = configuration.isReadable
    ? []
    : [sentence("patroni/configuration-closed", { node: access.node })];
  const server = serverOf(process, processes, configuration);
  const settings = settingsOf(access, ask, process, configuration, server);
  const site: PatroniSite = { member: "", node: access.node, settings };
  const member = { node: access.node, settings };
  try {
    const status = parseStatus(await ask.call(rest(site, "GET", "/patroni")));
    const { members } = parseCluster(await ask.call(rest(site, "GET", "/cluster")));
    const own = members.find((listed) => isOwn(listed, settings, ask.address));
    const { scope } = status;
    const found = {
      ...settings,
      scope,
      name: own?.name ?? settings.name,
      postgresHost: own?.host ?? settings.postgresHost,
      postgresPort: own?.port ?? settings.postgresPort,
    };
    return {
      members: [
        {
          clusterKeys: keysOf(found, access.node, ask.address, members),
          clusterName: scope,
          member: { ...member, settings: await withLogin(ask, access, found) },
        },
      ],
      peers: members.filter((one) => one !== own).map((one) => ({ names: namesOf(one) })),
      problems,
    };
  } catch (error) {
    problems.push(ask.reasonOf(error));
    // Its configuration tells whom it belongs with, though it does not answer: it may hang, or want a certificate.
    if (settings.scope === "") return { members: [], peers: [], problems };
    const clusterKeys = keysOf(settings, access.node, ask.address, []);
    const configured = configuredIn(configuration, settings.scope);
    return { members: [{ clusterKeys, clusterName: settings.scope, configured, member }], peers: [], problems };
  }
}

/**
 * Many clusters have the same scope, in stores or namespaces of their own, and members that are named alike. What a store holds under the
 * one scope is the list of its members, so those belong together that list each other's servers, also by a list that is old. The system
 * identifier is no such proof: a standby cluster has that of the one it follows. One that does not answer is listed by the others, be it
 * by the address it is configured with, or by what it is reached at from here where its configuration may not be read.
 */
function keysOf(
  { scope, postgresHost, postgresPort }: PatroniSite["settings"],
  node: string,
  address: string,
  listed: readonly ListedMember[],
): readonly string[] {
  const own = [postgresHost, address, node].map((host) => ({ host, port: postgresPort }));
  const keys = [...own, ...listed].flatMap(({ host, port }) => {
    if (host === null || port === null) return [];
    return isLoopback(host) ? `${scope} ${node} ${host}:${port}` : `${scope} ${host}:${port}`;
  });
  return [...new Set(keys)];
}

/**
 * Members of one cluster have one place in one store, though each may be given other addresses of it. One at loopback is every host's own,
 * and tells no two stores apart.
 */
function configuredIn(
  { namespace, store }: Configuration,
  scope: string,
): { readonly name: string; readonly places: readonly string[] } {
  const name = `${scope} ${namespace ?? ""}`;
  const hosts = (store?.hosts ?? []).filter((text) => !isLoopback(addressOf(text, 0).host));
  return { name, places: hosts.map((host) => `${name} ${store?.kind ?? ""} ${host}`) };
}

/** The postmaster that this Patroni keeps, by the data directory where that is known. */
function serverOf(
  patroni: HostProcess,
  processes: readonly HostProcess[],
  { dataDirectory }: Configuration,
): { readonly dataDirectory: string; readonly port: number; readonly scope: string } {
  const given = (process: HostProcess, name: string): string =>
    process.argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? "";
  const directoryOf = ({ argv }: HostProcess): string => argv[argv.indexOf("-D") + 1] ?? "";
  const found = processes.find(
    (process) =>
      process.argv.includes("-D") &&
      given(process, "config-file") !== "" &&
      (dataDirectory === null ? process.account === patroni.account : directoryOf(process) === dataDirectory),
  );
  return {
    dataDirectory: dataDirectory ?? (found === undefined ? "" : directoryOf(found)),
    port: Number((found === undefined ? "" : given(found, "port")) || "0"),
    // Patroni names the server after the scope unless told otherwise.
    scope: found === undefined ? "" : given(found, "cluster_name"),
  };
}

function settingsOf(
  access: NodeAccess,
  ask: DiscoveryAsk,
  process: HostProcess,
  configuration: Configuration,
  server: ReturnType<typeof serverOf>,
): PatroniSite["settings"] {
  const listen = addressOf(configuration.listen ?? "0.0.0.0:8008", 8008);
  const postgres = addressOf(configuration.postgresAddress ?? ask.address, server.port === 0 ? 5432 : server.port);
  const store = storeOf(configuration, addressOf(configuration.connectAddress ?? ask.address, 8008).host);
  return {
    host: dialled(listen.host),
    port: listen.port,
    tls: configuration.isTls,
    serverName: "",
    caFile: "",
    certFile: "",
    keyFile: "",
    changesNeedLogin: configuration.changesNeedLogin,
    scope: configuration.scope ?? server.scope,
    name: configuration.name ?? access.node,
    postgresHost: postgres.host,
    postgresPort: postgres.port,
    socketDirectory: (configuration.socketDirectory ?? "/run/postgresql").split(",")[0] ?? "",
    dataDirectory: server.dataDirectory,
    user: "postgres",
    database: "postgres",
    account: process.account === "" ? "postgres" : process.account,
    control: controlText(process.service),
    processName: process.name,
    logFile: process.outputFile,
    storeKind: configuration.store?.kind ?? "",
    storeHost: store?.host ?? "",
    storePort: store?.port ?? 0,
  };
}

/** The store's address on this very host where it has one, else its first; none where it would take certificates or another language. */
function storeOf(
  { store }: Configuration,
  ownAddress: string,
): { readonly host: string; readonly port: number } | null {
  if (store === null || store.isTls || !["etcd", "etcd3", "consul"].includes(store.kind)) return null;
  const hosts = store.hosts.map((text) => addressOf(text, store.kind === "consul" ? 8500 : 2379));
  return hosts.find(({ host }) => host === ownAddress || isLoopback(host)) ?? hosts[0] ?? null;
}

/** The socket where the server sees the login's own account and needs no password, else TCP. */
async function withLogin(
  ask: DiscoveryAsk,
  access: NodeAccess,
  settings: PatroniSite["settings"],
): Promise<PatroniSite["settings"]> {
  const state = access.state();
  const overTcp = { ...settings, socketDirectory: "" };
  if (state.state !== "ready" || state.account !== settings.account) return overTcp;
  try {
    const login = serverLoginOf({ member: "", node: access.node, settings });
    await ask.call({ kind: "postgres", login, statement: "SELECT 1" });
    return settings;
  } catch {
    // Asking PostgreSQL itself is one witness of several; which way it takes is tried again in every reading.
    return overTcp;
  }
}

function isOwn(listed: ListedMember, settings: PatroniSite["settings"], address: string): boolean {
  if (listed.name === settings.name) return true;
  return [settings.postgresHost, address].includes(listed.host ?? "") && listed.port === settings.postgresPort;
}

/** What another member's host may be known by: its name in the cluster first, its address last. */
function namesOf({ name, host, apiUrl }: ListedMember): readonly string[] {
  const api = apiUrl === null ? "" : (urlOf(apiUrl)?.hostname.replace(/^\[|\]$/g, "") ?? "");
  return [...new Set([name, host ?? "", api])].filter((one) => one !== "" && !isLoopback(one));
}

/** `10.0.0.41:8008`, `[::1]:8008`, `db-1` */
function addressOf(text: string, standardPort: number): { readonly host: string; readonly port: number } {
  const [, host = text, port] = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(text) ?? [];
  return { host: host.replace(/^\[|\]$/g, ""), port: port === undefined ? standardPort : Number(port) };
}

/** A service that listens everywhere is dialled at its host's own loopback. */
function dialled(host: string): string {
  if (["0.0.0.0", "*", "", "localhost"].includes(host)) return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
