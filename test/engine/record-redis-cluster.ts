import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Assessment } from "../../contract/assessment";
import type { DiscoveredCluster, Member } from "../../contract/inventory";
import { redisCluster } from "../../main/engine/redis-cluster";
import { freePort } from "../lab/free-port";
import { startRedis } from "../lab/redis-process";
import { startSshd } from "../lab/sshd";
import { startLab, type Lab } from "../lab/start-lab";
import { openConsole, type Console } from "../live/console";
import { openRecorder } from "./recorder";

/** Records the cases of Redis Cluster from real ones: `npx tsx test/engine/record-redis-cluster.ts [members|troubles|limits|aged|refusals|one-host]`. */
const wanted = process.argv.slice(2);
const redis = "redis-server";

type Part = Pick<DiscoveredCluster, "nodes" | "members">;

interface Bench {
  readonly cluster: DiscoveredCluster;
  readonly console: Console;
  keep(name: string, what: string, change?: Partial<Part> & { readonly withPrevious?: boolean }): Promise<void>;
}

async function onCluster(
  sshConfigPath: string,
  seed: string,
  about: { readonly version: string; readonly origin: string },
  record: (bench: Bench) => Promise<void>,
): Promise<void> {
  const seat = openConsole(sshConfigPath);
  const recorder = openRecorder(sshConfigPath);
  try {
    const cluster = (await seat.discover(seed)).clusters.find(({ engine }) => engine === "redis-cluster");
    if (cluster === undefined) throw new Error(`no cluster was found from ${seed}`);
    await seat.keep(cluster, "recorded");
    await record({
      cluster,
      console: seat,
      keep: async (name, what, { withPrevious, ...change } = {}) => {
        await recorder.record(redisCluster, { ...cluster, ...change }, name, {
          what,
          ...about,
          ...(withPrevious === true && { withPrevious }),
        });
        console.log(name);
      },
    });
  } finally {
    await seat.close();
  }
}

function isWanted(...names: readonly string[]): boolean {
  return wanted.length === 0 || names.some((name) => wanted.includes(name));
}

const isWell = ({ level }: Assessment): boolean => level === "ok" || level === "watch";
const says = (code: string) => (assessment: Assessment) =>
  assessment.findings.some((one) => one.code === `redis-cluster/${code}`);

function asked(cluster: DiscoveredCluster, member: string, settings: Member["settings"]): Partial<Part> {
  return {
    members: cluster.members.map((one) =>
      one.member === member ? { ...one, settings: { ...one.settings, ...settings } } : one,
    ),
  };
}

interface Hands {
  readonly all: readonly string[];
  cli(host: string, words: string): Promise<string>;
  idOf(host: string): string;
  /** Until the app calls the cluster well again. */
  well(): Promise<Assessment>;
  copyOf(master: string): Promise<string>;
}

function handsOn(lab: Lab, { cluster, console: seat }: Bench): Hands {
  const all = lab.hosts.map(({ name }) => name);
  const cli: Hands["cli"] = (host, words) => lab.run(host, `redis-cli ${words}`);
  const idOf: Hands["idOf"] = (host) =>
    String(cluster.members.find(({ member }) => member === host)?.settings["nodeId"] ?? "");
  const masterOf = async (host: string): Promise<string> =>
    (await cli(host, "cluster nodes"))
      .split("\n")
      .find((line) => line.includes("myself"))
      ?.split(" ")[3] ?? "";
  return {
    all,
    cli,
    idOf,
    well: () => seat.until(isWell, 90_000),
    copyOf: async (master) => {
      for (const host of all) if ((await masterOf(host)) === idOf(master)) return host;
      throw new Error(`nobody copies ${master}`);
    },
  };
}

async function later(ms: number, work: () => Promise<unknown>): Promise<void> {
  await pause(ms);
  await work();
}

/** Members that are silent, hung or gone. */
async function losingMembers(lab: Lab, bench: Bench): Promise<void> {
  const { cluster, console: seat, keep } = bench;
  const { all, cli, well, copyOf } = handsOn(lab, bench);
  await lab.run("r1", "for i in $(seq 300); do echo set key:$i $i; done | redis-cli -c >/dev/null");
  await keep("healthy", "three masters with a replica each, 300 keys", { withPrevious: true });
  await keep("garbled", "r2 is asked at the port of its SSH server", asked(cluster, "r2", { port: 22 }));
  await keep(
    "refused",
    "r3 is asked as an ACL user whose password nobody has",
    asked(cluster, "r3", { user: "nobody-here" }),
  );
  await keep("node-unwatched", "r6 is not in the inventory", {
    members: cluster.members.filter(({ member }) => member !== "r6"),
  });
  await cli("r5", "acl setuser default -config");
  await keep("partly-read", "the login may not use CONFIG on r5");
  await cli("r5", "acl setuser default +@all");

  lab.faults.freeze("r5");
  await keep("one-node-silent", "every process of the host r5 is stopped: its network answers, and nobody on it");
  lab.faults.thaw("r5");
  await well();

  const copy1 = await copyOf("r1");
  await lab.faults.hang(copy1, redis);
  await pause(6_000);
  await keep("replica-hung", `SIGSTOP to the replica ${copy1}`);
  await lab.faults.resume(copy1, redis);
  await well();
  await lab.faults.kill(copy1, redis);
  await pause(6_000);
  await keep("replica-killed", `kill -9 of the replica ${copy1}, and its unit does not start it again`);
  await lab.faults.revive(copy1, redis);
  await well();

  await Promise.all(all.map((host) => cli(host, "config set cluster-replica-no-failover yes")));
  await lab.faults.kill("r1", redis);
  await seat.until(says("ShardWithoutMaster"));
  await pause(6_000);
  await keep("master-killed", "kill -9 of the master r1 while replicas may not take over by themselves");
  await lab.faults.kill("r2", redis);
  await pause(8_000);
  await keep("majority-killed", "kill -9 of two of three masters");
  await lab.faults.revive("r2", redis);
  await lab.faults.kill(copy1, redis);
  await pause(8_000);
  await keep("shard-gone", `kill -9 of the master r1 and of its only replica ${copy1}`);
  await lab.faults.revive("r1", redis);
  await lab.faults.revive(copy1, redis);
  await Promise.all(all.map((host) => cli(host, "config set cluster-replica-no-failover no")));
  await well();
}

/** Cuts, slots, disks and limits. */
async function troublingAll(lab: Lab, bench: Bench): Promise<void> {
  const { console: seat, keep } = bench;
  const { all, cli, idOf, well, copyOf } = handsOn(lab, bench);
  const copy3 = await copyOf("r3");

  // A cut says nothing: without a shorter timeout the replica waits a minute before it calls the link down.
  await cli(copy3, "config set repl-timeout 12");
  await lab.faults.partition([copy3], ["r3"]);
  await seat.until(says("ReplicaLinkDown"), 60_000);
  await keep("replica-link-down", `the network between r3 and its replica ${copy3} is cut`);
  await cli(copy3, "config set repl-timeout 60");
  await lab.faults.healPartitions();
  await well();

  const rest = all.filter((host) => host !== "r3");
  await lab.faults.partition(["r3"], rest);
  await seat.until(says("SplitView"), 60_000);
  await keep("split-view", "the master r3 is cut off from all others and its replica has taken its place");
  await lab.faults.healPartitions();
  await well();
  await lab.faults.partition(
    ["desktop", copy3],
    all.filter((host) => host !== copy3),
  );
  await pause(8_000);
  await keep("desktop-with-minority", `this desktop and ${copy3} are on the small side of a cut`);
  await lab.faults.healPartitions();
  await well();

  await Promise.all(all.map((host) => cli(host, "cluster delslots 100 101")));
  await pause(1_000);
  await keep("slots-unowned", "the slots 100 and 101 were taken from their master on every node");
  const owner =
    (await cli("r2", "cluster nodes"))
      .split("\n")
      .find((line) => / 0-99 /.test(line))
      ?.split(" ")[0] ?? "";
  const ownerHost = all.find((host) => idOf(host) === owner) ?? "r1";
  await cli(ownerHost, "cluster addslots 100 101");
  await well();
  const taker =
    (await cli("r2", "cluster nodes"))
      .split("\n")
      .find((line) => / 5461-10922/.test(line))
      ?.split(" ")[0] ?? "";
  const takerHost = all.find((host) => idOf(host) === taker) ?? "r2";
  await cli(takerHost, `cluster setslot 200 importing ${owner}`);
  await cli(ownerHost, `cluster setslot 200 migrating ${taker}`);
  await keep("slot-open", "a slot's move was begun and not finished");
  await cli(takerHost, "cluster setslot 200 stable");
  await cli(ownerHost, "cluster setslot 200 stable");

  await Promise.all(all.map((host) => cli(host, "config set cluster-allow-replica-migration no")));
  const spare = await copyOf(takerHost);
  await cli(spare, `cluster replicate ${owner}`);
  await seat.until((now) => says("ShardWithoutReplica")(now) && !says("ReplicaLinkDown")(now));
  await keep("replica-of-wrong-master", `${spare} copies ${ownerHost} and ${takerHost} has no replica`);
  await Promise.all([
    later(1_000, () => cli(spare, `cluster replicate ${taker}`)),
    keep("full-copy", `${spare} takes a whole copy of ${takerHost}`, { withPrevious: true }),
  ]);
  await well();

  await lab.run(
    ownerHost,
    `redis-cli --cluster reshard 127.0.0.1:6379 --cluster-from ${taker} --cluster-to ${owner} --cluster-slots 1500 --cluster-yes >/dev/null`,
  );
  await lab.run(
    ownerHost,
    "for i in $(seq 40); do echo set big{6}:$i $(head -c 50000 /dev/zero | tr '\\0' x); done | redis-cli -c >/dev/null",
  );
  await pause(2_000);
  await keep("healthy-unbalanced", `1500 slots of ${takerHost} were moved to ${ownerHost}, and 2 MB lie in one slot`);
  await lab.run(ownerHost, "redis-cli --cluster rebalance 127.0.0.1:6379 --cluster-yes >/dev/null");
  await well();

  await lab.faults.fillDisk(ownerHost, "/var/lib/redis");
  await lab.attempt(
    ownerHost,
    "for i in $(seq 50); do echo set fill{$i}x $(head -c 30000 /dev/zero | tr '\\0' x); done | redis-cli -c >/dev/null",
  );
  await seat.until(says("PersistenceFails"));
  await keep("disk-full", `the data disk of ${ownerHost} is full`);
  await lab.faults.freeDisk(ownerHost, "/var/lib/redis");
  await seat.until((now) => !says("PersistenceFails")(now), 30_000);
}

/** Limits reached, restarts and lag: what takes two looks to see. */
async function limitingAll(lab: Lab, bench: Bench): Promise<void> {
  const { keep } = bench;
  const { cli, well, copyOf } = handsOn(lab, bench);
  await well();
  const used = Number(/used_memory:(\d+)/.exec(await cli("r2", "info memory"))?.[1]);
  await cli("r2", `config set maxmemory ${Math.round(used * 1.03)}`);
  await cli("r4", "config set maxclients 25");
  await lab.run("r4", "for i in $(seq 8); do (timeout 9 redis-cli subscribe nothing >/dev/null 2>&1 &); done");
  await Promise.all([
    later(1_000, () =>
      lab.run("r4", "for i in $(seq 9); do (timeout 1 redis-cli subscribe nothing >/dev/null 2>&1 &); done"),
    ),
    keep("limits", "r2 is near its memory limit; r4 has nearly all the clients it may have and has refused some", {
      withPrevious: true,
    }),
  ]);
  await cli("r2", "config set maxmemory 0");
  await lab.run("r4", "until redis-cli config set maxclients 10000 2>&1 | grep -q OK; do sleep 0.5; done");
  await cli("r1", `config set maxmemory-policy allkeys-lru maxmemory 5mb`);
  await Promise.all([
    later(1_500, () => fill(lab, "r1", 6_000)),
    keep("keys-evicted", "r1 evicts at a limit of 5 MB", { withPrevious: true }),
  ]);
  await cli("r1", "config set maxmemory-policy noeviction maxmemory 0");
  await well();
  await Promise.all([
    later(1_000, () => lab.faults.kill("r6", redis, { restarts: true })),
    keep("restarted", "r6 was killed and its unit started it again", { withPrevious: true }),
  ]);
  await well();
  const lagging = await copyOf("r1");
  await lab.faults.limitRate(lagging, 3_000);
  await fill(lab, "r1", 8_000);
  await keep("replica-lagging", `the network of ${lagging} lets 3 Mbit/s through and 8 MB were written`);
  await lab.faults.limitNoRate(lagging);
}

/** Replicas that should not take over: one whose link was lost long ago, and one that was never linked. */
async function agingAll(lab: Lab, bench: Bench): Promise<void> {
  const { console: seat, keep } = bench;
  const { all, cli, well, copyOf } = handsOn(lab, bench);
  await well();
  await lab.run("r1", "for i in $(seq 300); do echo set key:$i $i; done | redis-cli -c >/dev/null");
  const copy = await copyOf("r1");
  await Promise.all(all.map((host) => cli(host, "config set cluster-replica-no-failover yes")));
  await cli(copy, "config set repl-timeout 12");
  await cli(copy, "config set cluster-replica-validity-factor 1");
  await lab.faults.partition([copy], ["r1"]);
  await seat.until(
    ({ findings }) =>
      findings.some(
        ({ code, facts }) => code === "redis-cluster/ReplicaLinkDown" && Number(facts["sinceMs"] ?? 0) > 20_000,
      ),
    90_000,
  );
  await lab.faults.kill("r1", redis);
  await seat.until((now) => says("ShardWithoutMaster")(now) && says("PeerFailed")(now));
  await keep(
    "replica-stale",
    `the replica ${copy} was cut off from r1 for longer than its validity factor of 1 allows, and then r1 was killed`,
  );
  await lab.faults.kill(copy, redis);
  await lab.run(copy, "rm -rf /var/lib/redis/appendonlydir /var/lib/redis/dump.rdb");
  await lab.faults.revive(copy, redis);
  await seat.until(({ members }) =>
    members.some(
      ({ member, role }) => member === copy && role.state === "known" && role.value === "redis-cluster/role.replica",
    ),
  );
  await keep("replica-never-linked", `r1 is dead, and its only replica ${copy} was started anew without its files`);
  await lab.faults.healPartitions();
  await lab.faults.revive("r1", redis);
  await Promise.all(all.map((host) => cli(host, "config set cluster-replica-no-failover no")));
  await well();
}

/** Servers that answer and refuse: writes for want of replicas or memory, and all slots of a master that is cut off. */
async function refusingAll(lab: Lab, bench: Bench): Promise<void> {
  const { console: seat, keep } = bench;
  const { all, cli, idOf, well } = handsOn(lab, bench);
  await well();
  await lab.run("r1", "for i in $(seq 300); do echo set key:$i $i; done | redis-cli -c >/dev/null");
  const used = async (host: string): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await cli(host, "info memory"))?.[1]);
  await cli("r1", "config set min-replicas-to-write 2");
  await cli("r2", `config set maxmemory ${Math.round((await used("r2")) * 0.9)}`);
  await cli("r3", "config set maxmemory-policy volatile-lru");
  await cli("r3", `config set maxmemory ${Math.round((await used("r3")) * 0.9)}`);
  await pause(1_000);
  await keep(
    "writes-refused",
    "r1 wants two replicas and has one; r2 and r3 use more than maxmemory, r2 with noeviction, r3 with volatile-lru and no key that expires",
  );
  await cli("r1", "config set min-replicas-to-write 0");
  await cli("r2", "config set maxmemory 0");
  await cli("r3", "config set maxmemory 0");
  await cli("r3", "config set maxmemory-policy noeviction");
  await well();

  await lab.run(
    "r2",
    `redis-cli --cluster reshard 127.0.0.1:6379 --cluster-from ${idOf("r2")} --cluster-to ${idOf("r1")} --cluster-slots 1500 --cluster-yes >/dev/null`,
  );
  await cli("r2", `config set maxmemory ${Math.round((await used("r2")) * 1.05)}`);
  await pause(2_000);
  await keep("no-room", "r2 has 1500 slots less than its share, and uses all but a twentieth of its maxmemory");
  await cli("r2", "config set maxmemory 0");
  await lab.run("r1", "redis-cli --cluster rebalance 127.0.0.1:6379 --cluster-yes >/dev/null");
  await well();

  await Promise.all(
    all.map(async (host) => {
      await cli(host, "config set cluster-replica-no-failover yes");
      await cli(host, "config set cluster-require-full-coverage no");
    }),
  );
  await lab.faults.partition(
    ["r1"],
    all.filter((host) => host !== "r1"),
  );
  const isServedElsewhere = async (): Promise<boolean> => /cluster_state:ok/.test(await cli("r2", "cluster info"));
  await seat.until(
    async (now) => says("NodeCutOff")(now) && says("PeerFailed")(now) && (await isServedElsewhere()),
    40_000,
  );
  await pause(8_000);
  await keep(
    "shard-cut-off",
    "the master r1 is cut off from all others, no replica takes over, and the others serve the rest: full coverage is not required",
  );
  await lab.faults.healPartitions();
  await Promise.all(
    all.map(async (host) => {
      await cli(host, "config set cluster-replica-no-failover no");
      await cli(host, "config set cluster-require-full-coverage yes");
    }),
  );
  await well();
}

/** Writes values of 1 kB into one slot of the host's own. */
async function fill(lab: Lab, host: string, count: number): Promise<void> {
  const script = "for i=1,tonumber(ARGV[1]) do redis.call('set', KEYS[1]..i, string.rep(tostring(i % 10), 1000)) end";
  await lab.run(
    host,
    `for t in $(seq 99); do redis-cli set "{$t}probe" x 2>/dev/null | grep -q OK && break; done; redis-cli eval "${script}" 1 "{$t}fill" ${count}`,
  );
}

const parts = {
  members: losingMembers,
  troubles: troublingAll,
  limits: limitingAll,
  aged: agingAll,
  refusals: refusingAll,
};
for (const [name, record] of Object.entries(parts)) {
  if (!isWanted(name)) continue;
  const lab = await startLab("redis-cluster", { say: console.log });
  try {
    const version = /redis_version:(\S+)/.exec(await lab.run("r1", "redis-cli info server"))?.[1] ?? "";
    const about = { version: `Redis ${version}`, origin: "the lab's redis-cluster on hosts of Debian 12" };
    await onCluster(lab.sshConfigPath, "r2", about, (bench) => record(lab, bench));
  } finally {
    await lab.stop();
  }
}

if (isWanted("one-host")) {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-redis-"));
  const key = join(directory, "id");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const port = await freePort(["127.0.0.1"]);
  const sshd = await startSshd({
    directory: join(directory, "sshd"),
    address: "127.0.0.1",
    port,
    authorizedKeys: [readFileSync(`${key}.pub`, "utf8").trim()],
  });
  const ports: number[] = [];
  // The cluster bus takes the port above by 10000, which must exist.
  while (ports.length < 6) ports.push(20_000 + Math.floor(Math.random() * 20_000));
  const servers = await Promise.all(
    ports.map((one) =>
      startRedis(join(directory, String(one)), one, [
        "--cluster-enabled",
        "yes",
        "--cluster-config-file",
        `${one}.conf`,
      ]),
    ),
  );
  const config = join(directory, "ssh_config");
  writeFileSync(
    config,
    `Host single\n HostName 127.0.0.1\n Port ${port}\n User ${userInfo().username}\n IdentityFile ${key}\n StrictHostKeyChecking accept-new\n UserKnownHostsFile ${join(directory, "known_hosts")}\n`,
  );
  try {
    execFileSync("redis-cli", [
      "--cluster",
      "create",
      ...ports.map((one) => `127.0.0.1:${one}`),
      "--cluster-replicas",
      "1",
      "--cluster-yes",
    ]);
    await pause(8_000);
    const about = { version: "Redis 7.0.15", origin: "six servers on loopback behind one SSH server" };
    await onCluster(config, "single", about, ({ keep }) => keep("one-host", "six servers on six ports of one host"));
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    await sshd.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
process.exit(0);
