import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Assessment } from "../../contract/assessment";
import { startLab, whyNoLab, type Lab } from "../lab/start-lab";
import { openConsole, outcome, verdict, type Console } from "./console";

const why = whyNoLab();
const all = ["e1", "e2", "e3"];

/** What keeps services alive where it is not systemd, shown on etcd: e1 under supervisor, e2 under runit, e3 started by hand. */
describe.skipIf(why !== null)(`services kept by others than systemd ${why ?? ""}`, () => {
  let lab: Lab;
  let console: Console;

  beforeAll(async () => {
    lab = await startLab("etcd");
    const prepare: Readonly<Record<string, string>> = {
      e1: `cat > /etc/supervisor/conf.d/etcd.conf <<END
[program:etcd]
command=${commandOn("e1")}
user=etcd
autorestart=true
END
systemctl start supervisor`,
      e2: `mkdir -p /etc/sv/etcd /etc/runit/runsvdir/default
rm -f /etc/runit/runsvdir/default/*
printf '#!/bin/sh\\nexec chpst -u etcd ${commandOn("e2")}\\n' > /etc/sv/etcd/run
chmod 755 /etc/sv/etcd/run
ln -s /etc/sv/etcd /etc/runit/runsvdir/default/etcd
systemd-run --unit=runit -p KillMode=mixed /usr/bin/runsvdir -P /etc/service`,
      e3: `cd / && setsid runuser -u etcd -- ${commandOn("e3")} </dev/null >/dev/null 2>&1 &`,
    };
    for (const host of all)
      await lab.run(host, `systemctl stop etcd; chown -R etcd: /var/lib/etcd\n${prepare[host] ?? ""}`);
    console = openConsole(lab.sshConfigPath);
    await vi.waitFor(async () => expect(await found()).toBe(all.length), { timeout: 60_000, interval: 500 });
  });
  afterAll(async () => {
    await console.close();
    await lab.stop();
  });

  function commandOn(host: string): string {
    const { address } = lab.host(host);
    const clients = `http://${address}:2379,http://127.0.0.1:2379`;
    return (
      `/usr/bin/etcd --name ${host} --data-dir /var/lib/etcd/default --listen-peer-urls http://${address}:2380 ` +
      `--listen-client-urls ${clients} --advertise-client-urls http://${address}:2379`
    );
  }
  async function found(): Promise<number> {
    const [cluster] = (await console.discover("e1")).clusters;
    if (cluster?.members.length === all.length) await console.keep(cluster, "etcd");
    return cluster?.members.length ?? 0;
  }
  const controlOf = (host: string): unknown =>
    console.cluster().members.find(({ member }) => member === host)?.settings.control;
  const isWell = (seen: Assessment): boolean => verdict(seen).every((one) => !one.includes(" etcd/"));
  const pidOn = (host: string): Promise<string> => lab.run(host, "pgrep -x etcd");

  /** Restarts the running member, then starts it where it is stopped. */
  async function restart(host: string, stop: string): Promise<void> {
    await console.until(isWell, 60_000);
    const before = await pidOn(host);
    expect(outcome(await console.recover("etcd/restart-member", host))).toBe("done");
    expect(await pidOn(host)).not.toBe(before);
    await console.until(isWell, 60_000);
    await lab.run(host, stop);
    await console.until((seen) => verdict(seen).includes("degraded etcd/MemberStopped"));
    expect(outcome(await console.recover("etcd/restart-member", host))).toBe("done");
    await console.until(isWell, 60_000);
    expect((await pidOn(host)).trim().split("\n")).toHaveLength(1);
  }

  it("live: etcd / restart-under-supervisor: supervisorctl stops and starts a member that supervisor keeps", async () => {
    expect(controlOf("e1")).toBe("supervisor:etcd");
    await restart("e1", "supervisorctl stop etcd");
    expect(await lab.run("e1", "supervisorctl status etcd")).toContain("RUNNING");
  });

  it("live: etcd / restart-under-runit: sv stops and starts a member that runit keeps", async () => {
    expect(controlOf("e2")).toBe("runit:/etc/sv/etcd");
    await restart("e2", "sv stop etcd");
    expect(await lab.run("e2", "sv status etcd")).toMatch(/^run: /);
  });

  it("live: etcd / restart-by-command: a member nobody keeps is started again with the words it ran with, and outlives the login", async () => {
    expect(controlOf("e3")).toMatch(/^plain:\["\/usr\/bin\/etcd","--name","e3",/);
    const words = await lab.run("e3", "tr '\\0' ' ' </proc/$(pgrep -x etcd)/cmdline");
    await restart("e3", "pkill -TERM -x etcd; while pgrep -x etcd; do sleep 0.1; done");
    expect(await lab.run("e3", "tr '\\0' ' ' </proc/$(pgrep -x etcd)/cmdline")).toBe(words);
  });
});
