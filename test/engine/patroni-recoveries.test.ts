import { describe, expect, it } from "vitest";
import type { Engine, MemberReadings } from "../../main/engine/engine";
import type { MemberStatus } from "../../main/engine/patroni/answers";
import { patroniProbes } from "../../main/engine/patroni/probes";
import { failover } from "../../main/engine/patroni/recovery/failover";
import { holds, patroniJudges } from "../../main/engine/patroni/recovery/judges";
import { restartPatroni } from "../../main/engine/patroni/recovery/restart-patroni";
import { restartMember } from "../../main/engine/patroni/recovery/restart-server";
import { switchover } from "../../main/engine/patroni/recovery/switchover";
import { patroniSettings } from "../../main/engine/patroni/settings";
import { lagBytes, snapshotMembers, soleLeader, type PatroniSnapshot } from "../../main/engine/patroni/snapshot";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof patroniSettings, ReturnType<typeof patroniProbes>>[];

const parts = { id: "patroni", settings: patroniSettings, probes: patroniProbes };
/** A recording; what is changed in it below is what no lab shows on demand. */
const recorded = (name: string): Members =>
  replay(parts as unknown as Engine<typeof patroniSettings, ReturnType<typeof patroniProbes>, unknown>, name);

/** Members whose own word is changed, by place. */
function saying(members: Members, change: (status: MemberStatus, index: number) => Partial<MemberStatus>): Members {
  return members.map((one, index) => {
    const { status } = one.readings;
    if (status.kind !== "value") return one;
    return {
      ...one,
      readings: {
        ...one.readings,
        status: { ...status, value: { ...status.value, ...change(status.value, index) } },
      },
    };
  });
}

/** Synchronous mode with these synchronous replicas, as the store lists them. */
function synchronous(members: Members, names: readonly string[]): Members {
  return members.map((one) => {
    const { settings, cluster } = one.readings;
    const list = (view: NonNullable<PatroniSnapshot["view"]>) => ({
      ...view,
      members: view.members.map((listed) =>
        names.includes(listed.name) ? { ...listed, role: "sync_standby" } : listed,
      ),
    });
    return {
      ...one,
      readings: {
        ...one.readings,
        ...(settings.kind === "value" && {
          settings: { ...settings, value: { ...settings.value, isSynchronous: true } },
        }),
        ...(cluster.kind === "value" && { cluster: { ...cluster, value: list(cluster.value) } }),
      },
    };
  });
}

const replicasOf = (snapshot: PatroniSnapshot): readonly string[] =>
  snapshot.members.filter(({ standing }) => standing.kind === "replica").map(({ member }) => member);
const reasonsOf = (snapshot: PatroniSnapshot, member: string): readonly string[] =>
  failover
    .targets(snapshot)
    .find(({ target }) => target === member)
    ?.objections.map(({ code }) => code) ?? ["not a target"];
const codes = (sentences: readonly { readonly code: string }[]): readonly string[] => sentences.map(({ code }) => code);

describe("a failover", () => {
  const without = recorded("no-leader");
  const [first = "", second = ""] = replicasOf(snapshotMembers(without));

  it("goes to the replica that has more, also when it was started anew and has received nothing since", () => {
    const restarted = saying(without, (status, index) =>
      without[index]?.site.member === first
        ? { receivedBytes: 0, replayedBytes: (status.replayedBytes ?? 0) + 4096 }
        : {},
    );
    const snapshot = snapshotMembers(restarted);
    expect(reasonsOf(snapshot, first)).toEqual([]);
    expect(reasonsOf(snapshot, second)).toEqual(["patroni/another-has-more"]);
  });

  it("goes to a synchronous replica where there is one, and warns where there is none", () => {
    const withOne = snapshotMembers(synchronous(without, [second]));
    expect(reasonsOf(withOne, first)).toEqual(["patroni/another-is-synchronous"]);
    expect(reasonsOf(withOne, second)).toEqual([]);
    const withNone = snapshotMembers(synchronous(without, []));
    expect(reasonsOf(withNone, first)).toEqual([]);
    expect(codes(failover.plan(withNone, first).warnings)).toContain("patroni/warning.commits-lost");
  });

  it("is done only when every other member is seen to take no writes", () => {
    const goal = failover.plan(snapshotMembers(without), first).goal;
    const others = without.map(({ site }) => site.member).filter((member) => member !== first);
    expect(goal).toEqual([holds.leads(first), ...others.map((member) => holds.takesNoWrites(member))]);
  });
});

describe("while Patroni is paused", () => {
  const paused = snapshotMembers(recorded("paused"));
  const [replica = ""] = replicasOf(paused);

  it("a switchover says that nobody steps in", () => {
    expect(codes(switchover.plan(paused, replica).warnings)).toContain("patroni/warning.paused-meanwhile");
  });

  it("stopping Patroni is not said to stop its server", () => {
    expect(restartPatroni.plan(paused, replica).warnings).toEqual([]);
    const healthy = snapshotMembers(recorded("healthy"));
    expect(codes(restartPatroni.plan(healthy, replicasOf(healthy)[0] ?? "").warnings)).toEqual([
      "patroni/warning.server-stops-too",
    ]);
  });

  it("restarting the leader's server is not said to promote another", () => {
    const leader = soleLeader(paused)?.member ?? "";
    expect(codes(restartMember.plan(paused, leader).warnings)).toEqual([
      "patroni/warning.writes-stop",
      "patroni/warning.paused-meanwhile",
    ]);
  });

  it("it is not paused for all before every member has taken it in", () => {
    const late = snapshotMembers(saying(recorded("paused"), (_, index) => (index === 1 ? { isPaused: false } : {})));
    expect(patroniJudges["patroni/holds.paused"]?.(paused, {})).toBeNull();
    expect(patroniJudges["patroni/holds.paused"]?.(late, {})?.code).toBe("patroni/is-not-paused");
    expect(patroniJudges["patroni/holds.not-paused"]?.(late, {})?.code).toBe("patroni/is-paused");
  });
});

describe("a replica that receives nothing", () => {
  it("is said to hold up what stops the leader's server", () => {
    const lagging = snapshotMembers(recorded("replica-lagging"));
    const behind = lagging.members.find((one) => (lagBytes(lagging, one) ?? 0) > 1_048_576)?.member ?? "";
    const other = replicasOf(lagging).find((one) => one !== behind) ?? "";
    const waits = { code: "patroni/warning.stop-waits", facts: { members: behind } };
    expect(switchover.plan(lagging, other).warnings).toContainEqual(waits);
    expect(restartMember.plan(lagging, soleLeader(lagging)?.member ?? "").warnings).toContainEqual(waits);
    expect(codes(restartMember.plan(lagging, other).warnings)).toEqual([]);
    const healthy = snapshotMembers(recorded("healthy"));
    expect(codes(switchover.plan(healthy, replicasOf(healthy)[0] ?? "").warnings)).toEqual([
      "patroni/warning.writes-stop",
    ]);
  });
});

describe("a restart of a server", () => {
  it("is asked of Patroni for a replica as a replica, so that one promoted meanwhile is left alone", () => {
    const healthy = snapshotMembers(recorded("healthy"));
    const bodyOf = (member: string): unknown => {
      const effect = restartMember.plan(healthy, member).steps[0]?.effect;
      return effect?.kind === "http" ? effect.body : null;
    };
    expect(bodyOf(replicasOf(healthy)[0] ?? "")).toBe('{"role":"replica"}');
    expect(bodyOf(soleLeader(healthy)?.member ?? "")).toBe("{}");
  });
});

describe("a planned switchover", () => {
  it("says which one it takes the place of", () => {
    const snapshot = snapshotMembers(recorded("settings-odd"));
    expect(codes(switchover.plan(snapshot, replicasOf(snapshot)[0] ?? "").warnings)).toContain(
      "patroni/warning.scheduled-is-dropped",
    );
  });
});

describe("the only synchronous replica", () => {
  it("is not restarted without saying what waits or may be lost", () => {
    const healthy = recorded("healthy");
    const [replica = ""] = replicasOf(snapshotMembers(healthy));
    const snapshot = snapshotMembers(synchronous(healthy, [replica]));
    expect(codes(restartMember.plan(snapshot, replica).warnings)).toEqual([
      "patroni/warning.not-synchronous-meanwhile",
    ]);
  });
});
