import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { SshError } from "../../main/ssh/ssh-error";
import { within } from "../../main/ssh/within";

describe("a deadline", () => {
  it("hands what comes after it to be discarded, and only that", async () => {
    const discarded: string[] = [];
    const discard = (late: string): void => void discarded.push(late);
    expect(await within("n1", 60_000, () => Promise.resolve("in time"), discard)).toBe("in time");
    let arrive: (value: string) => void = () => undefined;
    const late = new Promise<string>((resolve) => (arrive = resolve));
    await expect(within("n1", 1, () => late, discard)).rejects.toThrow(SshError);
    expect(discarded).toEqual([]);
    arrive("too late");
    await pause(0);
    expect(discarded).toEqual(["too late"]);
  });
});
