import { untilSays, type ClusterRecipe } from "./cluster-recipe";
import { redisReplication } from "./redis-sentinel";

/** Supervisor and runit each as a systemd service, as Debian would start them; both run Redis as its own account. */
const supervisor = `
cat > /etc/supervisor/conf.d/redis.conf <<END
[program:redis]
command=/usr/bin/redis-server /etc/redis/redis.conf --daemonize no
user=redis
autorestart=true
END
ln -sf /lib/systemd/system/supervisor.service /etc/systemd/system/multi-user.target.wants/
`;
const runit = `
mkdir -p /etc/sv/redis /etc/runit/runsvdir/default
cat > /etc/sv/redis/run <<END
#!/bin/sh
exec chpst -u redis /usr/bin/redis-server /etc/redis/redis.conf --daemonize no
END
chmod 755 /etc/sv/redis/run
rm -f /etc/runit/runsvdir/default/*
ln -s /etc/sv/redis /etc/runit/runsvdir/default/redis
cat > /etc/systemd/system/runit.service <<END
[Unit]
Description=runit's service directory
[Service]
ExecStart=/usr/bin/runsvdir -P /etc/service
KillMode=mixed
END
ln -sf /etc/systemd/system/runit.service /etc/systemd/system/multi-user.target.wants/
`;
/** Started by hand once and watched by nobody, as an old init script would. */
const plain = `
cat > /usr/local/sbin/redis-by-hand <<END
#!/bin/sh
exec setsid runuser -u redis -- /usr/bin/redis-server /etc/redis/redis.conf --daemonize yes
END
chmod 755 /usr/local/sbin/redis-by-hand
`;
const keptBy: Readonly<Record<string, string>> = { x1: supervisor, x2: runit, x3: plain };

/** Redis replication kept alive by supervisor (master x1), runit (x2) and nobody (x3): for what restarts a member. */
export const redisSupervised: ClusterRecipe = {
  name: "redis-supervised",
  hosts: [1, 2, 3].map((number) => ({
    name: `x${number}`,
    lastNumber: 80 + number,
    memoryMb: 256,
    disks: ["/var/lib/redis"],
  })),
  prepare: (host, all) => `${redisReplication(host, all[0] ?? host)}\n${keptBy[host.name] ?? ""}`,
  bringUp: async (runOn, all) => {
    await runOn("x3", "redis-by-hand");
    await Promise.all(
      all.slice(1).map((host) => untilSays(runOn, host.name, "redis-cli info replication", "master_link_status:up")),
    );
  },
};
