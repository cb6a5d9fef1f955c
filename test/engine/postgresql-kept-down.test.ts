import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Engine, MemberReadings, RecoveryAction } from "../../main/engine/engine";
import {
  livenessScript,
  parseLiveness,
  postgresqlProbes,
  type Liveness,
  type PostgresqlProbes,
} from "../../main/engine/postgresql/probes";
import { rejoin } from "../../main/engine/postgresql/recovery/rejoin";
import { restart } from "../../main/engine/postgresql/recovery/restart";
import { rebuild, rewind } from "../../main/engine/postgresql/recovery/rewind";
import { postgresqlSettings } from "../../main/engine/postgresql/settings";
import { snapshotServers, type ServersSnapshot } from "../../main/engine/postgresql/snapshot";
import { replay } from "./case";

type Member = MemberReadings<typeof postgresqlSettings, PostgresqlProbes>;

const parts = { id: "postgresql", settings: postgresqlSettings, probes: postgresqlProbes };
/** p2 is the old primary and stopped. */
const recorded: readonly Member[] = replay(
  parts as unknown as Engine<typeof postgresqlSettings, PostgresqlProbes, unknown>,
  "old-primary-stopped",
);

/** As recorded, but one is kept from being started. */
function keptDown(member: string, locks: Liveness["locks"]): ServersSnapshot {
  return snapshotServers(
    recorded.map((one): Member => {
      const { liveness } = one.readings;
      if (one.site.member !== member || liveness.kind !== "value") return one;
      return {
        ...one,
        readings: { ...one.readings, liveness: { ...liveness, value: { ...liveness.value, locks } } },
      };
    }),
  );
}

describe("a server that somebody keeps from being started", () => {
  const objections = (action: RecoveryAction<ServersSnapshot>, name: string, locks: Liveness["locks"]): unknown =>
    action.targets(keptDown(name, locks)).flatMap(({ target, objections: told }) => (target === name ? told : []));
  const kept = (member: string, back: string): unknown => ({
    code: "postgresql/kept-down",
    facts: { member, node: member, back },
  });
  const unmask = "systemctl unmask postgresql@15-main.service";
  const { dataDirectory } = recorded.find(({ site }) => site.member === "p2")!.site.settings;

  it("is not brought back before that is taken back, and the command that does is told", () => {
    for (const action of [rejoin, rewind, rebuild]) {
      expect(objections(action, "p2", [])).toEqual([]);
      expect(objections(action, "p2", ["masked"])).toEqual([kept("p2", unmask)]);
      expect(objections(action, "p2", ["recovery.conf"])).toEqual([kept("p2", `rm ${dataDirectory}/recovery.conf`)]);
    }
  });

  it("is not stopped for a restart, which it would not come back from", () => {
    expect(objections(restart, "p3", [])).toEqual([]);
    expect(objections(restart, "p3", ["masked"])).toEqual([kept("p3", unmask)]);
  });
});

describe("what keeps a server down", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-kept-down-"));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });
  /** The script itself, by the shell of this host. */
  const locks = (): Liveness["locks"] => {
    const script = livenessScript(directory, join(directory, "postgresql.service"));
    return parseLiveness(execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" })).locks;
  };

  it("is a unit that leads to /dev/null and a recovery.conf, and no unit of its own", () => {
    expect(locks()).toEqual([]);
    writeFileSync(join(directory, "postgresql.service"), "");
    expect(locks()).toEqual([]);
    rmSync(join(directory, "postgresql.service"));
    symlinkSync("/dev/null", join(directory, "postgresql.service"));
    expect(locks()).toEqual(["masked"]);
    writeFileSync(join(directory, "recovery.conf"), "");
    expect(locks()).toEqual(["masked", "recovery.conf"]);
  });
});
