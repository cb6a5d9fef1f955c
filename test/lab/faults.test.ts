import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLab, whyNoLab, type Lab } from "./start-lab";

const runFile = promisify(execFile);
const why = whyNoLab();
const inCi = process.env["CI"] === "true";
const redis = "redis-server";

/** The system's own ssh, which gives up after three seconds. */
async function ssh(lab: Lab, host: string, command: string): Promise<{ stdout: string; stderr: string; code: number }> {
  const options = ["-F", lab.sshConfigPath, "-o", "BatchMode=yes", "-o", "ConnectTimeout=3"];
  try {
    return { code: 0, ...(await runFile("ssh", [...options, host, command], { encoding: "latin1", timeout: 30_000 })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

describe.skipIf(why !== null && !inCi)(`the lab's faults${why === null ? "" : ` (skipped: ${why})`}`, () => {
  let lab: Lab;
  /** Whether a host answers a ping from another, which goes by address and by IP alone. */
  const reaches = async (from: string, to: string): Promise<boolean> =>
    (await lab.attempt(from, `ping -c 1 -W 1 ${to}`)).code === 0;
  const pings = async (host: string): Promise<string> =>
    (await lab.attempt(host, "timeout 2 redis-cli ping 2>&1")).stdout.trim();
  const state = async (host: string): Promise<string> =>
    (await lab.attempt(host, `systemctl is-active ${redis}`)).stdout.trim();

  beforeAll(async () => {
    lab = await startLab("redis-cluster");
  });
  afterAll(async () => lab.stop());

  it("kill: the service is dead and stays so until it is revived", async () => {
    await lab.faults.kill("r6", redis);
    expect(await state("r6")).toBe("failed");
    expect(await pings("r6")).toContain("Connection refused");
    await lab.faults.revive("r6", redis);
    expect(await pings("r6")).toBe("PONG");
  });

  it("kill with restarts: the unit starts it again by itself", async () => {
    const before = await lab.run("r6", `systemctl show -P MainPID ${redis}`);
    await lab.faults.kill("r6", redis, { restarts: true });
    await expect.poll(() => pings("r6"), { timeout: 20_000 }).toBe("PONG");
    expect(await lab.run("r6", `systemctl show -P MainPID ${redis}`)).not.toBe(before);
    expect((await lab.run("r6", `systemctl show -P NRestarts ${redis}`)).trim()).toBe("1");
  });

  it("kill of what does not run says so", async () => {
    await expect(lab.faults.kill("r6", "etcd")).rejects.toThrow("no process of etcd runs");
  });

  it("hang: connections are accepted and never answered, and the unit still counts as active", async () => {
    await lab.faults.hang("r6", redis);
    expect((await lab.attempt("r6", "timeout 2 redis-cli ping")).code).toBe(124);
    expect(await state("r6")).toBe("active");
    await lab.faults.resume("r6", redis);
    expect(await pings("r6")).toBe("PONG");
  });

  it("freeze: the host answers pings and accepts SSH, which then stays silent", async () => {
    lab.faults.freeze("r6");
    expect(await reaches("r1", "r6")).toBe(true);
    expect((await ssh(lab, "r6", "true")).stderr).toContain("timed out during banner exchange");
    lab.faults.thaw("r6");
    expect((await ssh(lab, "r6", "hostname")).stdout).toBe("r6\n");
  });

  it("switched off: nothing answers; on again: what was written is there", async () => {
    await lab.run("r6", "echo kept > /root/note; echo kept > /var/lib/redis/note");
    await lab.faults.switchOff("r6");
    expect(await reaches("r1", "r6")).toBe(false);
    expect((await ssh(lab, "r6", "true")).code).toBe(255);
    await expect(lab.run("r6", "true")).rejects.toThrow("r6 is off");
    await lab.faults.switchOn("r6");
    expect(await lab.run("r6", "cat /root/note /var/lib/redis/note")).toBe("kept\nkept\n");
    await expect.poll(() => pings("r6"), { timeout: 20_000 }).toBe("PONG");
  });

  it("partition: the groups do not reach each other, the desktop reaches all, until healed", async () => {
    await lab.faults.partition(["r1", "r2"], ["r3"]);
    expect([await reaches("r1", "r3"), await reaches("r3", "r2"), await reaches("r1", "r2")]).toEqual([
      false,
      false,
      true,
    ]);
    expect((await ssh(lab, "r3", "hostname")).stdout).toBe("r3\n");
    await lab.faults.healPartitions();
    expect([await reaches("r1", "r3"), await reaches("r3", "r2")]).toEqual([true, true]);
  });

  it("partition from the desktop: SSH is silent and the hosts reach each other", async () => {
    await lab.faults.partition(["desktop"], ["r3"]);
    expect((await ssh(lab, "r3", "true")).stderr).toContain("Connection timed out");
    expect(await reaches("r1", "r3")).toBe(true);
    await lab.faults.healPartitions();
    expect((await ssh(lab, "r3", "hostname")).stdout).toBe("r3\n");
  });

  it("one-way partition: packets arrive in one direction only", async () => {
    for (const host of ["r1", "r2"])
      await lab.run(host, "systemd-run --quiet sh -c 'timeout 30 nc -ulk 7777 > /run/heard'");
    await lab.faults.partitionOneWay(["r1"], ["r2"]);
    await lab.run("r1", `echo lost | nc -u -q 0 ${lab.host("r2").address} 7777`);
    await lab.run("r2", `echo heard | nc -u -q 0 ${lab.host("r1").address} 7777`);
    await expect.poll(() => lab.run("r1", "cat /run/heard")).toBe("heard\n");
    expect(await lab.run("r2", "cat /run/heard")).toBe("");
    await lab.faults.healPartitions();
    expect(await reaches("r1", "r2")).toBe(true);
  });

  it("packet loss: about so many pings are lost, and none afterwards", async () => {
    const lostPercent = async (): Promise<number> =>
      Number(/([\d.]+)% packet loss/.exec((await lab.attempt("r1", "ping -c 200 -i 0.005 -W 1 r3")).stdout)?.[1]);
    await lab.faults.losePackets("r3", 30);
    // 30 % each way is 51 % of the round trips.
    const lost = await lostPercent();
    expect(lost).toBeGreaterThan(30);
    expect(lost).toBeLessThan(72);
    await lab.faults.loseNoPackets("r3");
    expect(await lostPercent()).toBe(0);
  });

  it("delay: a round trip takes twice as long, and not afterwards", async () => {
    const fastestMs = async (): Promise<number> =>
      Number(/= ([\d.]+)\//.exec((await lab.attempt("r1", "ping -c 5 -i 0.2 r3")).stdout)?.[1]);
    await lab.faults.delayPackets("r3", 40, 5);
    expect(await fastestMs()).toBeGreaterThan(65);
    expect((await ssh(lab, "r3", "hostname")).stdout).toBe("r3\n");
    await lab.faults.delayNoPackets("r3");
    expect(await fastestMs()).toBeLessThan(40);
  });

  it("rate: 60 kB take seconds at 256 kbit/s", async () => {
    await lab.faults.limitRate("r3", 256);
    const started = Date.now();
    expect((await ssh(lab, "r3", "head -c 60000 /dev/urandom")).code).toBe(0);
    expect(Date.now() - started).toBeGreaterThan(1500);
    await lab.faults.limitNoRate("r3");
    expect(await lab.run("r3", "tc qdisc show dev eth0")).not.toContain("tbf");
  });

  it("slow CPU: a second of work takes ten and more, and less again afterwards", async () => {
    const elapsedOverWorked = async (): Promise<number> => {
      const work = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; times";
      const script = `read -r from _ < /proc/uptime; ${work}; read -r to _ < /proc/uptime; echo $from $to`;
      const words = (await lab.run("r3", `systemd-run --quiet --pipe --wait sh -c '${script}'`)).split(/\s+/);
      const worked = Number(/m(.*)s/.exec(words[0] ?? "")?.[1]);
      const [from, to] = words.filter((word) => /^[\d.]+$/.test(word)).map(Number);
      return ((to ?? 0) - (from ?? 0)) / worked;
    };
    lab.faults.slowCpu("r3", 5);
    const slow = await elapsedOverWorked();
    expect(slow).toBeGreaterThan(10);
    lab.faults.fullCpu("r3");
    expect(await elapsedOverWorked()).toBeLessThan(slow);
  });

  it("out of memory: the kernel kills the service, on that host only, and sshd lives", async () => {
    const pid = (host: string): Promise<string> => lab.run(host, `systemctl show -P MainPID ${redis}`);
    const before = [await pid("r5"), await pid("r6")];
    await lab.faults.exhaustMemory("r6", redis);
    await expect.poll(() => pings("r6"), { timeout: 20_000 }).toBe("PONG");
    expect(await pid("r6")).not.toBe(before[1]);
    expect(await pid("r5")).toBe(before[0]);
    expect(await lab.run("r6", `journalctl -b -u ${redis} --no-pager`)).toMatch(/killed|oom-kill|status=9\/KILL/);
    expect((await ssh(lab, "r6", "hostname")).stdout).toBe("r6\n");
  });

  it("disk full: df says so on that host, the service cannot write, and can afterwards", async () => {
    const free = async (host: string): Promise<string> => lab.run(host, "df -PT /var/lib/redis | tail -1");
    await lab.faults.fillDisk("r6");
    expect(await free("r6")).toMatch(/ext4 .* 100% \/var\/lib\/redis/);
    expect(await free("r5")).not.toContain("100%");
    expect(
      (await lab.attempt("r6", "runuser -u redis -- dd if=/dev/zero of=/var/lib/redis/more bs=4k count=8 2>&1")).stdout,
    ).toContain("No space left on device");
    await lab.faults.freeDisk("r6");
    expect(await free("r6")).not.toContain("100%");
    await lab.run("r6", "rm -f /var/lib/redis/more");
  });

  it("clock skew: date is ahead, also as the product asks it, and right afterwards", async () => {
    const aheadSeconds = async (): Promise<number> =>
      Number((await ssh(lab, "r6", "PATH=/usr/sbin:/usr/bin:/sbin:/bin date +%s")).stdout) - Date.now() / 1000;
    await lab.faults.skewClock("r6", 120);
    expect(Math.abs((await aheadSeconds()) - 120)).toBeLessThan(10);
    await lab.faults.restoreClock("r6");
    expect(Math.abs(await aheadSeconds())).toBeLessThan(10);
  });

  it("garble: a program's answer comes behind bytes that are no text, and clean afterwards", async () => {
    const clean = (await ssh(lab, "r6", "redis-cli ping")).stdout;
    await lab.faults.garble("r6", "redis-cli");
    const garbled = (await ssh(lab, "r6", "redis-cli ping")).stdout;
    expect(garbled).toMatch(/^error: \xff\xfe\x80\n/);
    expect(garbled).toContain(clean);
    await lab.faults.ungarble("r6", "redis-cli");
    expect((await ssh(lab, "r6", "redis-cli ping")).stdout).toBe(clean);
  });

  it("greeted logins: every command's output has a greeting before it, and none afterwards", async () => {
    await lab.faults.greetLogins("r6");
    expect((await ssh(lab, "r6", "hostname")).stdout).toBe("Welcome, this host is watched.\nr6\n");
    await lab.faults.greetNobody("r6");
    expect((await ssh(lab, "r6", "hostname")).stdout).toBe("r6\n");
  });

  it("sshd stopped: SSH is refused and the service goes on", async () => {
    await lab.faults.stopSshd("r6");
    expect((await ssh(lab, "r6", "true")).stderr).toContain("Connection refused");
    expect(await pings("r6")).toBe("PONG");
    await lab.faults.startSshd("r6");
    expect((await ssh(lab, "r6", "hostname")).stdout).toBe("r6\n");
  });
});
