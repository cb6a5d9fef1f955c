import type { RedisLogin } from "../../probe/probe";
import type { SettingFields, Site } from "../engine";
import { controlOf, type ServiceControl } from "../service";

/** What is known of every server or sentinel, whatever it belongs to; discovery fills it in. */
export const redisServerSettings = {
  /** The address it is reached at on its own host. */
  host: { kind: "text", standard: "127.0.0.1" },
  port: { kind: "number", standard: null },
  /** An ACL user; empty for the default one. */
  user: { kind: "text", standard: "" },
  /** The account its process runs as. */
  account: { kind: "text", standard: "redis" },
  /** What starts and stops it, as `systemd:redis-server.service`; empty where that is not known. */
  control: { kind: "text", standard: "" },
  pidFile: { kind: "text", standard: "" },
  /** Empty where it logs to its service's journal. */
  logFile: { kind: "text", standard: "" },
  dataDirectory: { kind: "text", standard: "" },
  /** Where redis-cli is. */
  programDirectory: { kind: "text", standard: "/usr/bin" },
} as const satisfies SettingFields;

export type RedisServerSite = Pick<Site<typeof redisServerSettings>, "member" | "node" | "settings">;

export function loginOf({ settings: { host, port, user } }: RedisServerSite): RedisLogin {
  return { target: { kind: "tcp", host, port }, user };
}

/** Null where it is not known, and nothing can be started or stopped. */
export function controlOfServer({ settings }: RedisServerSite): ServiceControl | null {
  return controlOf(settings.control);
}
