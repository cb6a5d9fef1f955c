import type { Reporter, TestCase, TestResult } from "@playwright/test/reporter";

/** Prints `N passed, N failed, N skipped` alone on the last line; above it every test that was skipped or failed, by name. */
class ClosingLine implements Reporter {
  private readonly counts = { passed: 0, failed: 0, skipped: 0 };
  private readonly failed: string[] = [];

  onTestEnd(test: TestCase, result: TestResult): void {
    if (result.retry < test.retries && result.status !== "passed") return;
    if (result.status === "skipped") {
      this.counts.skipped += 1;
      console.log(`skipped: ${test.title}`);
    } else if (result.status === "passed") this.counts.passed += 1;
    else {
      this.counts.failed += 1;
      this.failed.push(
        `failed: ${test.title}\n  ${result.error?.message?.slice(0, 2_000).replaceAll("\n", "\n  ") ?? ""}`,
      );
    }
  }

  onEnd(): void {
    for (const line of this.failed) console.log(line);
    console.log(`${this.counts.passed} passed, ${this.counts.failed} failed, ${this.counts.skipped} skipped`);
  }
}

// Playwright takes a reporter file's default export and no other.
export { ClosingLine as default };
