import type { Cluster } from "../../contract/inventory";
import { linux } from "../../main/engine/linux";
import { startLab } from "../lab/start-lab";
import { openRecorder, type RecordOptions } from "./recorder";

/** Records the cases of the hosts themselves from a lab: `npx tsx test/engine/record-linux.ts`. */
const lab = await startLab("etcd");
try {
  const names = lab.hosts.map(({ name }) => name);
  const cluster: Pick<Cluster, "nodes" | "members"> = {
    nodes: names.map((node) => ({ node, login: { host: node } })),
    members: names.map((node) => ({ member: node, node, settings: {} })),
  };
  const version = (await lab.run("e1", ". /etc/os-release; echo $PRETTY_NAME")).trim();
  const keep = async (
    name: string,
    what: string,
    more: Partial<RecordOptions> = {},
    nodes = cluster.nodes,
  ): Promise<void> => {
    await openRecorder(lab.sshConfigPath).record(linux, { ...cluster, nodes }, name, {
      what,
      version,
      origin: "hosts of the lab",
      ...more,
    });
    console.log(name);
  };
  await keep("healthy", "three hosts with little to do", { withPrevious: true });
  await keep(
    "refused",
    "e2 is logged in to as an account that does not exist",
    undefined,
    withLogin("e2", { user: "nobody-here" }),
  );
  await keep(
    "one-node-unreachable",
    "e3 is looked for at a port where nobody listens",
    undefined,
    withLogin("e3", { port: 1 }),
  );
  await lab.run("e3", "kill -STOP $(cat /run/sshd.pid)");
  await keep("one-node-silent", "SIGSTOP to the SSH server of e3: it takes connections and says nothing");
  await lab.run("e3", "kill -CONT $(cat /run/sshd.pid)");
  await lab.run(
    "e2",
    "mv /usr/bin/date /usr/bin/date.real && cp /bin/true /tmp/x && printf '#!/bin/sh\\nhead -c 300 /dev/urandom\\n' >/usr/bin/date && chmod 755 /usr/bin/date",
  );
  await keep("garbled", "date on e2 prints random bytes");
  await lab.run("e2", "printf '#!/bin/sh\\nexec faketime -f +90s /usr/bin/date.real \"$@\"\\n' >/usr/bin/date");
  await keep("clock-off", "date on e2 is 90 seconds ahead (faketime)");
  await lab.run("e2", "mv /usr/bin/date.real /usr/bin/date");
  await lab.run(
    "e1",
    "fallocate -l $(($(df --output=avail -B1 /var/lib/etcd | tail -1) - 4194304)) /var/lib/etcd/filler",
  );
  await keep("disk-full", "a file fills the disk of e1");
  await lab.run("e1", "rm /var/lib/etcd/filler");
  function withLogin(node: string, login: object): Cluster["nodes"] {
    return cluster.nodes.map((one) => (one.node === node ? { node, login: { ...one.login, ...login } } : one));
  }
} finally {
  await lab.stop();
}
