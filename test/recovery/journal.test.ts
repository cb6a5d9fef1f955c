import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RunRecord } from "../../contract/recovery";
import { systemClock } from "../../main/clock";
import { openJournal, verifyJournal } from "../../main/recovery/journal";
import { RecoveryError } from "../../main/recovery/recovery-error";
import { canMove } from "../../main/recovery/run-state";
import { planStepSchema, runStateSchema } from "../../contract/recovery";

function run(runId: string, state: RunRecord["state"]): RunRecord {
  return {
    runId,
    clusterId: "c",
    clusterName: "demo",
    action: "postgresql/failover",
    target: "keel-2",
    risk: "R2",
    state,
    fingerprint: "f",
    operator: "o",
    reason: "",
    approvedAt: 1,
    endedAt: null,
    origin: [],
    goal: [],
    steps: [],
    acts: [],
    verdict: null,
    undoObstacle: null,
    needsAcknowledgement: false,
    acknowledgement: null,
  };
}

describe("the journal", () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-journal-"));
    path = join(directory, "journal.log");
    const journal = openJournal(path, systemClock);
    journal.write(run("one", "approved"));
    journal.write(run("two", "approved"));
    journal.write(run("one", "done"));
    journal.close();
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it("gives the last word on each run", () => {
    const journal = openJournal(path, systemClock);
    expect(journal.runs().map(({ runId, state }) => [runId, state])).toEqual([
      ["one", "done"],
      ["two", "approved"],
    ]);
    journal.close();
  });

  it("cuts off a line that a crash left half written, wherever it was cut", () => {
    const whole = readFileSync(path);
    const lastLine = whole.lastIndexOf(0x0a, whole.length - 2) + 1;
    for (let length = lastLine; length < whole.length; length += 37) {
      writeFileSync(path, whole.subarray(0, length));
      const journal = openJournal(path, systemClock);
      expect(journal.runs().find(({ runId }) => runId === "one")?.state).toBe("approved");
      journal.write(run("one", "failed"));
      journal.close();
      expect(verifyJournal(readFileSync(path, "utf8")).damagedLine).toBeNull();
    }
  });

  it("notices every flipped byte", () => {
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length - 1; at += 1) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect([at, verifyJournal(damaged.toString("utf8")).damagedLine]).not.toEqual([at, null]);
    }
  });

  it("refuses to go on after damage in the middle", () => {
    const lines = readFileSync(path, "utf8").split("\n");
    writeFileSync(path, [lines[0], lines[2], ""].join("\n"));
    expect(() => openJournal(path, systemClock)).toThrow(RecoveryError);
    appendFileSync(path, "x");
    expect(() => openJournal(path, systemClock)).toThrow(RecoveryError);
  });
});

it("of a run of an older version says that it is not known whether a connection was open", () => {
  const step = {
    title: { code: "t", facts: {} },
    node: "n1",
    reachedAs: "ops@n1:22",
    runsAs: "root",
    shown: "true",
    deadlineMs: 1,
    stillSafe: [],
    achieved: [],
    changes: true,
    undo: { kind: "needless", reason: { code: "r", facts: {} } },
  };
  expect(planStepSchema.parse(step).isConnected).toBeNull();
  expect(planStepSchema.parse({ ...step, isConnected: false }).isConnected).toBe(false);
});

describe("the states of a run", () => {
  it("never lead back to sending, and out of doubt only by evidence", () => {
    const states = runStateSchema.options;
    for (const state of states.filter((one) => one !== "approved"))
      expect([state, canMove(state, "running")]).toEqual([state, false]);
    expect(states.filter((to) => canMove("in-doubt", to))).toEqual(["done", "undone", "failed", "stopped"]);
    expect(states.filter((to) => canMove("refused", to) || canMove("undone", to))).toEqual([]);
  });
});
