import { describe, expect, it } from "vitest";
import type { Claim, Engine, MemberReadings } from "../../main/engine/engine";
import {
  etcdProbes,
  parseDirectory,
  parseRoom,
  type DataDirectory,
  type EtcdProbes,
  type Room,
} from "../../main/engine/etcd/probes";
import { etcdJudges } from "../../main/engine/etcd/recovery/judges";
import { replaceMember } from "../../main/engine/etcd/recovery/replace";
import { etcdSettings } from "../../main/engine/etcd/settings";
import { snapshotMembers, type EtcdSnapshot } from "../../main/engine/etcd/snapshot";
import type { Reading } from "../../main/probe/probe";
import { sentence } from "../../contract/sentence";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof etcdSettings, EtcdProbes>[];

const parts = { id: "etcd", settings: etcdSettings, probes: etcdProbes };
/** Recordings of real members; what is changed in them is how their directories and disks look. */
const recorded = (name: string): Members =>
  replay(parts as unknown as Engine<typeof etcdSettings, EtcdProbes, unknown>, name);

const codes = (sentences: readonly { readonly code: string }[]): readonly string[] => sentences.map(({ code }) => code);

const roomy: Room = { availableBytes: 2 ** 30, isMountPoint: false };

/** A look at which the data of all members lie so. */
function looking(name: string, directory: DataDirectory | null, room: Room | null = roomy): EtcdSnapshot {
  return snapshotMembers(
    recorded(name).map((one): Members[number] => {
      const read = <T>(value: T | null, { evidence }: Reading<T>): Reading<T> =>
        value === null
          ? { kind: "failed", reason: sentence("probe/not-told"), evidence }
          : { kind: "value", value, evidence };
      const { readings } = one;
      return {
        ...one,
        readings: {
          ...readings,
          directory: read(directory, readings.directory),
          room: read(room, readings.room),
        },
      };
    }),
  );
}

const inPlace: DataDirectory = { isThere: true, kept: [] };

function target(snapshot: EtcdSnapshot): string {
  return snapshot.members.find(({ standing }) => standing.kind === "stopped")?.member ?? "";
}

function judged(snapshot: EtcdSnapshot, claims: readonly Claim[]): readonly (string | null)[] {
  return claims.map((claim) => etcdJudges[claim.code]?.(snapshot, claim.facts)?.code ?? null);
}

const objections = (snapshot: EtcdSnapshot): readonly string[] =>
  replaceMember.targets(snapshot).flatMap(({ objections: own }) => codes(own));

describe.each([
  ["leader-killed", ["letLinksSettle", "remove", "keepAside", "add", "startAnew"]],
  ["member-removed", ["letLinksSettle", "keepAside", "add", "startAnew"]],
] as const)("the replacement of a dead member (%s)", (name, titles) => {
  const before = looking(name, inPlace);
  const plan = replaceMember.plan(before, target(before));
  const step = (title: string): (typeof plan.steps)[number] | undefined =>
    plan.steps.find((one) => one.title.code === `etcd/step.${title}`);
  const keepAside = step("keepAside");
  const kept = String(keepAside?.title.facts.kept);
  const keptName = kept.slice(kept.lastIndexOf("/") + 1);
  const after = looking(name, { isThere: false, kept: [keptName] });

  it("takes its data for kept aside only where they lie under the other name and no longer in their place", () => {
    expect(codes(plan.steps.map(({ title }) => title))).toEqual(titles.map((title) => `etcd/step.${title}`));
    const achieved = keepAside?.achieved ?? [];
    expect(judged(before, achieved)).toEqual(["etcd/not-kept-aside"]);
    expect(judged(looking(name, { isThere: true, kept: [keptName] }), achieved)).toEqual(["etcd/not-kept-aside"]);
    expect(judged(looking(name, { isThere: false, kept: [] }), achieved)).toEqual(["etcd/not-kept-aside"]);
    expect(judged(looking(name, null), achieved)).toEqual(["etcd/directory-not-seen"]);
    expect(judged(after, achieved)).toEqual([null]);
  });

  it("adds and starts nobody while data lie in their place", () => {
    for (const title of ["add", "startAnew"]) {
      expect(judged(before, step(title)?.stillSafe ?? [])).toContain("etcd/data-there");
      expect(judged(after, step(title)?.stillSafe ?? [])).not.toContain("etcd/data-there");
    }
  });

  it("can put the data back, and takes them for back only where they are", () => {
    const undo = keepAside?.undo;
    if (undo?.kind !== "by") throw new Error("it cannot be undone");
    expect(judged(after, undo.stillSafe)).toEqual([null, null]);
    expect(judged(after, undo.achieved)).toEqual(["etcd/not-put-back"]);
    expect(judged(before, undo.achieved)).toEqual([null]);
  });

  it("keeps the data under a name that nothing has yet", () => {
    const again = looking(name, { isThere: true, kept: [keptName, `${keptName}-2`] });
    const { steps, warnings } = replaceMember.plan(again, target(again));
    expect(steps.find(({ title }) => title.code === "etcd/step.keepAside")?.title.facts.kept).toBe(`${kept}-3`);
    expect(warnings[0]?.facts.kept).toBe(`${kept}-3`);
  });

  it("moves nothing where nothing lies, and goes on only while that is so", () => {
    const gone = looking(name, { isThere: false, kept: [] });
    const { steps, warnings } = replaceMember.plan(gone, target(gone));
    expect(codes(steps.map(({ title }) => title))).not.toContain("etcd/step.keepAside");
    expect(codes(warnings)).toEqual(["etcd/warning.no-loss-allowed"]);
    const first = steps[1]?.stillSafe ?? [];
    expect(judged(gone, first)).not.toContain("etcd/data-there");
    expect(judged(before, first)).toContain("etcd/data-there");
  });

  it("is refused before anything is taken out where the data cannot be kept aside, or the disk has no room for two copies", () => {
    expect(objections(before)).toEqual([]);
    expect(objections(looking(name, null))).toEqual(["etcd/directory-not-seen"]);
    expect(objections(looking(name, inPlace, { ...roomy, isMountPoint: true }))).toEqual([
      "etcd/directory-is-mount-point",
    ]);
    expect(objections(looking(name, inPlace, { ...roomy, availableBytes: 2 ** 27 }))).toEqual(["etcd/disk-too-full"]);
  });

  it("warns where it is not known how much room there is", () => {
    const blind = looking(name, inPlace, null);
    expect(objections(blind)).toEqual([]);
    expect(codes(replaceMember.plan(blind, target(blind)).warnings)).toContain("etcd/warning.disk-unknown");
    expect(codes(plan.warnings)).not.toContain("etcd/warning.disk-unknown");
  });
});

describe("what a host shows of a data directory", () => {
  it("is that a login may not look there", () => {
    expect(() => parseDirectory("closed\n")).toThrow("etcd/directory-closed");
  });

  it("is nothing where the answer says nothing", () => {
    expect(() => parseDirectory("")).toThrow("the data directory");
    expect(() => parseRoom("", "/var/lib/etcd")).toThrow("the free space");
  });
});
