import type { HttpLogin, WordCall } from "../../probe/probe";
import type { SettingFields, Site } from "../engine";

/** What is known of one server; discovery fills it in. */
export const zookeeperSettings = {
  /** Where it listens for clients, as seen from its own host. */
  host: { kind: "text", standard: "127.0.0.1" },
  port: { kind: "number", standard: 2181 },
  /** Where its AdminServer listens; port 0 when it is switched off. */
  adminHost: { kind: "text", standard: "127.0.0.1" },
  adminPort: { kind: "number", standard: 8080 },
  /** The number in its `myid`; 0 for a standalone server. */
  serverId: { kind: "number", standard: 0 },
  /** The address the other servers reach it at. */
  quorumAddress: { kind: "text", standard: "" },
  /** The file it was started with; empty when it was given a port and a directory instead. */
  configFile: { kind: "text", standard: "" },
  dataDirectory: { kind: "text", standard: null },
  dataLogDirectory: { kind: "text", standard: "" },
  account: { kind: "text", standard: "zookeeper" },
  /** What starts and stops it, such as `systemd:zookeeper.service`. */
  control: { kind: "text", standard: "" },
  logFile: { kind: "text", standard: "" },
} as const satisfies SettingFields;

export type ZookeeperSite = Site<typeof zookeeperSettings>;

export function wordCall({ settings: { host, port } }: ZookeeperSite, word: string): WordCall {
  return { kind: "words", service: "ZooKeeper", target: { kind: "tcp", host, port }, word };
}

/** Null when the AdminServer is switched off. */
export function adminLogin({ settings: { adminHost, adminPort } }: ZookeeperSite): HttpLogin | null {
  if (adminPort === 0) return null;
  return { service: "AdminServer", target: { kind: "tcp", host: adminHost, port: adminPort }, tls: null };
}
