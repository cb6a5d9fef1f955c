import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Cluster, Node } from "../../contract/inventory";
import type { NodeView } from "../../contract/health";
import { runCommand } from "../../main/cli/command";
import { systemClock } from "../../main/clock";
import { openJournal } from "../../main/recovery/journal";
import { freePort } from "../lab/free-port";
import { world } from "../recovery/world";
import { cannotRun, realSsh, type RealSsh } from "./real-node";
import { openCore, type OpenCore } from "../core/open-core";

describe.skipIf(cannotRun)("the login of a kept host", () => {
  let ssh: RealSsh;
  let core: OpenCore;
  let rightPort: number;
  let wrongPort: number;

  beforeAll(async () => {
    ssh = realSsh();
    wrongPort = await freePort(["127.0.0.1"]);
    writeFileSync(
      join(ssh.directory, "config"),
      `Host *
  IdentityFile ${ssh.key}
  UserKnownHostsFile ${join(ssh.directory, "known_hosts")}
  StrictHostKeyChecking accept-new
Host db1 db2
  HostName 127.0.0.1
  Port ${wrongPort}
`,
    );
    core = openCore(join(ssh.directory, "config"));
    rightPort = (await ssh.sshd()).port;
    writeFileSync(join(core.directory, "inventory.json"), JSON.stringify(clusters));
    await core.ask("fleet:read", undefined);
  });
  afterAll(async () => {
    await core.close();
    await ssh.close();
  });

  const cluster = (clusterId: string, nodes: readonly string[]): Cluster => ({
    clusterId,
    name: `orders-${clusterId}`,
    engine: "postgresql",
    nodes: nodes.map((node) => ({ node, login: { host: node, jump: "none" } })),
    members: nodes.map((node) => ({
      member: node,
      node,
      settings: { port: 5432, host: "127.0.0.1", dataDirectory: "/data", binDirectory: "/bin" },
    })),
    addedAt: 0,
  });
  const clusters = [cluster("1", ["db1", "db2"]), cluster("2", ["db1"])];
  const kept = (): readonly (readonly Node[])[] =>
    (JSON.parse(readFileSync(join(core.directory, "inventory.json"), "utf8")) as Cluster[]).map(({ nodes }) => nodes);
  const seen = async (clusterId: string, name: string): Promise<NodeView | undefined> =>
    (await core.read(clusterId)).nodes.find(({ node }) => node === name);
  const evenkeel = async (data: string, ...argv: readonly string[]): Promise<readonly [number, readonly string[]]> => {
    const lines: string[] = [];
    const tell = (line: string): void => void lines.push(line);
    const words = [...argv, "--data", data, "--ssh-config", join(ssh.directory, "config")];
    return [await runCommand(words, { version: "0", standardDirectory: data, out: tell, err: tell }), lines];
  };

  it("is changed for one host or all, in every cluster that has it, and the host is reached anew by it", async () => {
    expect((await seen("1", "db1"))?.reachability.state).toBe("unreachable");
    const change = { port: rightPort, transport: "system" } as const;
    await core.ask("logins:change", { clusterId: "1", nodes: ["db1"], change });
    const changed = { host: "db1", jump: "none", port: rightPort, transport: "system" };
    expect(kept()).toEqual([
      [
        { node: "db1", login: changed },
        { node: "db2", login: { host: "db2", jump: "none" } },
      ],
      [{ node: "db1", login: changed }],
    ]);
    const now = await seen("2", "db1");
    expect([now?.reachability.state, now?.transport?.how.code]).toEqual(["reachable", "ssh/transport.system-by-hand"]);
    expect((await seen("1", "db2"))?.reachability.state).toBe("unreachable");
    await core.ask("logins:change", {
      clusterId: "1",
      nodes: ["db1", "db2"],
      change: { port: null, transport: "auto" },
    });
    expect(kept()[0]?.map(({ login }) => login)).toEqual(["db1", "db2"].map((host) => ({ host, jump: "none" })));
    expect((await seen("1", "db1"))?.reachability.state).toBe("unreachable");
  });

  it("is changed from the command line beside an open app, which follows without a restart", async () => {
    const port = String(rightPort);
    const set = await evenkeel(core.directory, "login", "orders-1", "db2", "--port", port, "--transport", "builtin");
    expect(set).toEqual([0, ["db1\tdb1\t-\t-\tauto", `db2\tdb2\t-\t${port}\tbuiltin`]]);
    const now = await seen("1", "db2");
    expect([now?.reachability.state, now?.transport?.how.code]).toEqual([
      "reachable",
      "ssh/transport.built-in-by-hand",
    ]);
    const all = await evenkeel(core.directory, "login", "orders-1", "--user", "ops", "--transport", "auto");
    expect(all).toEqual([0, ["db1\tdb1\tops\t-\tauto", `db2\tdb2\tops\t${port}\tauto`]]);
    expect((await evenkeel(core.directory, "login", "orders-1", "--user", "", "--port", ""))[1][1]).toBe(
      "db2\tdb2\t-\t-\tauto",
    );
    expect(await evenkeel(core.directory, "login", "orders-1")).toEqual([
      0,
      ["db1\tdb1\t-\t-\tauto", "db2\tdb2\t-\t-\tauto"],
    ]);
  });

  it("stays as it is where another cluster is looked for on a kept host, which is not reached in a second way", async () => {
    const login = { host: "db1", user: "somebody-else" };
    await expect(core.ask("discovery:start", { discoveryId: "other", login })).rejects.toThrow("request/login-kept");
    const before = kept()[0]?.[0];
    const found = { ...clusters[1]!, nodes: [{ node: "db1", login }], suggestedName: "found", problems: [] };
    const { clusterId } = await core.ask("discovery:keep", { name: "found", cluster: found });
    expect(kept().at(-1)).toEqual([before]);
    await core.ask("cluster:forget", { clusterId });
  });

  it("stays as it is for a host, a port or a client there is not", async () => {
    const before = kept();
    expect((await evenkeel(core.directory, "login", "orders-1", "db9", "--port", "22"))[1]).toEqual([
      "EVENKEEL UNKNOWN - The inventory has no host db9.",
    ]);
    for (const port of ["x", "-1", "70000", "0", "22x"])
      expect([port, (await evenkeel(core.directory, "login", "orders-1", "--port", port))[0]]).toEqual([port, 3]);
    expect((await evenkeel(core.directory, "login", "orders-1", "--transport", "telnet"))[0]).toBe(3);
    expect((await evenkeel(core.directory, "login", "nothing"))[0]).toBe(3);
    expect(kept()).toEqual(before);
  });

  it("stays as it is while a recovery is under way, and it is said on which cluster", async () => {
    const here = world([{ name: "a", undo: "by" }]);
    await here.run();
    const data = join(ssh.directory, "data");
    const under = { ...clusters[1], clusterId: here.last().clusterId, name: "busy" };
    mkdirSync(data);
    writeFileSync(join(data, "inventory.json"), JSON.stringify([clusters[0], under]));
    const journal = openJournal(join(data, "journal.log"), systemClock);
    for (const run of here.journal.lines.filter(({ state }) => state === "running")) journal.write(run);
    const [code, lines] = await evenkeel(data, "login", "orders-1", "--user", "ops");
    expect([code, lines[0]]).toEqual([
      3,
      expect.stringContaining("A recovery is under way on busy. Nothing was changed"),
    ]);
    expect(JSON.parse(readFileSync(join(data, "inventory.json"), "utf8"))).toEqual([clusters[0], under]);
    for (const run of here.journal.lines) journal.write(run);
    journal.close();
    expect((await evenkeel(data, "login", "orders-1", "--user", "ops"))[0]).toBe(0);
  });
});
