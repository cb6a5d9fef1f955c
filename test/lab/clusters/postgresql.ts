import { enable, networkOf, untilSays, type ClusterRecipe } from "./cluster-recipe";

const dataDirectory = "/var/lib/postgresql/15/main";
const asPostgres = "cd / && runuser -u postgres --";

/**
 * PostgreSQL 15 as Debian runs it: primary p1, standbys p2 and p3 by streaming replication, each with a slot of its own.
 * Little WAL is kept, so that two copies of the data fit on a host's small disk; jit is off because the hosts have no LLVM.
 */
export const postgresql: ClusterRecipe = {
  name: "postgresql",
  hosts: [1, 2, 3].map((number) => ({
    name: `p${number}`,
    lastNumber: 30 + number,
    memoryMb: 768,
    disks: ["/var/lib/postgresql"],
  })),
  prepare: (host, all) => `
cat > /etc/postgresql/15/main/conf.d/lab.conf <<END
listen_addresses = '*'
cluster_name = '${host.name}'
wal_level = replica
wal_log_hints = on
hot_standby = on
max_wal_senders = 10
max_replication_slots = 10
max_prepared_transactions = 20
wal_keep_size = '16MB'
max_wal_size = '48MB'
min_wal_size = '32MB'
max_slot_wal_keep_size = '96MB'
shared_buffers = '16MB'
jit = off
END
cat >> /etc/postgresql/15/main/pg_hba.conf <<END
host replication replicator ${networkOf(host)} scram-sha-256
host all all ${networkOf(host)} scram-sha-256
END
echo '*:*:*:replicator:replicator' > /var/lib/postgresql/.pgpass
chown postgres: /var/lib/postgresql/.pgpass
chmod 600 /var/lib/postgresql/.pgpass
${host.name === all[0]?.name ? enable("postgresql.service") : `rm -rf ${dataDirectory}`}
`,
  bringUp: async (runOn, all) => {
    const [primary, ...standbys] = all;
    if (primary === undefined) return;
    const slots = standbys.map(({ name }) => `select pg_create_physical_replication_slot('slot_${name}', true);`);
    await untilSays(runOn, primary.name, "pg_isready", "accepting");
    await runOn(
      primary.name,
      `${asPostgres} psql -qX -v ON_ERROR_STOP=1 -c "create role replicator login replication password 'replicator'" -c "${slots.join(" ")}"`,
    );
    await Promise.all(
      standbys.map(({ name }) => {
        const from = `host=${primary.address} user=replicator application_name=${name}`;
        return runOn(
          name,
          `${asPostgres} pg_basebackup -d '${from}' -D ${dataDirectory} -X stream -c fast -R -S slot_${name} &&
          ${enable("postgresql.service")} && systemctl start postgresql`,
        );
      }),
    );
    const ask = `${asPostgres} psql -qAtX -c "select count(*) from pg_stat_replication where state = 'streaming'"`;
    await untilSays(runOn, primary.name, ask, String(standbys.length));
  },
};
