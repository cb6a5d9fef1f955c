import type { HttpCall, HttpLogin, PostgresLogin } from "../../probe/probe";
import type { SettingFields, Site } from "../engine";

/** What is known of one member: a Patroni process and the PostgreSQL it keeps. Discovery fills it in. */
export const patroniSettings = {
  /** Where its REST API listens, as seen from its own host. */
  host: { kind: "text", standard: "127.0.0.1" },
  port: { kind: "number", standard: 8008 },
  tls: { kind: "flag", standard: false },
  /** The name its certificate is for. */
  serverName: { kind: "text", standard: "" },
  /** Files of this desktop; empty for none. */
  caFile: { kind: "text", standard: "" },
  certFile: { kind: "text", standard: "" },
  keyFile: { kind: "text", standard: "" },
  /** Its REST API takes changes only with a user and a password. */
  changesNeedLogin: { kind: "flag", standard: false },
  scope: { kind: "text", standard: null },
  /** Its own name in the cluster, which need not be its host's. */
  name: { kind: "text", standard: null },
  /** The address other members reach its PostgreSQL at. */
  postgresHost: { kind: "text", standard: null },
  postgresPort: { kind: "number", standard: 5432 },
  /** Where PostgreSQL's Unix socket is; empty when it is asked over TCP. */
  socketDirectory: { kind: "text", standard: "" },
  dataDirectory: { kind: "text", standard: "" },
  user: { kind: "text", standard: "postgres" },
  database: { kind: "text", standard: "postgres" },
  /** The account Patroni and PostgreSQL run as. */
  account: { kind: "text", standard: "postgres" },
  /** What starts and stops Patroni, such as `systemd:patroni.service`. */
  control: { kind: "text", standard: "" },
  /** As in /proc/<pid>/comm; `python3` where Patroni is run as a module. */
  processName: { kind: "text", standard: "patroni" },
  logFile: { kind: "text", standard: "" },
  /** Where Patroni keeps the leader key: `etcd`, `etcd3`, `consul`, `zookeeper`, `kubernetes`; empty when it could not be read. */
  storeKind: { kind: "text", standard: "" },
  /** The one of its addresses that is asked from this host; empty when it is not asked. */
  storeHost: { kind: "text", standard: "" },
  storePort: { kind: "number", standard: 0 },
} as const satisfies SettingFields;

export type PatroniSite = Site<typeof patroniSettings>;

export function restOf({ settings }: PatroniSite): HttpLogin {
  const { host, port, tls, serverName, caFile, certFile, keyFile } = settings;
  return {
    service: "Patroni",
    target: { kind: "tcp", host, port },
    tls: tls ? { serverName, caFile, certFile, keyFile } : null,
  };
}

/** A request to a member's REST API. */
export function rest(
  site: PatroniSite,
  method: HttpCall["method"],
  path: string,
  body?: Readonly<Record<string, unknown>>,
): HttpCall {
  const call = { kind: "http", login: restOf(site), method, path } as const;
  return body === undefined ? call : { ...call, body: JSON.stringify(body) };
}

export function serverLoginOf({ settings }: PatroniSite): PostgresLogin {
  const { socketDirectory, postgresHost, postgresPort, user, database } = settings;
  const target =
    socketDirectory === ""
      ? ({ kind: "tcp", host: postgresHost, port: postgresPort } as const)
      : ({ kind: "socket", path: `${socketDirectory}/.s.PGSQL.${postgresPort}` } as const);
  return { target, user, database };
}
