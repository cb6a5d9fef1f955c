import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmbeddedCluster, whatIsMissing, type EmbeddedCluster } from "../lab/embedded/embedded-cluster";
import { openCore, type OpenCore } from "./open-core";

const cannotRun = whatIsMissing() !== null && process.env.CI !== "true";

/** As on a machine without OpenSSH's sshd: the cluster is as real, and only who takes the logins is another. */
describe.skipIf(cannotRun)("the embedded cluster behind SSH servers inside this process", () => {
  let lab: EmbeddedCluster;
  let core: OpenCore;
  let clusterId: string;
  const said: string[] = [];

  beforeAll(async () => {
    lab = await startEmbeddedCluster({ sshServers: "in-process", say: (line) => said.push(line) });
    core = openCore(lab.sshConfigPath);
  });
  afterAll(async () => {
    await core.close();
    await lab.stop();
  });

  it("says in one line what stands in for what", () => {
    expect([lab.sshServers, said.length]).toEqual(["in-process", 1]);
    expect(said[0]).toMatch(/ssh2.*stands in for OpenSSH's sshd/);
  });

  it("is found from one host, and every node and member of it is read", async () => {
    ({ clusterId } = await core.add("keel-1", "postgresql", "demo"));
    const { nodes, members, findings } = await core.read(clusterId);
    expect(nodes.map(({ node, reachability }) => [node, reachability.state])).toEqual([
      ["keel-1", "reachable"],
      ["keel-2", "reachable"],
      ["keel-3", "reachable"],
    ]);
    expect(members.map(({ role }) => (role.state === "known" ? role.value : role))).toEqual([
      "postgresql/role.primary",
      "postgresql/role.standby",
      "postgresql/role.standby",
    ]);
    expect(findings.filter(({ code }) => code.startsWith("postgresql/"))).toEqual([]);
  });

  it("runs a command as the node's account, with input and with none, and tells how it ended", async () => {
    const [account, ...lines] = (await ssh("keel-2", "id -un; cat; exit 7", "one\ntwo\n")).stdout.split("\n");
    expect([account, lines]).toEqual([lab.nodes[1].account, ["one", "two", ""]]);
    expect((await ssh("keel-2", "cat; exit 7", "")).code).toBe(7);
  });

  it("lets nobody in without the key", async () => {
    const refused = await ssh("keel-2", "true", "", "-o", "IdentityFile=none", "-o", "PubkeyAuthentication=no");
    expect([refused.code, refused.stderr]).toEqual([255, expect.stringContaining("Permission denied (publickey)")]);
  });

  it("tells a member that was killed, and lets it join again by the app's own recovery", async () => {
    lab.kill("keel-3");
    const stopped = async (): Promise<readonly string[]> =>
      (await core.read(clusterId)).findings
        .filter(({ code }) => code === "postgresql/ServerStopped")
        .map(({ subject }) => (subject.kind === "member" ? subject.member : subject.kind));
    await expect.poll(stopped, { timeout: 60_000, interval: 500 }).toEqual(["keel-3"]);
    const run = await core.recover(clusterId, "postgresql/rejoin-as-standby", "keel-3");
    expect(run.state).toBe("done");
    expect(lab.isRunning("keel-3")).toBe(true);
  });

  it("leaves no process, no file and no open port", async () => {
    await lab.stop();
    expect(existsSync(lab.directory)).toBe(false);
    const listing = execFileSync("ps", ["-A", "-o", "stat=,args="], { encoding: "utf8" });
    expect(listing.split("\n").filter((line) => line.includes(lab.directory) && !line.startsWith("Z"))).toEqual([]);
    for (const { address, sshPort } of lab.nodes) expect(await accepts(address, sshPort)).toBe(false);
  });

  /** The system's own client; not waited for in one piece, since its server is in this process. */
  function ssh(
    node: string,
    command: string,
    input: string,
    ...options: readonly string[]
  ): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
    const child = spawn("ssh", [...options, "-F", lab.sshConfigPath, "-o", "BatchMode=yes", node, command]);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin.on("error", () => undefined).end(input);
    return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
  }
});

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
