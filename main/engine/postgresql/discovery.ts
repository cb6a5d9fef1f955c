import { sentence, type Sentence } from "../../../contract/sentence";
import type { NodeAccess } from "../../ssh/access";
import type { Discovery, DiscoveryAsk, Sighted } from "../engine";
import { parseRows, type Row } from "../../probe/parse/rows";
import { loginOf } from "./settings";

/** Finds postmasters by the pid file of the directory they run in; their children share the directory and have other numbers. */
const findScript = `
for p in /proc/[0-9]*; do
 name=; read -r name <"$p/comm" || continue
 case $name in postgres|postmaster) ;; *) continue ;; esac
 d=$(readlink "$p/cwd") || { echo closed; continue; }
 [ -r "$d/postmaster.pid" ] || { echo closed; continue; }
 read -r owner <"$d/postmaster.pid"
 [ "$owner" = "\${p#/proc/}" ] || continue
 echo "server $owner"; echo "exe $(readlink "$p/exe")"; echo "account $(stat -c %U "$p")"; echo "output $(readlink "$p/fd/1")"
 [ ! -e "$d/patroni.dynamic.json" ] || echo patroni
 while read -r line; do echo "cgroup $line"; done <"$p/cgroup"
 while read -r line; do echo "pidfile $line"; done <"$d/postmaster.pid"
done 2>/dev/null
`.trim();

export interface FoundServer {
  readonly dataDirectory: string;
  readonly port: number;
  readonly socketDirectory: string;
  readonly listenAddress: string;
  readonly binDirectory: string;
  readonly account: string;
  readonly control: string;
  readonly logFile: string;
  /** Patroni keeps it: it leaves a file of its own in the data directory. */
  readonly isKeptByPatroni: boolean;
}

/**
 * ```
 * server 57
 * exe /usr/lib/postgresql/15/bin/postgres
 * account postgres
 * output /var/log/postgresql/postgresql-15-main.log
 * cgroup 0::/system.slice/system-postgresql.slice/postgresql@15-main.service
 * pidfile 57
 * pidfile /var/lib/postgresql/15/main
 * pidfile 1795496961
 * pidfile 5432
 * pidfile /var/run/postgresql
 * pidfile *
 * ```
 */
export function parseFound(text: string): { readonly servers: readonly FoundServer[]; readonly closedCount: number } {
  const lines = text.split("\n");
  const starts = lines.flatMap((line, index) => (line.startsWith("server ") ? [index] : []));
  const servers = starts.flatMap((start, at): readonly FoundServer[] => {
    const block = lines.slice(start, starts[at + 1] ?? lines.length);
    const valuesOf = (word: string): readonly string[] =>
      block.filter((line) => line.startsWith(`${word} `) || line === word).map((line) => line.slice(word.length + 1));
    const [, dataDirectory = "", , port = "", socketDirectory = "", listenAddress = ""] = valuesOf("pidfile");
    const program = valuesOf("exe")[0] ?? "";
    if (dataDirectory === "" || !/^\d+$/.test(port) || program === "") return [];
    const output = valuesOf("output")[0] ?? "";
    return [
      {
        dataDirectory,
        port: Number(port),
        socketDirectory,
        listenAddress,
        binDirectory: program.replace(/\/[^/]*$/, ""),
        account: valuesOf("account")[0] ?? "postgres",
        control: unitOf(valuesOf("cgroup")) ?? "pg_ctl",
        // A pipe or a socket is no file to append to.
        logFile: output.startsWith("/") && !output.startsWith("/dev/") ? output : "",
        isKeptByPatroni: block.includes("patroni"),
      },
    ];
  });
  return { servers, closedCount: lines.filter((line) => line === "closed").length };
}

/** A systemd unit that is the server's own; a login session's is not. */
function unitOf(cgroups: readonly string[]): string | null {
  for (const line of cgroups) {
    const unit = /\/([^/]+\.service)$/.exec(line)?.[1];
    if (unit !== undefined && /postgres|patroni/i.test(unit)) return unit;
  }
  return null;
}

export const postgresqlDiscovery: Discovery = {
  processNames: ["postgres", "postmaster"],
  look: async (access, ask) => {
    const output = await access.run({ argv: ["/bin/sh", "-c", findScript] }, { deadlineMs: 15_000, maxBytes: 1 << 20 });
    const found = parseFound(output.stdout);
    // A recovery of ours would fight Patroni, which promotes and demotes by its own key; its clusters are found as Patroni's.
    const own = found.servers.filter(({ isKeptByPatroni }) => !isKeptByPatroni);
    const sighted = await Promise.all(own.map((server) => lookAt(access, ask, server)));
    const keptByPatroni = found.servers
      .filter(({ isKeptByPatroni }) => isKeptByPatroni)
      .map(({ dataDirectory }) => sentence("postgresql/left-to-patroni", { node: access.node, dataDirectory }));
    const closed =
      found.servers.length === 0 && found.closedCount > 0
        ? [sentence("postgresql/servers-closed", { node: access.node })]
        : [];
    return {
      members: sighted.flatMap((one) => one.members),
      peers: sighted.flatMap((one) => one.peers),
      problems: [...closed, ...keptByPatroni, ...sighted.flatMap((one) => one.problems)],
    };
  },
};

const identityStatement = `SELECT (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
 current_setting('cluster_name') AS cluster_name,
 substring((SELECT setting FROM pg_settings WHERE name = 'primary_conninfo') FROM '(?:^|\\s)host\\s*=\\s*''?([^''\\s]+)') AS upstream,
 (SELECT sender_host FROM pg_stat_wal_receiver) AS sender_host,
 (SELECT setting FROM pg_settings WHERE name = 'config_file') AS config_file`;
const peersStatement = "SELECT application_name, host(client_addr) AS client_address FROM pg_stat_replication";

async function lookAt(access: NodeAccess, ask: DiscoveryAsk, server: FoundServer): Promise<Sighted> {
  const problems: Sentence[] = [];
  for (const login of loginsFor(access, server)) {
    const settings = { ...login, ...settingsOf(server, ask.address), configFile: "" };
    const asked = loginOf({ member: "", node: access.node, settings });
    try {
      const rows = async (statement: string): Promise<readonly Row[]> =>
        parseRows("the server's identity", await ask.call({ kind: "postgres", login: asked, statement }));
      const [identity] = await rows(identityStatement);
      const clusterKey = identity?.textOrNull("system_identifier");
      if (identity === undefined || clusterKey == null) continue;
      const configFile = identity.textOrNull("config_file") ?? "";
      const replicas = await rows(peersStatement);
      const upstream = [identity.textOrNull("sender_host"), identity.textOrNull("upstream")].filter(
        (name) => name !== null,
      );
      const peers = [
        upstream,
        ...replicas.map((row) =>
          [row.textOrNull("application_name"), notLoopback(row.textOrNull("client_address"))].filter(
            (name) => name !== null,
          ),
        ),
      ];
      return {
        members: [
          {
            clusterKeys: [clusterKey],
            clusterName: "postgresql",
            member: { node: access.node, settings: { ...settings, configFile } },
          },
        ],
        peers: peers.filter((names) => names.length > 0).map((names) => ({ names })),
        problems: [],
      };
    } catch (error) {
      problems.push(ask.reasonOf(error));
    }
  }
  return { members: [], peers: [], problems };
}

function settingsOf(
  server: FoundServer,
  address: string,
): Record<"host" | "dataDirectory" | "binDirectory" | "account" | "control" | "logFile", string> & { port: number } {
  const isEverywhere = ["*", "", "0.0.0.0", "::", "localhost"].includes(server.listenAddress);
  const { dataDirectory, binDirectory, account, control, logFile, port } = server;
  return {
    host: isEverywhere ? address : server.listenAddress,
    port,
    dataDirectory,
    binDirectory,
    account,
    control,
    logFile,
  };
}

/** The socket first, where the server sees the login's own account and needs no password. */
function loginsFor(
  access: NodeAccess,
  server: FoundServer,
): readonly { socketDirectory: string; user: string; database: string }[] {
  const state = access.state();
  const own = state.state === "ready" ? state.account : "";
  const database = "postgres";
  const overSocket = own === server.account && server.socketDirectory !== "" ? [own, "postgres"] : [];
  return [
    ...[...new Set(overSocket)].map((user) => ({ socketDirectory: server.socketDirectory, user, database })),
    { socketDirectory: "", user: "postgres", database },
  ];
}

/** A connection from the same machine names no other. */
function notLoopback(address: string | null): string | null {
  return address === null || address.startsWith("127.") || address === "::1" ? null : address;
}
