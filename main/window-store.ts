import { rmSync } from "node:fs";
import { join } from "node:path";
import Store from "electron-store";
import type { WindowPlace } from "./window-place";

/** The window's place between two starts. */
export interface WindowStore {
  read(): unknown;
  write(place: WindowPlace): void;
}

/**
 * electron-store throws on a file it cannot read and takes a full disk for success (11.0.2), so it holds this and nothing else: a place that
 * is lost is a window in the middle. What must not be lost goes through a `Document` of the store.
 */
export function openWindowStore(directory: string): WindowStore {
  const open = (): Store<{ place: unknown }> => new Store({ cwd: directory, name: "window", clearInvalidConfig: true });
  return {
    read: () => {
      try {
        return open().get("place");
      } catch (error) {
        console.error(`The window's place is forgotten: ${(error as Error).message}`);
        rmSync(join(directory, "window.json"), { force: true, recursive: true });
        return null;
      }
    },
    write: (place) => {
      try {
        open().set("place", place);
      } catch (error) {
        console.error(`The window's place is not kept: ${(error as Error).message}`);
      }
    },
  };
}
