import { untilSays, type ClusterRecipe } from "./cluster-recipe";

/** Debian's jar leaves the servlet interface out of its own class path; without it the admin server stays silent. */
const classPath = ["zookeeper", "slf4j-log4j12", "log4j-1.2", "servlet-api"]
  .map((jar) => `/usr/share/java/${jar}.jar`)
  .join(":");

/** ZooKeeper 3.8: members z1 to z3, clients on 2181, admin server on 8080; Debian ships no unit, so it has one here. */
export const zookeeper: ClusterRecipe = {
  name: "zookeeper",
  hosts: [1, 2, 3].map((number) => ({
    name: `z${number}`,
    lastNumber: 50 + number,
    memoryMb: 512,
    disks: ["/var/lib/zookeeper"],
  })),
  prepare: (host, all) => `
echo ${host.name.slice(1)} > /var/lib/zookeeper/myid
cat > /etc/zookeeper/conf/zoo.cfg <<END
tickTime=1000
initLimit=10
syncLimit=5
dataDir=/var/lib/zookeeper
4lw.commands.whitelist=*
admin.enableServer=true
admin.serverPort=8080
standaloneEnabled=false
reconfigEnabled=true
autopurge.snapRetainCount=3
autopurge.purgeInterval=1
${all.map(({ name, address }) => `server.${name.slice(1)}=${address}:2888:3888;2181`).join("\n")}
END
cat > /etc/systemd/system/zookeeper.service <<END
[Unit]
Description=Apache ZooKeeper
After=network.target
[Service]
User=zookeeper
ExecStart=/usr/bin/java -Xmx96m -Xms32m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \\
  -cp /etc/zookeeper/conf:${classPath} -Dzookeeper.log.dir=/var/log/zookeeper -Dzookeeper.root.logger=INFO,CONSOLE \\
  org.apache.zookeeper.server.quorum.QuorumPeerMain /etc/zookeeper/conf/zoo.cfg
SuccessExitStatus=143
[Install]
WantedBy=multi-user.target
END
chown -R zookeeper:zookeeper /var/lib/zookeeper /etc/zookeeper/conf/
ln -sf /etc/systemd/system/zookeeper.service /etc/systemd/system/multi-user.target.wants/
`,
  bringUp: async (runOn, all) => {
    const ask = "echo mntr | nc -N 127.0.0.1 2181; curl -sf -m 2 http://127.0.0.1:8080/commands/ruok";
    const serving = /zk_server_state\s+(leader|follower)[^]*"error" : null/;
    await Promise.all(all.map((host) => untilSays(runOn, host.name, ask, serving)));
  },
};
