import { defineConfig } from "vitest/config";
import { ClosingLineReporter } from "./test/setup/closing-line-reporter";
import { DepthReporter } from "./test/setup/depth/depth-reporter";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "test/**/*.test.tsx"],
    // Real servers start and real deadlines pass in these tests; a limit is only there so that a hang ends.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: ["default", new DepthReporter(), new ClosingLineReporter()],
  },
});
