import type { RunRecord } from "../../contract/recovery";
import { sentence } from "../../contract/sentence";
import type { Journal } from "../../main/recovery/journal";
import { RecoveryError } from "../../main/recovery/recovery-error";

/** The process died here, as kill -9 does: nothing after it runs in the process that threw it. */
export class Killed extends Error {}

/** A journal in memory that outlives its "process"; its disk can be full, and its process killed, at any write. */
export interface FakeJournal extends Journal {
  /** Every record ever written, in order. */
  readonly lines: readonly RunRecord[];
  /** From this write on, counted from 1, nothing fits any more. */
  fullFrom: number;
  /** `before`: the line is not there when the process dies at that write; `after`: it is. */
  killAt: { readonly write: number; readonly when: "before" | "after" } | null;
}

export function fakeJournal(lines: RunRecord[] = []): FakeJournal {
  let writes = 0;
  let isDead = false;
  const journal: FakeJournal = {
    lines,
    fullFrom: Infinity,
    killAt: null,
    write: (run) => {
      if (isDead) throw new Killed();
      writes += 1;
      const { killAt } = journal;
      const dies = killAt?.write === writes;
      if (dies && killAt.when === "before") {
        isDead = true;
        throw new Killed();
      }
      if (writes >= journal.fullFrom)
        throw new RecoveryError(
          "journal",
          sentence("recovery/journal-unwritable", { path: "journal", problem: "no space left on device" }),
        );
      // What is read back is what a disk would give: plain data.
      lines.push(JSON.parse(JSON.stringify(run)) as RunRecord);
      if (dies) {
        isDead = true;
        throw new Killed();
      }
    },
    runs: () => [...new Map(lines.map((run) => [run.runId, run])).values()],
    head: () => String(lines.length),
    problem: () => null,
    close: () => undefined,
  };
  return journal;
}
