import type { HttpCall, HttpLogin } from "../../probe/probe";
import type { SettingFields, Site } from "../engine";

/** What is known of one member; discovery fills it in. */
export const etcdSettings = {
  /** Where it listens for clients, as seen from its own host. */
  host: { kind: "text", standard: "127.0.0.1" },
  port: { kind: "number", standard: 2379 },
  tls: { kind: "flag", standard: false },
  /** The name its certificate is for. */
  serverName: { kind: "text", standard: "" },
  /** Files of this desktop; empty for none. */
  caFile: { kind: "text", standard: "" },
  certFile: { kind: "text", standard: "" },
  keyFile: { kind: "text", standard: "" },
  /** A port that serves /metrics without a client certificate (`--listen-metrics-urls`); 0 for none. */
  metricsPort: { kind: "number", standard: 0 },
  name: { kind: "text", standard: null },
  /** Where the other members reach it. */
  peerUrl: { kind: "text", standard: "" },
  dataDirectory: { kind: "text", standard: "" },
  /** Where its write-ahead log lies when not in the data directory (`--wal-dir`); empty where it lies there. */
  walDirectory: { kind: "text", standard: "" },
  /** The account the server runs as. */
  account: { kind: "text", standard: "etcd" },
  /** What starts and stops it, such as `systemd:etcd.service`. */
  control: { kind: "text", standard: "" },
  /** How it is told its settings: `arguments`, `environment` or `file`. */
  configuredBy: { kind: "text", standard: "environment" },
  logFile: { kind: "text", standard: "" },
} as const satisfies SettingFields;

export type EtcdSite = Site<typeof etcdSettings>;

/** Without a slash behind it, so that a name made from it lies beside it; empty where it is not known. */
export function dataDirectoryOf({ settings }: EtcdSite): string {
  return settings.dataDirectory.replace(/\/+$/, "");
}

/** Null where it lies in the data directory, and gets another name with that. */
export function walDirectoryElsewhere(site: EtcdSite): string | null {
  const wal = site.settings.walDirectory.replace(/\/+$/, "");
  const data = dataDirectoryOf(site);
  const isInside = wal === data || (wal.startsWith(`${data}/`) && !wal.includes("/.."));
  return wal === "" || isInside ? null : wal;
}

export function loginOf({ settings }: EtcdSite): HttpLogin {
  const { host, port, tls, serverName, caFile, certFile, keyFile } = settings;
  return {
    service: "etcd",
    target: { kind: "tcp", host, port },
    tls: tls ? { serverName, caFile, certFile, keyFile } : null,
  };
}

export function metricsLoginOf(site: EtcdSite): HttpLogin {
  const { host, metricsPort } = site.settings;
  return metricsPort === 0
    ? loginOf(site)
    : { service: "etcd", target: { kind: "tcp", host, port: metricsPort }, tls: null };
}

/** A request to the JSON gateway. */
export function gateway(login: HttpLogin, path: string, body: Readonly<Record<string, unknown>> = {}): HttpCall {
  return { kind: "http", login, method: "POST", path, body: JSON.stringify(body) };
}
