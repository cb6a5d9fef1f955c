import type { AnyEngine } from "./engine";
import { etcd } from "./etcd";
import { linux } from "./linux";
import { patroni } from "./patroni";
import { postgresql } from "./postgresql";
import { redisCluster } from "./redis-cluster";
import { redisSentinel } from "./redis-sentinel";
import { zookeeper } from "./zookeeper";

/** The engine that reads the hosts themselves, beside every cluster's own. */
export const hostEngine: AnyEngine = linux;

/** Every engine whose clusters Evenkeel finds, in the order in which it looks for them. A new engine is one import and one name here. */
export const engines: readonly AnyEngine[] = [patroni, postgresql, etcd, zookeeper, redisCluster, redisSentinel];
