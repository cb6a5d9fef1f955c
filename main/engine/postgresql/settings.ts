import type { SettingFields, Site } from "../engine";
import type { PostgresLogin } from "../../probe/probe";

/** What is known of one server; discovery fills it in. */
export const postgresqlSettings = {
  /** The address other servers reach it at. */
  host: { kind: "text", standard: null },
  port: { kind: "number", standard: 5432 },
  /** Where its Unix socket is; empty when it is reached over TCP. */
  socketDirectory: { kind: "text", standard: "" },
  dataDirectory: { kind: "text", standard: null },
  /** Where its postgresql.conf is, when not in the data directory; empty where that is not known. */
  configFile: { kind: "text", standard: "" },
  /** Where pg_ctl is. */
  binDirectory: { kind: "text", standard: null },
  /** The account the server runs as. */
  account: { kind: "text", standard: "postgres" },
  /** `pg_ctl`, or the systemd unit that starts and stops it. */
  control: { kind: "text", standard: "pg_ctl" },
  /** Where its output goes when pg_ctl starts it. */
  logFile: { kind: "text", standard: "" },
  user: { kind: "text", standard: "postgres" },
  database: { kind: "text", standard: "postgres" },
} as const satisfies SettingFields;

export type PostgresqlSite = Site<typeof postgresqlSettings>;

export function loginOf({ settings }: PostgresqlSite): PostgresLogin {
  const { socketDirectory, host, port, user, database } = settings;
  const target =
    socketDirectory === ""
      ? ({ kind: "tcp", host, port } as const)
      : ({ kind: "socket", path: `${socketDirectory}/.s.PGSQL.${port}` } as const);
  return { target, user, database };
}
