#!/usr/bin/env node
// Packages the built app for this system into dist/: from the declared Electron and no other.
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { declaredProgram } from "../test/setup/electron-runtime.mjs";

if (declaredProgram() === null) {
  console.error(
    "The declared Electron could not be downloaded here. A package is made from it alone, so nothing was packaged; try again where its download is reached.",
  );
  process.exit(1);
}
execFileSync("npx", ["electron-builder", ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { ...process.env, CUSTOM_FPM_PATH: resolve("packaging/fpm-over-dpkg.mjs") },
});
