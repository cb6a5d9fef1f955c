import { execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LabRecord } from "./hosts/labs";
import { startLab, whyNoLab, type Lab } from "./start-lab";

const runFile = promisify(execFile);
const why = whyNoLab();
const skipped = why !== null && process.env["CI"] !== "true";
const reason = why === null ? "" : ` (skipped: ${why})`;

async function ssh(config: string, host: string, command: string): Promise<string> {
  return (await runFile("ssh", ["-F", config, "-o", "BatchMode=yes", host, command])).stdout;
}

/** All that a lab puts on the machine, as the machine lists it; each list is empty when nothing is left. */
function tracesOf(lab: LabRecord): Readonly<Record<string, readonly string[]>> {
  const linesNaming = (what: string, program: string, ...args: readonly string[]): readonly string[] =>
    execFileSync(program, args, { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.includes(what) && !line.startsWith("ssh "));
  return {
    processes: linesNaming(lab.directory, "ps", "-A", "-o", "args="),
    hostProcesses: processesInGroups(lab),
    interfaces: linesNaming(`${lab.network}.`, "ip", "-o", "addr"),
    mounts: linesNaming(lab.directory, "cat", "/proc/self/mounts"),
    loopDevices: linesNaming(lab.directory, "losetup", "--list", "--noheadings", "--output", "BACK-FILE"),
    groups: Object.values(lab.cgroups).filter((group) => existsSync(group)),
    directory: [lab.directory].filter((path) => existsSync(path)),
  };
}

function processesInGroups(lab: LabRecord): readonly string[] {
  return lab.hosts
    .map((host) => join(lab.cgroups["pids"] ?? lab.cgroups["unified"] ?? "", host.name, "cgroup.procs"))
    .flatMap((file) => (existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : []));
}

function isClean(traces: Readonly<Record<string, readonly string[]>>): boolean {
  return Object.values(traces).every((left) => left.length === 0);
}

describe.skipIf(skipped)(`a lab${reason}`, () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab("redis-supervised");
  });
  afterAll(async () => lab.stop());

  it("gives each host its own name, address, processes, journal and memory", async () => {
    for (const host of lab.hosts) {
      expect(await ssh(lab.sshConfigPath, host.name, "id -un; hostname; hostname -I")).toBe(
        `root\n${host.name}\n${host.address} \n`,
      );
      expect(await ssh(lab.sshConfigPath, host.name, "cat /proc/1/comm; systemctl is-system-running")).toBe(
        "systemd\nrunning\n",
      );
      expect(await ssh(lab.sshConfigPath, host.name, "journalctl -b -u ssh --no-pager")).toContain(`${host.name} sshd`);
      expect(Number(await ssh(lab.sshConfigPath, host.name, "ps -A -o pid= | wc -l"))).toBeLessThan(40);
    }
  });

  it("lets admin in, who may use sudo", async () => {
    expect(await ssh(lab.adminSshConfigPath, "x1", "id -un; sudo -n id -un")).toBe("admin\nroot\n");
  });

  it("keeps data on a disk of the host's own that df shows", async () => {
    expect(await ssh(lab.sshConfigPath, "x1", "df -PT /var/lib/redis | tail -1")).toMatch(/^\/dev\/loop\d+ +ext4 /);
  });

  it("keeps hosts from the machine's clock, kernel log, modules and devices, also behind the lab's back door", async () => {
    const attempts = "date -s @1; dmesg; mknod /tmp/disk b 7 0; hostname -I >/proc/sys/kernel/hostname";
    const { stdout, stderr } = await runFile("ssh", ["-F", lab.sshConfigPath, "x1", `${attempts}; true`]);
    expect(stderr.match(/Operation not permitted|Read-only file system/g)).toHaveLength(4);
    expect(stdout).not.toContain("Linux version");
    expect((await lab.attempt("x1", "date -s @1")).stderr).toContain("Operation not permitted");
  });

  it("gives no way out of the lab", async () => {
    expect(await ssh(lab.sshConfigPath, "x1", "ip route")).toBe(
      `${lab.record.network}.0/24 dev eth0 proto kernel scope link src ${lab.host("x1").address} \n`,
    );
  });

  it("runs services under supervisor, runit and by hand too", async () => {
    expect(await ssh(lab.sshConfigPath, "x1", "supervisorctl status redis")).toContain("RUNNING");
    expect(await ssh(lab.sshConfigPath, "x2", "sv status redis")).toMatch(/^run: /);
    await lab.faults.kill("x3", "redis-server");
    expect((await lab.attempt("x3", "pgrep -x redis-server")).code).toBe(1);
    await lab.run("x3", "redis-by-hand");
  });

  it("stands beside another lab with hosts of the same names", async () => {
    const other = await startLab("redis-supervised");
    try {
      expect(other.record.network).not.toBe(lab.record.network);
      expect(await ssh(other.sshConfigPath, "x1", "hostname -I")).not.toBe(
        await ssh(lab.sshConfigPath, "x1", "hostname -I"),
      );
    } finally {
      await other.stop();
    }
    expect(await ssh(lab.sshConfigPath, "x1", "hostname")).toBe("x1\n");
  });

  it("leaves nothing when stopped", async () => {
    expect(
      Object.entries(tracesOf(lab.record))
        .filter(([, found]) => found.length === 0)
        .map(([name]) => name),
    ).toEqual(
      // The mounts are in the lab's own namespace from the beginning.
      ["mounts"],
    );
    await lab.stop();
    expect(tracesOf(lab.record)).toSatisfy(isClean);
  });

  it("says which clusters there are when one is asked for that is none", async () => {
    await expect(startLab("oracle")).rejects.toThrow('there is no cluster "oracle"; there are: redis-cluster, ');
  });
});

describe.skipIf(skipped)(`a lab whose starter is killed${reason}`, () => {
  const holdLab = async (): Promise<{ pid: number; record: LabRecord }> => {
    const script = join(import.meta.dirname, "hosts/hold-lab.ts");
    const starter = spawn(process.execPath, ["--import", "tsx", script, "etcd"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const line of createInterface({ input: starter.stdout }))
      return { pid: starter.pid ?? -1, record: JSON.parse(line) as LabRecord };
    throw new Error("the starter ended and had said nothing");
  };

  it("leaves nothing", async () => {
    const { pid, record } = await holdLab();
    expect(tracesOf(record)).not.toSatisfy(isClean);
    process.kill(pid, "SIGKILL");
    await expect.poll(() => tracesOf(record), { timeout: 20_000 }).toSatisfy(isClean);
  });

  it("leaves nothing after the next start, also when its keeper is killed with it", async () => {
    const { pid, record } = await holdLab();
    process.kill(record.keeper.pid, "SIGKILL");
    process.kill(pid, "SIGKILL");
    await expect.poll(() => tracesOf(record)["hostProcesses"], { timeout: 20_000 }).toEqual([]);
    await (await startLab("etcd")).stop();
    expect(tracesOf(record)).toSatisfy(isClean);
  });
});
