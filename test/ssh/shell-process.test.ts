import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { endingScript, introducedIn, introduction } from "../../main/ssh/shell-process";

const shells = [["/bin/dash"], ["/bin/bash", "--posix"], ["/bin/busybox", "sh"], ["/bin/mksh"]] as const;
const ask = (shell: readonly string[], script: string): string => {
  const [program = "", ...flags] = shell;
  return execFileSync(program, [...flags, "-s"], { input: script, encoding: "utf8" });
};
/** One that waits, as a shell does that a file keeps waiting. */
const waiting = async (): Promise<{ pid: number; said: string; ended: Promise<unknown>; end: () => void }> => {
  const child = spawn("/bin/sh", ["-s"], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", (_code, signal) => resolve(signal)));
  child.stdin.write(introduction("0123"));
  const said = await new Promise<string>((resolve) =>
    child.stdout.once("data", (text: Buffer) => resolve(String(text))),
  );
  return { pid: child.pid ?? -1, said, ended, end: () => child.stdin.end() };
};

for (const shell of shells)
  it.skipIf(!existsSync(shell[0]) && process.env.CI !== "true")(
    `${shell.join(" ")} says who it is and ends that process alone`,
    async () => {
      const own = introducedIn(`noise${ask(shell, `${introduction("0123")}echo $$\n`)}`, "0123");
      expect(own).not.toBeNull();
      const [one, other] = [await waiting(), await waiting()];
      const [its, others] = [introducedIn(one.said, "0123"), introducedIn(other.said, "0123")];
      if (its === null || others === null) throw new Error(`${one.said} ${other.said}`);
      expect([its.pid, others.pid]).toEqual([one.pid, other.pid]);
      expect(ask(shell, endingScript({ ...its, startTicks: its.startTicks - 1 }))).toBe("gone\n");
      expect(ask(shell, endingScript({ ...its, bootId: "00000000-0000-0000-0000-000000000000" }))).toBe("gone\n");
      expect(ask(shell, endingScript({ ...its, pid: 2 ** 22 + 1 }))).toBe("gone\n");
      expect(ask(shell, endingScript(its))).toBe("ended\n");
      expect(await one.ended).toBe("SIGKILL");
      other.end();
      expect(await other.ended).toBeNull();
    },
  );

it("is known only by a whole introduction after its own mark", () => {
  const stat = `4711 (a ) b) S 4710 4711 4711 0 -1 4194560 ${"0 ".repeat(12)}8812345 2510848 0`;
  const boot = "0f1c2d3e-0000-4000-8000-000000000000";
  expect(introducedIn(`Welcome\n0123=${boot} ${stat}\n`, "0123")).toEqual({
    bootId: boot,
    pid: 4711,
    startTicks: 8_812_345,
  });
  for (const text of [`\n0123=${boot} ${stat}`, `0123=${boot} ${stat}\n`, `\n4567=${boot} ${stat}\n`, "\n0123= \n", ""])
    expect(introducedIn(text, "0123")).toBeNull();
});
