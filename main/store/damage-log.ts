import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Damage } from "../../contract/damage";
import { sentence } from "../../contract/sentence";

/** What stands in for a damaged file. */
const standIns = ["copy-before", "nothing"] as const;
type StandIn = (typeof standIns)[number];

/** A file was not what had been written there, and was moved aside. */
export interface Found {
  readonly path: string;
  readonly aside: string;
  readonly standIn: StandIn;
}

/** Remembers damaged files until a person says that they have seen it, over restarts and for every process of the user. */
export interface DamageLog {
  note(found: Found): void;
  /** Oldest first. */
  unseen(): readonly Damage[];
  acknowledge(damageId: string): void;
}

const damagedFolder = "damaged";

/**
 * One empty file a damage, beside what was moved aside and named after it, so that it is kept even where hardly anything can be written:
 * ```
 * damaged/inventory.json.1790000000000
 * damaged/inventory.json.1790000000000.copy-before
 * ```
 */
export function createDamageLog(directory: string, changed: () => void): DamageLog {
  const folder = join(directory, damagedFolder);
  /** What could not be kept on the disk is told for as long as this process lives. */
  const unkept = new Set<string>();
  const names = (): readonly string[] =>
    [...new Set([...namesIn(folder), ...unkept])].filter((name) => standInOf(name) !== undefined);
  return {
    note: ({ aside, standIn }) => {
      const name = `${basename(aside)}.${standIn}`;
      try {
        writeFileSync(join(folder, name), "", { mode: 0o600 });
      } catch {
        // Told all the same; what keeps it from the disk is said wherever something is to be written.
        unkept.add(name);
      }
      changed();
    },
    unseen: () =>
      names()
        .toSorted(byTime)
        .map((name) => told(directory, folder, name)),
    acknowledge: (damageId) => {
      if (!names().includes(damageId)) return;
      unkept.delete(damageId);
      rmSync(join(folder, damageId), { force: true });
      changed();
    },
  };
}

/** Puts a damaged file where nothing overwrites it, and says where that is. */
export function moveAside(path: string, nowMs: number): string {
  const aside = join(dirname(path), damagedFolder, `${basename(path)}.${nowMs}`);
  mkdirSync(dirname(aside), { recursive: true, mode: 0o700 });
  renameSync(path, aside);
  return aside;
}

/** Whether the file was ever moved aside. */
export function wasMovedAside(path: string): boolean {
  return namesIn(join(dirname(path), damagedFolder)).some((name) => name.startsWith(`${basename(path)}.`));
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function standInOf(name: string): StandIn | undefined {
  return standIns.find((one) => name.endsWith(`.${one}`));
}

function byTime(one: string, other: string): number {
  return timeOf(one) - timeOf(other);
}

function timeOf(name: string): number {
  return Number(/\.(\d+)\.[a-z-]+$/.exec(name)?.[1] ?? 0);
}

/** After the settings were damaged nothing is recovered until a person says so, whatever they said before. */
function told(directory: string, folder: string, name: string): Damage {
  const standIn = standInOf(name) ?? "nothing";
  const movedName = name.slice(0, -standIn.length - 1);
  const file = movedName.replace(/(?:\.bak)?\.\d+$/, "");
  const facts = { path: join(directory, file), aside: join(folder, movedName) };
  const codes =
    file === "preferences.json"
      ? ({ "copy-before": "store/settings-damaged.copy-before", nothing: "store/settings-damaged.nothing" } as const)
      : ({ "copy-before": "store/damaged.copy-before", nothing: "store/damaged.nothing" } as const);
  return { damageId: name, file, sentence: sentence(codes[standIn], facts) };
}
