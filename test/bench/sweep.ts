import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../main/clock";
import { linuxProbes } from "../../main/engine/linux/probes";
import { createTakeReadings } from "../../main/probe/run-probes";
import { createWire } from "../../main/probe/wire/wire";
import type { Access } from "../../main/ssh/access";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import { createAccess } from "../../main/ssh/pool";
import { resolveLogin } from "../../main/ssh/resolve-login";
import { readSshConfig } from "../../main/ssh/ssh-config";
import { freePort } from "../lab/free-port";
import { startSshd } from "../lab/sshd";
import { benchBare } from "./bare";
import { measure, median, rssMiB, type Measured } from "./measure";

/** What the peers ask for: the files that the pulse reads, with one program. */
const peerCommand = [
  "cat",
  "/proc/loadavg",
  "/proc/meminfo",
  "/proc/stat",
  "/proc/uptime",
  "/proc/sys/kernel/random/boot_id",
  "/sys/devices/system/cpu/online",
] as const;
const limits = { deadlineMs: 60_000, maxBytes: 1 << 20 };

/** Sweeps `hosts` loopback addresses behind one real sshd: the pulse, what ssh2 alone costs, one exec a host on the same connections, and clush. */
export async function benchSweep(hosts: number, sweeps: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-bench-"));
  const root = process.getuid?.() === 0;
  const home = join(directory, "home");
  mkdirSync(home);
  const names = Array.from({ length: hosts }, (_, at) => `bench-${at + 1}`);
  const keyPath = join(directory, "key");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", keyPath]);
  const sshd = await startSshd({
    directory: join(directory, "sshd"),
    address: root ? "0.0.0.0" : "127.0.0.1",
    port: await freePort([root ? "0.0.0.0" : "127.0.0.1"]),
    authorizedKeys: [readFileSync(`${keyPath}.pub`, "utf8").trim()],
    // Nobody's own shell start-up files take part: they can make every exec many times dearer, for all but the pulse.
    config: ["MaxStartups 1000:30:2000", "PerSourceMaxStartups none", "LogLevel ERROR", `SetEnv HOME=${home}`],
  });
  const configPath = join(directory, "ssh_config");
  const knownHosts = join(directory, "known_hosts");
  writeFileSync(knownHosts, sshd.hostKeys.map((key) => `* ${key}\n`).join(""));
  const addresses = names.map((_name, at) => (root ? `127.9.0.${at + 1}` : "127.0.0.1"));
  const entry = (name: string, at: number): string =>
    `Host ${name}\n  HostName ${addresses[at] ?? ""}\n  HostKeyAlias ${name}\n`;
  writeFileSync(
    configPath,
    `${names.map(entry).join("")}Host *\n  Port ${sshd.port}\n  User ${userInfo().username}\n  IdentityFile ${keyPath}\n  IdentitiesOnly yes\n  UserKnownHostsFile ${knownHosts}\n`,
  );
  const access = openAccess(configPath);
  try {
    const rssBefore = rssMiB();
    const startedAt = performance.now();
    for (const name of names) access.know(name, { host: name });
    await Promise.all(names.map((name) => access.node(name).ready()));
    console.log(
      `\n${hosts} hosts connected in ${Math.round(performance.now() - startedAt)} ms; ${sweeps} sweeps each, medians:`,
    );
    const login = { port: sshd.port, username: userInfo().username, privateKey: readFileSync(keyPath) };
    const bare = (): Promise<readonly Measured[]> => benchBare(addresses, login, pulseScript(), sweeps);
    await report(access, names, sweeps, rssBefore, bare, configPath, directory);
  } finally {
    await access.close();
    await sshd.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function openAccess(configPath: string): Access {
  const desktop = { homeDirectory: homedir(), user: userInfo().username, environment: {} };
  return createAccess({
    clock: systemClock,
    random: Math.random,
    newNonce: randomUUID,
    asker: { ask: () => Promise.resolve({ kind: "refuse" }) },
    hostKeys: hostKeyCheck,
    resolve: async (login) => resolveLogin(await readSshConfig(configPath, desktop), login),
  });
}

async function report(
  access: Access,
  names: readonly string[],
  sweeps: number,
  rssBefore: number,
  bare: () => Promise<readonly Measured[]>,
  configPath: string,
  directory: string,
): Promise<void> {
  const wire = createWire({
    password: () => Promise.resolve(null),
    accepted: () => undefined,
    refused: () => undefined,
  });
  const take = createTakeReadings({ clock: systemClock, wire });
  const pulse = async (name: string): Promise<void> => {
    const { pulse: taken } = await take(access.node(name), "host", { pulse: linuxProbes.pulse }, new Map());
    if (taken?.reading.kind !== "value") throw new Error(`${name} gave no pulse: ${JSON.stringify(taken?.reading)}`);
  };
  const exec = async (name: string): Promise<void> => {
    const { ending } = await access.node(name).run({ argv: peerCommand }, limits);
    if (ending.kind !== "exited" || ending.code !== 0) throw new Error(`${name}: ${JSON.stringify(ending)}`);
  };
  const sweep = (ask: (name: string) => Promise<void>): Promise<unknown> => Promise.all(names.map(ask));
  // The first sweeps meet cold code and sleeping shells; they are not what a console does all day.
  for (let warm = 0; warm < 100; warm += 1) await sweep(pulse);
  const ours = await measure("Evenkeel's pulse", sweeps, () => sweep(pulse));
  const rss = rssMiB();
  const rows: Measured[] = [ours, ...(await bare())];
  await sweep(exec);
  rows.push(await measure("one exec a host, same connections", sweeps, () => sweep(exec)));
  if (existsSync("/usr/bin/clush")) rows.push(await clush(names, Math.min(sweeps, 9), configPath, directory));
  else console.log("clush is not installed (Debian package clustershell), so it is not compared.");
  for (const row of rows) print(row, ours, names.length);
  console.log(
    `  memory: ${rss.toFixed(0)} MiB resident, ${((rss - rssBefore) / names.length).toFixed(2)} MiB a host more than before connecting`,
  );
}

function pulseScript(): string {
  const { ask } = linuxProbes.pulse;
  if (ask.kind !== "read") throw new Error("the pulse is no read of the shell");
  return ask.script;
}

function print(row: Measured, ours: Measured, hosts: number): void {
  const wall = median(row.wallMs);
  const cpu = row.cpuMs === null ? "" : `, client CPU ${(median(row.cpuMs) / hosts).toFixed(3)} ms a host`;
  const factor = row === ours ? "" : `, ${(wall / median(ours.wallMs)).toFixed(1)} x the pulse`;
  console.log(`  ${row.name}: ${wall.toFixed(1)} ms a sweep${cpu}${factor}`);
}

/** Warm: the masters are up before the first measured sweep. Its own start is part of it, as it is for who uses it. */
async function clush(
  names: readonly string[],
  sweeps: number,
  configPath: string,
  directory: string,
): Promise<Measured> {
  const options = `-F ${configPath} -o ControlMaster=auto -o ControlPersist=120 -o ControlPath=${directory}/%C`;
  // clush fills in percent signs itself.
  const once = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = spawn(
        "clush",
        ["-q", "-f", "250", "-w", names.join(","), "-o", options.replace("%", "%%"), peerCommand.join(" ")],
        {
          stdio: ["ignore", "ignore", "inherit"],
        },
      );
      child.once("error", reject);
      child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`clush ended with ${String(code)}`))));
    });
  await once();
  await once();
  try {
    return await measure("clush, warm ControlPersist", sweeps, once, false);
  } finally {
    for (const name of names)
      execFileSync("ssh", [...options.split(" "), "-O", "exit", name], { stdio: ["ignore", "ignore", "ignore"] });
  }
}
