import type { SettingFields, Site } from "../engine";
import { redisServerSettings } from "../redis-server/settings";

/** What is known of one server of the cluster; discovery fills it in. */
export const redisClusterSettings = {
  ...redisServerSettings,
  /** The name the cluster knows it by while it cannot say itself. */
  nodeId: { kind: "text", standard: null },
} as const satisfies SettingFields;

export type RedisClusterSite = Site<typeof redisClusterSettings>;
