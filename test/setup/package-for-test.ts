import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { FuseV1Options, getCurrentFuseWire } from "@electron/fuses";
import { parse, stringify } from "yaml";
import { electronProgram } from "./electron-runtime.mjs";

interface Configuration {
  readonly electronFuses: Readonly<Record<string, boolean>>;
  readonly [key: string]: unknown;
}

/** electron-builder's names of the fuses. */
const fuses: Readonly<Record<string, FuseV1Options>> = {
  runAsNode: FuseV1Options.RunAsNode,
  enableCookieEncryption: FuseV1Options.EnableCookieEncryption,
  enableNodeOptionsEnvironmentVariable: FuseV1Options.EnableNodeOptionsEnvironmentVariable,
  enableNodeCliInspectArguments: FuseV1Options.EnableNodeCliInspectArguments,
  enableEmbeddedAsarIntegrityValidation: FuseV1Options.EnableEmbeddedAsarIntegrityValidation,
  onlyLoadAppFromAsar: FuseV1Options.OnlyLoadAppFromAsar,
  loadBrowserProcessSpecificV8Snapshot: FuseV1Options.LoadBrowserProcessSpecificV8Snapshot,
  grantFileProtocolExtraPrivileges: FuseV1Options.GrantFileProtocolExtraPrivileges,
};

/** A fuse that is on, in the program's own bytes: the character 1. */
const enabled = 0x31;

/** The fuses of a program by electron-builder's names; one that this Electron does not have yet is left out. */
export async function fusesOf(program: string): Promise<Readonly<Record<string, boolean>>> {
  const wire = await getCurrentFuseWire(program);
  return Object.fromEntries(
    Object.entries(fuses).flatMap(([name, place]) => {
      const state = wire[place];
      return state === undefined ? [] : [[name, (state as number) === enabled]];
    }),
  );
}

/** The project's electron-builder.yml. */
export function declaredConfiguration(): Configuration {
  return parse(readFileSync("electron-builder.yml", "utf8")) as Configuration;
}

/**
 * Packages the built app as electron-builder.yml says, but into a directory of the test's own and around the Electron that runs here,
 * and gives the path of the .deb.
 */
export async function packageForTest(directory: string): Promise<string> {
  const program = electronProgram();
  const declared = declaredConfiguration();
  const known = Object.keys(await fusesOf(program));
  const configuration = {
    ...declared,
    directories: { ...(declared["directories"] as object), output: join(directory, "packages") },
    electronVersion: readFileSync(join(dirname(program), "version"), "utf8").trim(),
    electronDist: dirname(program),
    electronFuses: Object.fromEntries(Object.entries(declared.electronFuses).filter(([name]) => known.includes(name))),
    deb: { ...(declared["deb"] as object), compression: "gz" },
  };
  const path = join(directory, "electron-builder.yml");
  writeFileSync(path, stringify(configuration));
  execFileSync("npx", ["electron-builder", "--linux", "--config", path], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, CUSTOM_FPM_PATH: resolve("packaging/fpm-over-dpkg.mjs") },
  });
  const packages = readdirSync(join(directory, "packages")).filter((name) => name.endsWith(".deb"));
  if (packages.length !== 1) throw new Error(`one .deb was to be made, not ${packages.join(", ") || "none"}`);
  return join(directory, "packages", packages[0] ?? "");
}
