import type { SettingFields, Site } from "../engine";
import { redisServerSettings } from "../redis-server/settings";

/** What is known of one data server or sentinel; discovery fills it in. */
export const redisSentinelSettings = {
  ...redisServerSettings,
  /** `data` or `sentinel`. */
  kind: { kind: "text", standard: null },
  /** The name under which the sentinels watch the master, as `mymaster`. */
  masterName: { kind: "text", standard: null },
  /** `address:port` as the sentinels know it. */
  announced: { kind: "text", standard: null },
} as const satisfies SettingFields;

export type RedisSentinelSite = Site<typeof redisSentinelSettings>;
