import { enable, untilSays, type ClusterRecipe, type PlacedHost } from "./cluster-recipe";

/** Redis as a replica of the first host, or as the master there. */
export function redisReplication(host: PlacedHost, master: PlacedHost): string {
  return `
cat >> /etc/redis/redis.conf <<END
bind 0.0.0.0
protected-mode no
replica-announce-ip ${host.address}
repl-diskless-sync-delay 0
${host.name === master.name ? "" : `replicaof ${master.address} 6379`}
END
`;
}

/** A sentinel that watches the master under the name mymaster; two sentinels must agree that it is down. */
export function sentinel(host: PlacedHost, master: PlacedHost): string {
  return `
cat > /etc/redis/sentinel.conf <<END
port 26379
bind 0.0.0.0
protected-mode no
daemonize no
pidfile /run/sentinel/redis-sentinel.pid
logfile /var/log/redis/redis-sentinel.log
dir /var/lib/redis
sentinel monitor mymaster ${master.address} 6379 2
sentinel down-after-milliseconds mymaster 3000
sentinel failover-timeout mymaster 10000
sentinel parallel-syncs mymaster 1
sentinel announce-ip ${host.address}
END
`;
}

/** Waits until a sentinel has found both replicas and both other sentinels; it asks the master only every ten seconds. */
export const fullView = "status=ok,address=[^]*slaves=2,sentinels=3";

/** Redis with Sentinel: master s1, replicas s2 and s3, a sentinel beside each. */
export const redisSentinel: ClusterRecipe = {
  name: "redis-sentinel",
  hosts: [1, 2, 3].map((number) => ({
    name: `s${number}`,
    lastNumber: 20 + number,
    memoryMb: 512,
    disks: ["/var/lib/redis"],
  })),
  prepare: (host, all) => `
${redisReplication(host, all[0] ?? host)}
${sentinel(host, all[0] ?? host)}
${enable("redis-server.service", "redis-sentinel.service")}
`,
  bringUp: async (runOn, all) => {
    const replicas = all.slice(1);
    await Promise.all([
      ...replicas.map((host) => untilSays(runOn, host.name, "redis-cli info replication", "master_link_status:up")),
      ...all.map((host) => untilSays(runOn, host.name, "redis-cli -p 26379 info sentinel", new RegExp(fullView))),
    ]);
  },
};
