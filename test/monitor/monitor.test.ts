import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import type { Assessment } from "../../contract/assessment";
import { createMonitor, type Monitor } from "../../main/monitor/monitor";
import type { Access } from "../../main/ssh/access";
import { fakeClock } from "../fake/fake-clock";
import { fakeCluster, fakeEngine } from "../fake/fake-service";

/** A monitor of one cluster whose readings come when the test says so. */
function watching(options: { readonly watch: boolean; readonly pauseMs?: () => number }): {
  readonly monitor: Monitor;
  readonly clock: ReturnType<typeof fakeClock>;
  readonly announced: Assessment[];
  /** Ends the readings under way, as they end or by throwing. */
  readonly read: (how?: "throws") => Promise<void>;
  readonly begun: () => number;
} {
  const clock = fakeClock();
  const announced: Assessment[] = [];
  const waiting: { resolve: (taken: Record<string, never>) => void; reject: (error: Error) => void }[] = [];
  let begun = 0;
  const node = { node: "n1", state: () => ({ state: "idle" }), transport: () => null };
  const monitor = createMonitor({
    clock,
    access: { node: () => node } as unknown as Access,
    take: () =>
      new Promise((resolve, reject) => {
        begun += 1;
        waiting.push({ resolve, reject });
      }),
    engineOf: () => fakeEngine([]),
    host: fakeEngine([]),
    pauseMs: options.pauseMs ?? (() => 3_600_000),
    watch: options.watch,
    announce: (assessment) => announced.push(assessment),
  });
  return {
    monitor,
    clock,
    announced,
    begun: () => begun,
    read: async (how) => {
      await turn();
      for (const { resolve, reject } of waiting.splice(0))
        if (how === "throws") reject(new Error("the cluster is gone"));
        else resolve({});
      await turn();
      await turn();
    },
  };
}

describe("what was read before the desktop slept", () => {
  it("is stale also when it is told only after the wake; the next round is fresh", async () => {
    const { monitor, clock, announced, read } = watching({ watch: true });
    monitor.add(fakeCluster);
    await turn();
    clock.pass(1_000);
    monitor.distrust();
    clock.pass(1_000);
    await read();
    expect(announced.map(({ staleAfterMs }) => staleAfterMs)).toEqual([0]);
    expect(monitor.latest(fakeCluster.clusterId)?.staleAfterMs).toBe(0);
    // Read anew at once, not after the pause.
    clock.pass(1_000);
    await read();
    expect(announced.map(({ staleAfterMs }) => staleAfterMs > 0)).toEqual([false, true]);
    monitor.close();
  });

  it("ends nothing when the cluster is gone while it is read anew", async () => {
    const unhandled: unknown[] = [];
    const hear = (error: unknown): void => void unhandled.push(error);
    const told = vi.spyOn(console, "error").mockImplementation(() => undefined);
    process.on("unhandledRejection", hear);
    try {
      const { monitor, read } = watching({ watch: true });
      monitor.add(fakeCluster);
      await read();
      monitor.distrust();
      monitor.refreshSoon(fakeCluster.clusterId);
      monitor.remove(fakeCluster.clusterId);
      await read("throws");
      await read("throws");
      expect(unhandled).toEqual([]);
      expect(told).toHaveBeenCalled();
    } finally {
      process.off("unhandledRejection", hear);
      told.mockRestore();
    }
  });
});

describe("preferences that cannot be read", () => {
  it("leave the last known pace, and every cluster is read on", async () => {
    const told = vi.spyOn(console, "error").mockImplementation(() => undefined);
    let isReadable = true;
    const { monitor, announced, read, begun } = watching({
      watch: true,
      pauseMs: () => {
        if (!isReadable) throw new Error("permission denied");
        return 1;
      },
    });
    monitor.add(fakeCluster);
    await read();
    isReadable = false;
    for (let round = 2; round <= 4; round += 1) {
      await vi.waitFor(() => expect(begun()).toBe(round));
      await read();
    }
    expect(announced).toHaveLength(4);
    expect(new Set(announced.map(({ staleAfterMs }) => staleAfterMs))).toEqual(new Set([10_003]));
    expect(told).toHaveBeenCalled();
    told.mockRestore();
    monitor.close();
  });
});
