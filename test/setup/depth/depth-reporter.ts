import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { brokenPromises, depthOf, depthPage, mergedWith, parseTitle, type ShownTest } from "./depth-table";
import { readRecordings } from "./recordings-file";

const committed = "docs/engines.md";
const written = "artifacts/engines.md";
const isWholeRun = process.env.EVENKEEL_WHOLE_RUN === "true";
/** Brings the committed page up to what this run showed: `EVENKEEL_DEPTH=write npx vitest run test/setup/depth test/live/etcd.test.ts`. */
const writes = process.env.EVENKEEL_DEPTH === "write";

/** Writes what the run showed of every engine, and fails a whole run that showed less than the committed page promises. */
export class DepthReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) =>
      [...module.children.allTests()].flatMap((test): readonly ShownTest[] => {
        const { state } = test.result();
        const shown = parseTitle(test.name, state === "pending" ? "skipped" : state);
        return shown === null ? [] : [shown];
      }),
    );
    const live = (state: ShownTest["state"]): number =>
      tests.filter((test) => test.kind === "live" && test.state === state).length;
    if (tests.length > 0)
      console.log(`live scenarios: ${live("passed")} passed, ${live("failed")} failed, ${live("skipped")} not run`);
    if (!isWholeRun && !writes) return;
    const depths = depthOf(readRecordings(), tests);
    if (writes) writeFileSync(committed, depthPage(mergedWith(readFileSync(committed, "utf8"), depths, tests)));
    if (!isWholeRun) return;
    mkdirSync("artifacts", { recursive: true });
    writeFileSync(written, depthPage(depths));
    const broken = brokenPromises(readFileSync(committed, "utf8"), depths, tests);
    for (const promise of broken) console.error(`${committed}: ${promise}`);
    if (broken.length > 0) process.exitCode = 1;
    const isSame = readFileSync(committed, "utf8") === readFileSync(written, "utf8");
    if (!isSame) console.log(`${written} differs from ${committed}; where it shows more, copy it there`);
  }
}
