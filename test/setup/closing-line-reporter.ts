import type { Reporter, TestCase, TestModule } from "vitest/node";

/** Scenarios on the lab that may need their second attempt in one run; more than these are a fault, of the product or of its tests. */
const mostSecondAttempts = 2;

/**
 * Prints `N passed, N failed, N skipped` alone on the last line; above it every test that was skipped, that failed, or that passed only
 * at its second attempt, by name and with what it said.
 */
export class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    let secondAttempts = 0;
    for (const module of modules) {
      counts.failed += module.errors().length > 0 ? 1 : 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "pending") continue;
        counts[state] += 1;
        if (state === "skipped") console.log(`skipped: ${test.fullName}`);
        if (state === "failed") console.log(`failed: ${test.fullName}${said(test)}`);
        if (state === "passed" && test.diagnostic()?.flaky === true) {
          secondAttempts += 1;
          console.log(`passed at the second attempt: ${test.fullName}${said(test)}`);
        }
      }
    }
    if (secondAttempts > mostSecondAttempts) {
      console.log(`failed: ${secondAttempts} scenarios needed a second attempt, and ${mostSecondAttempts} may`);
      counts.failed += 1;
      process.exitCode = 1;
    }
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}

/** What the first error of a test says, short enough for a closing list. */
function said(test: TestCase): string {
  const message = test.result().errors?.[0]?.message ?? "";
  return message === "" ? "" : `\n  ${message.slice(0, 2_000).replaceAll("\n", "\n  ")}`;
}
