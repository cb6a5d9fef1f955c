import type { Cluster } from "../../contract/inventory";
import { engines } from "../../main/engine/registry";
import { openCore } from "../core/open-core";
import { startLab } from "../lab/start-lab";
import { openRecorder } from "./recorder";

/**
 * Records the cases that every engine needs, from a lab: `npx tsx test/engine/record-needed.ts ENGINE HOST HOST PORT-SETTING`, where the
 * first host is the seed, the second is made silent, refused and garbled, and the setting is the one that names its service's port.
 */
const [id = "", seed = "", victim = "", portSetting = ""] = process.argv.slice(2);
const engine = engines.find((one) => one.id === id);
if (engine === undefined) throw new Error(`there is no engine ${id}`);
const lab = await startLab(id, { say: console.log });
const core = openCore(lab.sshConfigPath);
try {
  const cluster = await core.add(seed, id, "recorded");
  const about = { version: `${id} of Debian 12`, origin: "hosts of the lab" };
  const record = async (name: string, what: string, change: Partial<Cluster> = {}): Promise<void> => {
    const options = { what, ...about, ...(name === "healthy" && { withPrevious: true }) };
    await openRecorder(lab.sshConfigPath).record(engine, { ...cluster, ...change }, name, options);
    console.log(name);
  };
  await record("healthy", "all members run and nothing was done to them");
  await record("refused", `${victim} is logged in to as an account that does not exist`, {
    nodes: cluster.nodes.map((one) =>
      one.node === victim ? { ...one, login: { ...one.login, user: "nobody-here" } } : one,
    ),
  });
  await record("garbled", `the service of ${victim} is asked at the port of its SSH server`, {
    members: cluster.members.map((one) =>
      one.node === victim ? { ...one, settings: { ...one.settings, [portSetting]: 22 } } : one,
    ),
  });
  await lab.run(victim, "kill -STOP $(cat /run/sshd.pid)");
  await record("one-node-silent", `SIGSTOP to the SSH server of ${victim}: it takes connections and says nothing`);
  await lab.run(victim, "kill -CONT $(cat /run/sshd.pid)");
} finally {
  await core.close();
  await lab.stop();
}
