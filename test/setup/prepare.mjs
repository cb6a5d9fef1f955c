#!/usr/bin/env node
// Makes a fresh machine able to build and run Evenkeel; does nothing, quickly, where nothing is missing. Needs Node and nothing else.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";

const forTests = process.argv.includes("--tests");
const forLab = process.argv.includes("--lab");
const isCi = process.env.CI === "true";

/** Debian packages by what they are for. */
const packages = {
  app: [
    "libgtk-3-0",
    "libsecret-1-0",
    "libnss3",
    "libasound2",
    "libgbm1",
    "libdrm2",
    "libcups2",
    "libatk-bridge2.0-0",
    "libxkbcommon0",
    "libxcomposite1",
    "libxdamage1",
    "libxrandr2",
    "xvfb",
    "fonts-dejavu-core",
    "fonts-noto-cjk",
  ],
  tests: ["openssh-server", "openssh-client", "putty-tools", "libpam-oath", "procps", "util-linux"],
  // On a person's machine a database server is not installed for a test; that test then says that it was skipped.
  ci: [
    ...["postgresql", "ansible-core", "sudo", "zsh", "mksh", "fish", "tcsh", "busybox", "gnome-keyring", "dbus"],
    ...["redis-server", "krb5-kdc", "krb5-admin-server", "krb5-user"],
  ],
  // The hosts have their own packages, in a root file system that the lab builds; these are what builds and runs it.
  lab: ["openssh-client", "mmdebstrap", "lxcfs", "nftables", "iproute2", "e2fsprogs", "mount", "util-linux"],
};

installNodePackages();
installSystemPackages(
  [
    forLab ? packages.lab : packages.app,
    forTests ? packages.tests : [],
    forTests && isCi ? [...packages.ci, ...packages.lab] : [],
  ].flat(),
);

function installNodePackages() {
  const installed = "node_modules/.package-lock.json";
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync("package-lock.json").mtimeMs) return;
  console.log("Installing the npm packages of package-lock.json.");
  execFileSync("npm", ["ci", "--ignore-scripts"], { stdio: "inherit" });
}

function installSystemPackages(wanted) {
  if (!isDebian()) return;
  const missing = wanted.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const install = ["install", "-y", "-q", "--no-install-recommends", ...missing];
  if (process.getuid?.() !== 0) {
    console.log(
      `These system packages are missing: ${missing.join(" ")}\nInstall them with: sudo apt-get ${install.join(" ")}`,
    );
    return;
  }
  console.log(`Installing system packages: ${missing.join(" ")}`);
  // RUNLEVEL=1 keeps a server that is installed for its program from being started as a service.
  const options = {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, RUNLEVEL: "1", DEBIAN_FRONTEND: "noninteractive" },
  };
  execFileSync("apt-get", ["update", "-q"], options);
  execFileSync("apt-get", install, options);
}

function isDebian() {
  return existsSync("/etc/os-release") && /^ID(_LIKE)?=.*debian/m.test(readFileSync("/etc/os-release", "utf8"));
}

function isInstalled(name) {
  try {
    const status = execFileSync("dpkg-query", ["-W", "-f", "${Status}", name], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return status.includes("install ok installed");
  } catch {
    // dpkg-query ends with 1 for a package it has never heard of.
    return false;
  }
}
