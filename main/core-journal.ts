import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { sentence, type Sentence } from "../contract/sentence";
import type { Clock } from "./clock";
import { openJournal, readJournal, type Journal } from "./recovery/journal";
import { RecoveryError } from "./recovery/recovery-error";
import { takeLock, type Lock } from "./store/lock";

/** The journal as this process has it. One that cannot be had bars recoveries and nothing else: clusters are read all the same. */
export interface CoreJournal {
  readonly journal: Journal;
  /** Why this process may not recover; null where it may. */
  readonly barred: Sentence | null;
  /** It has the lock: no other process can be carrying out a run. */
  readonly isAlone: boolean;
  close(): void;
}

export function openCoreJournal(directory: string, mayRecover: boolean, clock: Clock): CoreJournal {
  const path = join(directory, "journal.log");
  const lockPath = join(directory, "journal.lock");
  const lock = mayRecover ? lockOf(lockPath) : null;
  const barred = barredBy(lock, lockPath);
  const { journal, problem } =
    barred === null ? writtenOr(path, clock) : { journal: readJournal(path), problem: barred };
  return {
    journal,
    barred: problem,
    isAlone: barred === null,
    close: () => {
      journal.close();
      if (lock?.kind === "held") lock.release();
    },
  };
}

function writtenOr(path: string, clock: Clock): { readonly journal: Journal; readonly problem: Sentence | null } {
  try {
    return { journal: openJournal(path, clock), problem: null };
  } catch (error) {
    if (!(error instanceof RecoveryError)) throw error;
    return { journal: readJournal(path), problem: error.sentence };
  }
}

type JournalLock = Lock | { readonly kind: "failed"; readonly problem: string };

/** A disk that holds no lock holds no journal either. */
function lockOf(path: string): JournalLock {
  try {
    return takeLock(path, randomUUID());
  } catch (error) {
    return { kind: "failed", problem: (error as Error).message };
  }
}

/** Why a process that does not have the journal to itself may not recover. */
function barredBy(lock: JournalLock | null, path: string): Sentence | null {
  if (lock === null) return sentence("recovery/only-reads");
  switch (lock.kind) {
    case "held":
      return null;
    case "busy":
      return sentence("recovery/journal-in-use", { pid: lock.by?.pid ?? "?", host: lock.by?.host ?? "?", path });
    case "failed":
      return sentence("recovery/journal-unwritable", { path, problem: lock.problem });
  }
}
