import { describe, expect, it } from "vitest";
import { keepPace } from "../../main/monitor/pace";

describe("the pace of a cluster", () => {
  it("goes on after a turn that threw, tells of it, and rejects only for who asked", async () => {
    const told: unknown[] = [];
    let turns = 0;
    let reached: () => void = () => undefined;
    const fourth = new Promise<void>((resolve) => (reached = resolve));
    const pace = keepPace({
      pauseMs: () => 1,
      failed: (error) => told.push(error),
      turn: () => {
        turns += 1;
        if (turns === 4) reached();
        return turns < 3 ? Promise.reject(new Error(`turn ${turns}`)) : Promise.resolve();
      },
    });
    await expect(pace.now()).rejects.toThrow("turn 1");
    await fourth;
    pace.stop();
    expect(told.map(String)).toEqual(["Error: turn 2"]);
  });
});
