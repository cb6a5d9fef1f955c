import { spawnSync } from "node:child_process";
import { cpus, loadavg, totalmem } from "node:os";
import { benchCycle } from "./cycle";
import { benchSoak } from "./soak";
import { benchSweep } from "./sweep";

/**
 * `npm run bench [-- --hosts N] [-- --quick] [-- --soak N]`: how fast a fleet is swept and what a PostgreSQL cycle costs, peers beside it in
 * the same run; what a connection takes, and what stays behind after many of them. With --soak it measures connections alone.
 * As root it goes into a network of its own first, so that one SSH server can answer on a hundred loopback addresses and on no other.
 */
async function bench(): Promise<void> {
  const isQuick = process.argv.includes("--quick");
  const given = process.argv[process.argv.indexOf("--hosts") + 1];
  const hosts = process.argv.includes("--hosts") ? Number(given) : isQuick ? 20 : 100;
  if (!Number.isInteger(hosts) || hosts < 1 || hosts > 250) throw new Error("--hosts takes a number from 1 to 250");
  const processors = cpus();
  console.log(
    `${processors.length} processors (${processors[0]?.model ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, load ${loadavg()[0]?.toFixed(1) ?? "unknown"} before`,
  );
  const soaked = process.argv.includes("--soak") ? Number(process.argv[process.argv.indexOf("--soak") + 1]) : null;
  if (soaked !== null && (!Number.isInteger(soaked) || soaked < 1)) throw new Error("--soak takes a number of cycles");
  if (soaked !== null) return benchSoak(soaked);
  await benchSweep(hosts, isQuick ? 9 : 25);
  await benchCycle(isQuick ? 10 : 30);
  await benchSoak(isQuick ? 50 : 500);
}

function inOwnNetwork(): boolean {
  return process.env["EVENKEEL_BENCH_NETWORK"] === "own";
}

/** Runs this again in a network namespace in which there is nothing but loopback. */
function again(): number {
  const line = 'ip link set lo up && exec "$@"';
  const ended = spawnSync(
    "unshare",
    ["--net", "sh", "-c", line, "sh", process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    {
      stdio: "inherit",
      env: { ...process.env, EVENKEEL_BENCH_NETWORK: "own" },
    },
  );
  return ended.status ?? 1;
}

if (process.getuid?.() === 0 && !inOwnNetwork()) process.exitCode = again();
else await bench();
