import { describe, expect, it } from "vitest";
import { sentence } from "../../contract/sentence";
import { patroniHealth } from "../../main/engine/patroni/health";
import { snapshotMembers } from "../../main/engine/patroni/snapshot";
import { failover } from "../../main/engine/patroni/recovery/failover";
import { pause } from "../../main/engine/patroni/recovery/pause";
import { reinitializeReplica } from "../../main/engine/patroni/recovery/reinitialize";
import { switchover } from "../../main/engine/patroni/recovery/switchover";
import { patroniProbes } from "../../main/engine/patroni/probes";
import { patroniSettings } from "../../main/engine/patroni/settings";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof patroniSettings, ReturnType<typeof patroniProbes>>[];

const parts = { id: "patroni", settings: patroniSettings, probes: patroniProbes };
/** The recording of the healthy cluster; what is changed in it is what no lab shows on demand. */
const healthy = replay(
  parts as unknown as Engine<typeof patroniSettings, ReturnType<typeof patroniProbes>, unknown>,
  "healthy",
);

function withStore(members: Members, host: (index: number) => string): Members {
  return members.map((one, index) => ({
    ...one,
    site: { ...one.site, settings: { ...one.site.settings, storeHost: host(index) } },
    readings: {
      ...one.readings,
      store: {
        kind: "failed",
        reason: sentence("ssh/dial-refused", {}),
        evidence: one.readings.store.evidence,
      },
    },
  }));
}

function codesOf(members: Members): readonly string[] {
  const snapshot = snapshotMembers(members);
  return patroniHealth.filter(({ find }) => find(snapshot).length > 0).map(({ code }) => code);
}

describe("the store of the leader key", () => {
  it("is not lost when the one address that all members are asked at is silent and a leader is there", () => {
    const codes = codesOf(withStore(healthy, () => "10.0.0.9"));
    expect(codes).toContain("patroni/StoreUnwell");
    expect(codes).not.toContain("patroni/StoreLost");
  });

  it("is lost when each member's own is silent", () => {
    expect(codesOf(withStore(healthy, () => "127.0.0.1"))).toContain("patroni/StoreLost");
    expect(codesOf(withStore(healthy, (index) => `10.0.0.${index}`))).toContain("patroni/StoreLost");
  });

  it("keeps every request away that it would have to take, when each member's own is silent", () => {
    const lost = snapshotMembers(withStore(healthy, () => "127.0.0.1"));
    for (const { objections } of [switchover, pause, failover, reinitializeReplica])
      expect(objections(lost).map(({ code }) => code)).toContain("patroni/store-has-no-majority");
  });
});

describe("a planned switchover", () => {
  it("is not offered while a member is unseen that may take writes without the key", () => {
    const unread = healthy.map((one, index): Members[number] => {
      const lost = (evidence: (typeof one.readings.status)["evidence"]) =>
        ({ kind: "failed", reason: sentence("ssh/unreachable", {}), evidence }) as const;
      if (index !== 2) return one;
      const { status, cluster, server, postmaster } = one.readings;
      return {
        ...one,
        readings: {
          ...one.readings,
          status: lost(status.evidence),
          cluster: lost(cluster.evidence),
          server: lost(server.evidence),
          postmaster: lost(postmaster.evidence),
        },
      };
    });
    expect(switchover.objections(snapshotMembers(healthy))).toEqual([]);
    expect(switchover.objections(snapshotMembers(unread)).map(({ code }) => code)).toEqual(["patroni/not-all-told"]);
  });
});
