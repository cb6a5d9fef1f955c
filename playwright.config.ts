import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "test/app",
  globalSetup: "./test/setup/display.ts",
  outputDir: "test-results",
  timeout: 90_000,
  expect: { timeout: 30_000 },
  workers: 1,
  reporter: [["list"], ["./test/setup/playwright-closing-line.ts"]],
});
