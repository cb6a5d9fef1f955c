#!/usr/bin/env node
// Opens the built app. Its hosts to pick from are those of EVENKEEL_SSH_CONFIG when that is set, else those of the labs that
// `npm run lab up` started from this checkout, else those of the person's own ~/.ssh/config.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { electronProgram } from "./electron-runtime.mjs";

const directoryOfLabs = "/run/evenkeel-lab";

const environment = { ...process.env };
const labs = environment.EVENKEEL_SSH_CONFIG === undefined ? labsOfThisCheckout() : [];
if (labs.length > 0) {
  environment.EVENKEEL_SSH_CONFIG = joinedConfig(labs);
  const clusters = labs.flatMap((lab) => lab.clusters).join(", ");
  console.log(
    `The hosts of the running lab (${clusters}) are in the pick list: EVENKEEL_SSH_CONFIG=${environment.EVENKEEL_SSH_CONFIG}`,
  );
}

// Chromium's sandbox refuses root; this is for development, an installed app is never started so.
const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
const child = spawn(electronProgram(), [".", ...root, ...process.argv.slice(2)], {
  stdio: "inherit",
  env: environment,
});
child.once("exit", (code) => process.exit(code ?? 1));

function labsOfThisCheckout() {
  if (!existsSync(directoryOfLabs)) return [];
  return readdirSync(directoryOfLabs).flatMap((name) => {
    const record = join(directoryOfLabs, name, "lab.json");
    if (!existsSync(record)) return [];
    const lab = JSON.parse(readFileSync(record, "utf8"));
    const runs = existsSync(`/proc/${lab.inside.pid}`);
    return lab.stays && runs && lab.checkout === resolve(".") ? [lab] : [];
  });
}

/** One ssh_config out of those of several labs, whose hosts have different names. */
function joinedConfig(labs) {
  const paths = labs.map((lab) => join(lab.directory, "ssh_config"));
  if (paths.length === 1) return paths[0];
  const joined = resolve(".cache", "lab-ssh-config");
  mkdirSync(resolve(".cache"), { recursive: true });
  writeFileSync(joined, paths.map((path) => readFileSync(path, "utf8")).join("\n"));
  return joined;
}
