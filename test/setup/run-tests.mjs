#!/usr/bin/env node
// Runs every suite, prints what failed and `N passed, N failed, N skipped` over all of them last, and ends with 1 when anything failed.
import { spawn } from "node:child_process";

const checks = [
  { name: "types", command: ["npx", "tsc", "-p", "."] },
  { name: "lint", command: ["npx", "eslint", "."] },
  { name: "formatting", command: ["npx", "prettier", "--check", "--log-level", "warn", "."] },
  { name: "build", command: ["npx", "electron-vite", "build"] },
  { name: "unit, SSH, engines and the core", command: ["npx", "vitest", "run"], counts: true },
  { name: "app", command: ["npx", "playwright", "test"], counts: true },
];

/** A reporter's line about a test that failed or needed a second attempt, and the indented lines of what it said. */
const toldAgain = /^(?:failed|passed at the second attempt): .*(?:\n {2}.*)*/gm;

const told = [];
const total = { passed: 0, failed: 0, skipped: 0 };
for (const check of checks) {
  console.log(`\n== ${check.name}`);
  const startedAt = Date.now();
  const ended = await run(check.command);
  console.log(`== ${check.name}: ${Math.round((Date.now() - startedAt) / 1000)} s`);
  told.push(...(check.counts ? (ended.output.match(toldAgain) ?? []) : []));
  const counted = check.counts ? countsOf(ended.output) : null;
  const result = counted ?? { passed: ended.code === 0 ? 1 : 0, failed: ended.code === 0 ? 0 : 1, skipped: 0 };
  // A runner that ends badly has failed, whatever it counted; one that must count and did not has failed too.
  if (ended.code !== 0 && result.failed === 0) result.failed = 1;
  if (check.counts && counted === null) result.failed = Math.max(1, result.failed);
  if (process.env.CI === "true") {
    result.failed += result.skipped;
    result.skipped = 0;
  }
  for (const key of Object.keys(total)) total[key] += result[key];
}
if (told.length > 0) console.log(`\n${told.join("\n")}`);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;

/** Shows what the command prints while it prints it, and keeps it to be counted. */
function run([program, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, EVENKEEL_WHOLE_RUN: "true" },
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
      process.stdout.write(text);
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

function countsOf(output) {
  const lines = [...output.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)];
  const last = lines.at(-1);
  return last === undefined ? null : { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3]) };
}
