import { rm } from "node:fs/promises";
import { join } from "node:path";

/** Electron's own stand-in for an app has no place beside a real one. */
export default async function afterPack({ appOutDir, packager }) {
  await rm(join(packager.getResourcesDir(appOutDir), "default_app.asar"), { force: true });
}
