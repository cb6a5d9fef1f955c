import { enable, networkOf, untilSays, type ClusterRecipe, type PlacedHost } from "./cluster-recipe";
import { etcdSettings } from "./etcd";

/** Patroni 3.0 keeping PostgreSQL 15 on t1 to t3, with an etcd member beside each. */
export const patroni: ClusterRecipe = {
  name: "patroni",
  hosts: [1, 2, 3].map((number) => ({
    name: `t${number}`,
    lastNumber: 40 + number,
    memoryMb: 1024,
    disks: ["/var/lib/postgresql", "/var/lib/etcd"],
  })),
  prepare: (host, all) => `
${etcdSettings(host, all, "lab-patroni")}
# Debian's own database cluster makes way for Patroni's.
rm -rf /var/lib/postgresql/15/main /etc/postgresql/15/main
cat > /etc/patroni/config.yml <<END
${patroniSettings(host, all)}
END
chown -R postgres: /etc/patroni
chmod 600 /etc/patroni/config.yml
mkdir -p /etc/systemd/system/patroni.service.d
# Debian makes the socket's directory in the unit of its own clusters only.
cat > /etc/systemd/system/patroni.service.d/lab.conf <<END
[Unit]
After=etcd.service
[Service]
RestartSec=1
ExecStartPre=+/usr/bin/install -d -o postgres -g postgres -m 2775 /run/postgresql
END
${enable("patroni.service")}
`,
  bringUp: async (runOn, all) => {
    const ask = "curl -s -m 2 http://127.0.0.1:8008/cluster";
    const wholeAndOnOneTimeline = /^(?=[^]*"role": "leader")(?:[^]*"state": "running"[^}]*"timeline": 1\b){3}/;
    await Promise.all(all.map((host) => untilSays(runOn, host.name, ask, wholeAndOnOneTimeline)));
  },
};

/** Without just-in-time compilation, whose library the hosts lack: pg_rewind's query of the other server would fail for it. */
function patroniSettings(host: PlacedHost, all: readonly PlacedHost[]): string {
  const network = networkOf(host);
  return `scope: lab
namespace: /service/
name: ${host.name}
restapi: {listen: '0.0.0.0:8008', connect_address: '${host.address}:8008'}
etcd3: {hosts: '${all.map(({ address }) => `${address}:2379`).join(",")}'}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 1
    retry_timeout: 3
    maximum_lag_on_failover: 1048576
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        wal_level: replica
        wal_log_hints: 'on'
        hot_standby: 'on'
        max_wal_senders: 10
        max_replication_slots: 10
        max_prepared_transactions: 20
        max_wal_size: 96MB
        min_wal_size: 32MB
        wal_keep_size: 32MB
        # Old files of the log kept to be written over would let a server go on for ever on a full disk.
        wal_recycle: 'off'
  initdb: [{encoding: UTF8}, data-checksums]
  pg_hba:
    - local all all peer
    - host all all 127.0.0.1/32 scram-sha-256
    - host replication replicator ${network} scram-sha-256
    - host all all ${network} scram-sha-256
postgresql:
  listen: 0.0.0.0:5432
  connect_address: ${host.address}:5432
  data_dir: /var/lib/postgresql/15/patroni
  bin_dir: /usr/lib/postgresql/15/bin
  pgpass: /var/lib/postgresql/.pgpass_patroni
  authentication:
    replication: {username: replicator, password: replicator}
    superuser: {username: postgres, password: postgres}
    rewind: {username: rewind, password: rewind}
  parameters: {unix_socket_directories: /run/postgresql, shared_buffers: 16MB, jit: 'off'}`;
}
