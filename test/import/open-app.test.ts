import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Cluster } from "../../contract/inventory";
import { runCommand } from "../../main/cli/command";
import { openCore, type OpenCore } from "../core/open-core";
import { freePort } from "../lab/free-port";
import { cannotRun, realSsh, type RealSsh } from "../ssh/real-node";

describe.skipIf(cannotRun)("hosts imported beside an open app", () => {
  let ssh: RealSsh;
  let core: OpenCore;
  beforeAll(async () => {
    ssh = realSsh();
    const config = join(ssh.directory, "config");
    writeFileSync(
      config,
      `Host *
  IdentityFile ${ssh.key}
  UserKnownHostsFile ${join(ssh.directory, "known_hosts")}
  StrictHostKeyChecking accept-new
Host db1
  HostName 127.0.0.1
  Port ${String(await freePort(["127.0.0.1"]))}
`,
    );
    core = openCore(config);
  });
  afterAll(async () => {
    await core.close();
    await ssh.close();
  });

  it("reaches an open app, which reaches the nodes anew without a restart", async () => {
    const cluster: Cluster = {
      clusterId: "1",
      name: "orders",
      engine: "postgresql",
      nodes: [{ node: "db1", login: { host: "db1" } }],
      members: [
        {
          member: "db1",
          node: "db1",
          settings: { port: 5432, host: "127.0.0.1", dataDirectory: "/data", binDirectory: "/bin" },
        },
      ],
      addedAt: 0,
    };
    writeFileSync(join(core.directory, "inventory.json"), JSON.stringify([cluster]));
    await core.ask("fleet:read", undefined);
    expect((await core.read("1")).nodes[0]?.reachability.state).toBe("unreachable");

    const { port } = await ssh.sshd();
    const path = join(ssh.directory, "hosts");
    writeFileSync(path, `db1 ansible_port=${port}\n`);
    const said: string[] = [];
    const code = await runCommand(
      ["import", path, "--accept", "--data", core.directory, "--ssh-config", join(ssh.directory, "config")],
      {
        version: "0",
        standardDirectory: core.directory,
        out: (line) => said.push(line),
        err: (line) => said.push(line),
      },
    );
    expect([code, said.at(-1)]).toEqual([0, "Applied: 1 new, 0 changed, 0 removed."]);
    expect((await core.read("1")).nodes[0]?.reachability.state).toBe("reachable");
  });
});
