import { enable, untilSays, type ClusterRecipe } from "./cluster-recipe";

const numbers = [1, 2, 3, 4, 5, 6];

/** Redis Cluster: three masters r1 to r3 and their replicas r4 to r6, all on port 6379. */
export const redisCluster: ClusterRecipe = {
  name: "redis-cluster",
  hosts: numbers.map((number) => ({
    name: `r${number}`,
    lastNumber: 10 + number,
    memoryMb: 512,
    disks: ["/var/lib/redis"],
  })),
  prepare: (host) => `
cat >> /etc/redis/redis.conf <<END
bind 0.0.0.0
protected-mode no
cluster-enabled yes
cluster-config-file nodes.conf
cluster-node-timeout 3000
cluster-announce-ip ${host.address}
appendonly yes
repl-diskless-sync-delay 0
END
${enable("redis-server.service")}
`,
  bringUp: async (runOn, all) => {
    await Promise.all(all.map((host) => untilSays(runOn, host.name, "redis-cli ping", "PONG")));
    const members = all.map((host) => `${host.address}:6379`).join(" ");
    await runOn("r1", `redis-cli --cluster create ${members} --cluster-replicas 1 --cluster-yes`);
    await Promise.all(all.map((host) => untilSays(runOn, host.name, "redis-cli cluster info", "cluster_state:ok")));
    const replicas = all.slice(3);
    await Promise.all(
      replicas.map((host) => untilSays(runOn, host.name, "redis-cli info replication", "master_link_status:up")),
    );
  },
};
