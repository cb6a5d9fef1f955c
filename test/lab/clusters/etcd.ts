import { enable, untilSays, type ClusterRecipe, type PlacedHost } from "./cluster-recipe";

/** The settings of one etcd member as Debian's unit reads them. */
export function etcdSettings(host: PlacedHost, all: readonly PlacedHost[], token: string): string {
  const peers = all.map(({ name, address }) => `${name}=http://${address}:2380`).join(",");
  return `
cat > /etc/default/etcd <<END
ETCD_NAME=${host.name}
ETCD_LISTEN_PEER_URLS=http://${host.address}:2380
ETCD_LISTEN_CLIENT_URLS=http://${host.address}:2379,http://127.0.0.1:2379
ETCD_ADVERTISE_CLIENT_URLS=http://${host.address}:2379
ETCD_INITIAL_ADVERTISE_PEER_URLS=http://${host.address}:2380
ETCD_INITIAL_CLUSTER=${peers}
ETCD_INITIAL_CLUSTER_STATE=new
ETCD_INITIAL_CLUSTER_TOKEN=${token}
END
# For people's own commands and for those of a console: Debian's client still speaks version 2 unless told.
echo ETCDCTL_API=3 >> /etc/environment
${enable("etcd.service")}
`;
}

/** etcd 3.4: members e1 to e3, clients on 2379, peers on 2380. */
export const etcd: ClusterRecipe = {
  name: "etcd",
  hosts: [1, 2, 3].map((number) => ({
    name: `e${number}`,
    lastNumber: 60 + number,
    memoryMb: 512,
    disks: ["/var/lib/etcd"],
  })),
  prepare: (host, all) => etcdSettings(host, all, "lab-etcd"),
  bringUp: async (runOn, all) => {
    const ask = "ETCDCTL_API=3 etcdctl endpoint health --cluster";
    const everyone = new RegExp(all.map(() => "is healthy[^]*").join(""));
    await Promise.all(all.map((host) => untilSays(runOn, host.name, `${ask} 2>&1`, everyone)));
  },
};
