import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { zookeeperProbes, type OnDisk, type ZookeeperProbes } from "../../main/engine/zookeeper/probes";
import { restartServer } from "../../main/engine/zookeeper/recovery/restart";
import { resyncServer } from "../../main/engine/zookeeper/recovery/resync";
import { zookeeperSettings, type ZookeeperSite } from "../../main/engine/zookeeper/settings";
import { snapshotEnsemble, type EnsembleSnapshot } from "../../main/engine/zookeeper/snapshot";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof zookeeperSettings, ZookeeperProbes>[];

const parts = { id: "zookeeper", settings: zookeeperSettings, probes: zookeeperProbes };
const codes = (sentences: readonly { readonly code: string }[]): readonly string[] => sentences.map(({ code }) => code);

/** The recording of a dead server; what is changed in it is the list in its file, which leaves out one that runs now, and its version. */
function behind(listVersion: number | null): EnsembleSnapshot {
  const members: Members = replay(
    parts as unknown as Engine<typeof zookeeperSettings, ZookeeperProbes, unknown>,
    "leader-killed",
  );
  const dead = snapshotEnsemble(members).servers.find(({ standing }) => standing.kind === "stopped")?.member;
  return snapshotEnsemble(
    members.map((one) => {
      const { disk } = one.readings;
      if (one.site.member !== dead || disk.kind !== "value") return one;
      const older: OnDisk = { ...disk.value, servers: disk.value.servers.slice(1), listVersion };
      return { ...one, readings: { ...one.readings, disk: { ...disk, value: older } } };
    }),
  );
}

function restartOf(snapshot: EnsembleSnapshot): { readonly objections: unknown; readonly warnings: unknown } {
  const dead = snapshot.servers.find(({ standing }) => standing.kind === "stopped")?.member ?? "";
  const target = restartServer.targets(snapshot).find((one) => one.target === dead);
  return {
    objections: codes(target?.objections ?? []),
    warnings: codes(restartServer.plan(snapshot, dead).warnings),
  };
}

describe("the start of a server that was down while the list of servers was changed", () => {
  const running = 0x100000000;

  it("is refused where its list is no dynamic one, or is as new as what runs", () => {
    for (const version of [null, running, running + 1])
      expect(restartOf(behind(version)).objections).toEqual(["zookeeper/files-differ"]);
  });

  it("is planned with a warning where its dynamic list is older: it takes the newer one when it joins", () => {
    expect(restartOf(behind(0))).toEqual({ objections: [], warnings: ["zookeeper/warning.configuration-outdated"] });
  });

  it("is warned of too where its data are given anew", () => {
    const snapshot = behind(0);
    const dead = snapshot.servers.find(({ standing }) => standing.kind === "stopped")?.member ?? "";
    expect(codes(resyncServer.targets(snapshot).find(({ target }) => target === dead)?.objections ?? [])).toEqual([]);
    expect(codes(resyncServer.plan(snapshot, dead).warnings)).toContain("zookeeper/warning.configuration-outdated");
  });
});

describe("the version of the list in a configuration, as a host with such files tells", () => {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-list-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The files as a server of the lab keeps them (3.8). */
  function asked(dynamicName: string | null): OnDisk {
    const configFile = join(folder, "zoo.cfg");
    const dataDirectory = join(folder, "data");
    mkdirSync(dataDirectory, { recursive: true });
    const list = "server.1=10.77.0.51:2888:3888:participant;0.0.0.0:2181\n";
    if (dynamicName !== null) writeFileSync(join(folder, dynamicName), list);
    writeFileSync(
      configFile,
      `initLimit=10\n${dynamicName === null ? list : `dynamicConfigFile=${join(folder, dynamicName)}\n`}`,
    );
    const standards = Object.fromEntries(
      Object.entries(zookeeperSettings).map(([key, { standard }]) => [key, standard]),
    );
    const site = { member: "z1", node: "z1", settings: { ...standards, configFile, dataDirectory } } as ZookeeperSite;
    const { ask, parse } = zookeeperProbes(site).disk;
    if (ask.kind !== "read") throw new Error("it is not asked by a script");
    return parse(execFileSync("/bin/sh", ["-c", ask.script], { encoding: "utf8" }));
  }

  it("ends the name of a dynamic file, and is nought where it does not", () => {
    expect(asked("zoo.cfg.dynamic.100000000").listVersion).toBe(0x100000000);
    expect(asked("zoo.cfg.dynamic").listVersion).toBe(0);
    expect(asked("zoo.cfg.dynamic").servers.map(({ id }) => id)).toEqual([1]);
  });

  it("is none where the servers stand in the configuration itself", () => {
    expect(asked(null)).toMatchObject({ listVersion: null, servers: [{ id: 1 }] });
  });
});
