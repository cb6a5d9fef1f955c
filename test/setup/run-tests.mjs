#!/usr/bin/env node
// Runs every suite, prints `N passed, N failed, N skipped` over all of them last, and ends with 1 when anything failed.
import { spawnSync } from "node:child_process";

const checks = [
  { name: "types", command: ["npx", "tsc", "-p", "."] },
  { name: "lint", command: ["npx", "eslint", "."] },
  { name: "formatting", command: ["npx", "prettier", "--check", "--log-level", "warn", "."] },
  { name: "build", command: ["npx", "electron-vite", "build"] },
  { name: "unit, SSH, engines and the core", command: ["npx", "vitest", "run"], counts: true },
  { name: "app", command: ["npx", "playwright", "test"], counts: true },
];

const total = { passed: 0, failed: 0, skipped: 0 };
for (const check of checks) {
  console.log(`\n== ${check.name}`);
  const ended = spawnSync(check.command[0], check.command.slice(1), {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, EVENKEEL_WHOLE_RUN: "true" },
  });
  process.stdout.write(ended.stdout ?? "");
  const counted = check.counts ? countsOf(ended.stdout ?? "") : null;
  const result = counted ?? { passed: ended.status === 0 ? 1 : 0, failed: ended.status === 0 ? 0 : 1, skipped: 0 };
  // A runner that ends badly has failed, whatever it counted; one that must count and did not has failed too.
  if (ended.status !== 0 && result.failed === 0) result.failed = 1;
  if (check.counts && counted === null) result.failed = Math.max(1, result.failed);
  if (process.env.CI === "true") {
    result.failed += result.skipped;
    result.skipped = 0;
  }
  for (const key of Object.keys(total)) total[key] += result[key];
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;

function countsOf(output) {
  const lines = [...output.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)];
  const last = lines.at(-1);
  return last === undefined ? null : { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3]) };
}
