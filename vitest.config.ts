import { defineConfig } from "vitest/config";
import { ClosingLineReporter } from "./test/setup/closing-line-reporter";
import { DepthReporter } from "./test/setup/depth/depth-reporter";

/** Scenarios on the lab: hosts of their own in a network of their own, which wait for clusters more than they compute. */
const onTheLab = "test/live/**/*.test.ts";

/** Suites that start real servers; one file at a time, because they share the machine's processors and its patience. */
const onRealServers = ["ssh", "core", "lab", "probe", "app", "import"].map((part) => `test/${part}/**/*.test.ts`);

export default defineConfig({
  test: {
    // Real deadlines pass in these tests; a limit is only there so that a hang ends.
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: ["default", new DepthReporter(), new ClosingLineReporter()],
    projects: [
      {
        extends: true,
        test: {
          name: "pure",
          include: ["test/**/*.test.ts", "test/**/*.test.tsx"],
          exclude: [...onRealServers, onTheLab, "node_modules/**"],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "on real servers",
          include: onRealServers,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "live on the lab",
          include: [onTheLab],
          maxWorkers: 2,
          // A cluster elects when its own timers say, on processors it shares with another cluster: a scenario may be tried once more, from a
          // cluster that is well again. The closing lines name each that needed it, with what it said, and more than two fail the run.
          retry: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
