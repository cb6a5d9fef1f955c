import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString, writeHeapSnapshot } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemClock } from "../../main/clock";
import type { Access } from "../../main/ssh/access";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import { createAccess } from "../../main/ssh/pool";
import { resolveLogin } from "../../main/ssh/resolve-login";
import { readSshConfig } from "../../main/ssh/ssh-config";
import { createSystemSsh } from "../../main/ssh/system-ssh";
import { freePort } from "../lab/free-port";
import { startSshd } from "../lab/sshd";
import { measure, median, rssMiB, type Measured } from "./measure";

const limits = { deadlineMs: 60_000, maxBytes: 1 << 16 };
/** What a long session may cost: nothing that stays behind after a host was closed. */
const mostGrowthMiB = 5;
const transports = ["built-in", "system"] as const;
type Transport = (typeof transports)[number];

/**
 * Connects to one real sshd, runs a command and closes, `cycles` times through one access: what a connection takes, and what stays behind.
 * With EVENKEEL_HEAP_SNAPSHOTS=DIRECTORY a heap snapshot is written there after the warm-up and at the end.
 */
export async function benchSoak(cycles: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-soak-"));
  const keyPath = join(directory, "key");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", keyPath]);
  const sshd = await startSshd({
    directory: join(directory, "sshd"),
    address: "127.0.0.1",
    port: await freePort(["127.0.0.1"]),
    authorizedKeys: [readFileSync(`${keyPath}.pub`, "utf8").trim()],
    // Nobody's own shell start-up files take part.
    config: ["LogLevel ERROR", `SetEnv HOME=${directory}`],
  });
  const knownHosts = join(directory, "known_hosts");
  writeFileSync(knownHosts, sshd.hostKeys.map((key) => `* ${key}\n`).join(""));
  const configPath = join(directory, "ssh_config");
  writeFileSync(
    configPath,
    `Host *\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  User ${userInfo().username}\n  IdentityFile ${keyPath}\n  IdentitiesOnly yes\n  UserKnownHostsFile ${knownHosts}\n`,
  );
  const access = openAccess(configPath, directory);
  try {
    console.log(`\nConnecting to one host, logged in and its shell asked once, medians of ${connects}:`);
    for (const transport of transports) print(await benchConnect(access, transport));
    await soak(access, cycles);
  } finally {
    await access.close();
    await sshd.stop();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function openAccess(configPath: string, directory: string): Access {
  const desktop = { homeDirectory: directory, user: userInfo().username, environment: {} };
  return createAccess({
    clock: systemClock,
    random: Math.random,
    newNonce: randomUUID,
    asker: { ask: () => Promise.resolve({ kind: "refuse" }) },
    hostKeys: hostKeyCheck,
    resolve: async (login) => resolveLogin(await readSshConfig(configPath, desktop), login),
    systemSsh: createSystemSsh({
      configFiles: [configPath],
      runtimeDirectory: directory,
      environment: process.env,
      platform: process.platform,
    }),
  });
}

const connects = 40;

async function benchConnect(access: Access, transport: Transport): Promise<Measured> {
  let last = 0;
  const connect = async (): Promise<void> => {
    last += 1;
    const name = `${transport}-${last}`;
    access.know(name, { host: name, transport });
    await access.node(name).ready();
  };
  for (let warm = 0; warm < 3; warm += 1) await connect();
  const measured = await measure(transport, connects, connect, transport === "built-in");
  for (let one = 1; one <= last; one += 1) await access.forget(`${transport}-${one}`);
  return measured;
}

function print({ name, wallMs, cpuMs }: Measured): void {
  const cpu = cpuMs === null ? "" : `, client CPU ${median(cpuMs).toFixed(1)} ms`;
  console.log(`  ${name}: ${median(wallMs).toFixed(0)} ms a host${cpu}`);
}

interface Held {
  readonly heapMiB: number;
  readonly rssMiB: number;
  /** Timers, sockets and other things that keep the event loop going. */
  readonly resources: number;
}

async function soak(access: Access, cycles: number): Promise<void> {
  const cycle = async (at: number): Promise<void> => {
    const name = `soak-${at}`;
    access.know(name, { host: name });
    const { stdout, ending } = await access.node(name).run({ argv: ["echo", name] }, limits);
    if (stdout !== `${name}\n`) throw new Error(`cycle ${at}: ${stdout} ${JSON.stringify(ending)}`);
    await access.forget(name);
  };
  const warmUp = Math.min(500, Math.ceil(cycles / 4));
  for (let at = 0; at < warmUp; at += 1) await cycle(at);
  const before = await held("before");
  const startedAt = performance.now();
  for (let at = 1; at <= cycles; at += 1) {
    await cycle(warmUp + at);
    if (at % Math.ceil(cycles / 10) === 0) console.log(`  ${at} cycles: ${words(await held())}`);
  }
  const tookMs = performance.now() - startedAt;
  const after = await held("after");
  console.log(`${cycles} times connected, ran a command and closed, after ${warmUp} to warm up:`);
  console.log(`  ${(tookMs / cycles).toFixed(0)} ms each; before: ${words(before)}; after: ${words(after)}`);
  const grownMiB = after.heapMiB - before.heapMiB;
  console.log(`  heap growth ${grownMiB.toFixed(2)} MiB, resident ${(after.rssMiB - before.rssMiB).toFixed(2)} MiB`);
  if (grownMiB > mostGrowthMiB || after.resources > before.resources)
    throw new Error(`something stays behind after ${cycles} cycles: ${words(before)} became ${words(after)}`);
}

function words({ heapMiB, rssMiB: resident, resources }: Held): string {
  return `heap ${heapMiB.toFixed(2)} MiB, resident ${resident.toFixed(1)} MiB, ${resources} resources`;
}

/** What is held once all that can go has gone. */
async function held(snapshot?: "before" | "after"): Promise<Held> {
  // What was closed a moment ago lingers for as long as its last grace periods.
  await pause(1_500);
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let round = 0; round < 3; round += 1) {
    collect();
    await pause(50);
  }
  const directory = process.env["EVENKEEL_HEAP_SNAPSHOTS"];
  if (snapshot !== undefined && directory !== undefined) writeHeapSnapshot(join(directory, `${snapshot}.heapsnapshot`));
  return {
    heapMiB: process.memoryUsage().heapUsed / 2 ** 20,
    rssMiB: rssMiB(),
    resources: process.getActiveResourcesInfo().length,
  };
}
