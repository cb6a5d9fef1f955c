import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { linuxProbes, parseKills, parsePulse } from "../../main/engine/linux/probes";

function answerOf(
  ask: (typeof linuxProbes)["pulse"]["ask"],
  shell: string,
  change = (script: string) => script,
): string {
  if (ask.kind !== "read") throw new Error("the pulse is read by the shell");
  return execFileSync(shell, ["-c", change(ask.script)], { encoding: "utf8" });
}

describe.skipIf(process.platform !== "linux").each(["dash", "bash"])("the pulse read by %s", (shell) => {
  it("counts the processors alike with and without /sys", () => {
    const withSys = parsePulse(answerOf(linuxProbes.pulse.ask, shell));
    const without = parsePulse(
      answerOf(linuxProbes.pulse.ask, shell, (script) => script.replace("/sys/devices", "/sys-is-not-mounted")),
    );
    expect(withSys.cpuCount).toBeGreaterThan(0);
    expect(without.cpuCount).toBe(withSys.cpuCount);
    expect(without.bootId).toBe(withSys.bootId);
  });

  it("names the boot that the kills are counted from", () => {
    const pulse = parsePulse(answerOf(linuxProbes.pulse.ask, shell));
    const kills = parseKills(answerOf(linuxProbes.kills.ask, shell));
    expect(kills.bootId).toBe(pulse.bootId);
    expect(kills.oomKills).not.toBeNull();
  });
});

describe("the processors online", () => {
  const pulse = (online: string): number =>
    parsePulse(
      `online ${online}\nstat cpu  4705 0 2255 312654 198 0 16 0 0 0\nloadavg 0.23 0.17 0.10 1/189 42\nuptime 2460.55 4839.32\nboot b\nmem MemTotal: 24625480 kB\nmem MemAvailable: 23046676 kB\n`,
    ).cpuCount;

  it.each([
    ["0", 1],
    ["0-3,6", 5],
    ["0,2-3,64-127", 67],
  ])("%s are %i", (online, count) => expect(pulse(online)).toBe(count));

  it.each(["", "0-", "all"])("says so where it cannot be read: %j", (online) =>
    expect(() => pulse(online)).toThrow(/online|processors/),
  );
});
