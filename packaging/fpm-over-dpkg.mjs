#!/usr/bin/env node
// Stands in for fpm where electron-builder calls it for a .deb (CUSTOM_FPM_PATH): the same arguments, the package made by Debian's dpkg-deb.
// electron-builder would otherwise download fpm; what the test installs is thus made by what a release is made by.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Options without a value, and options that may come more than once. */
const flags = new Set(["force", "debug"]);
const repeated = new Set(["d", "deb-recommends"]);
const maintainerScripts = { "after-install": "postinst", "after-remove": "postrm" };
/** gz is chosen where the package is only tried, so it is made quickly. */
const compressions = { xz: ["-Zxz"], gz: ["-Zgzip", "-z1"] };

const { options, mappings } = readArguments(process.argv.slice(2));
if (one("t") !== "deb") throw new Error(`only deb packages are made here, not ${one("t")}`);
const root = mkdtempSync(join(tmpdir(), "evenkeel-deb-"));
try {
  chmodSync(root, 0o755);
  for (const { from, to } of mappings) place(from, join(root, to));
  writeControl(join(root, "DEBIAN"));
  const compression = compressions[one("deb-compression")];
  if (compression === undefined) throw new Error(`unknown compression ${one("deb-compression")}`);
  execFileSync("dpkg-deb", ["--root-owner-group", ...compression, "--build", root, one("package")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
} finally {
  rmSync(root, { recursive: true, force: true });
}

/** Options as lists by name; everything without a dash is `<source>=<place in the package>`. */
function readArguments(words) {
  const options = {};
  const mappings = [];
  for (let at = 0; at < words.length; at += 1) {
    const option = /^--?([a-z][a-z-]*)$/.exec(words[at]);
    if (option === null) {
      const split = words[at].lastIndexOf("=");
      mappings.push({ from: words[at].slice(0, split), to: words[at].slice(split + 1) });
    } else if (!flags.has(option[1])) {
      at += 1;
      options[option[1]] = repeated.has(option[1]) ? [...(options[option[1]] ?? []), words[at]] : [words[at]];
    }
  }
  return { options, mappings };
}

function one(name) {
  return options[name]?.[0] ?? "";
}

function place(from, to) {
  mkdirSync(from.endsWith("/") ? to : dirname(to), { recursive: true });
  if (from.endsWith("/")) execFileSync("cp", ["-a", "--no-preserve=ownership", `${from}.`, to]);
  else copyFileSync(from, to);
  execFileSync("chmod", ["-R", "u+rwX,go+rX,go-w", to]);
}

function writeControl(directory) {
  mkdirSync(directory, { mode: 0o755 });
  const [summary = one("name"), ...rest] = one("description")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const kilobytes = execFileSync("du", ["-sk", "--apparent-size", root], { encoding: "utf8" }).split("\t")[0];
  const fields = {
    Package: one("name"),
    Version: one("version"),
    Architecture: one("architecture"),
    Maintainer: one("maintainer"),
    "Installed-Size": kilobytes,
    Depends: (options.d ?? []).join(", "),
    Recommends: (options["deb-recommends"] ?? []).join(", "),
    Section: one("category"),
    Priority: one("deb-priority"),
    Homepage: one("url"),
    Description: [summary, ...rest.map((line) => ` ${line}`)].join("\n"),
  };
  const lines = Object.entries(fields).filter(([, value]) => value !== "");
  writeFileSync(join(directory, "control"), lines.map(([name, value]) => `${name}: ${value}\n`).join(""));
  for (const [option, file] of Object.entries(maintainerScripts)) {
    if (one(option) === "") continue;
    copyFileSync(one(option), join(directory, file));
    chmodSync(join(directory, file), 0o755);
  }
}
