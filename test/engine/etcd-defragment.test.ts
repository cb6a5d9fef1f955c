import { describe, expect, it } from "vitest";
import type { Claim, Engine, MemberReadings } from "../../main/engine/engine";
import { etcdConsistency, hashesAtOneRevision } from "../../main/engine/etcd/consistency";
import { etcdHealth } from "../../main/engine/etcd/health";
import type { Room } from "../../main/engine/etcd/directory";
import { etcdProbes, type EtcdProbes, type KeyHash } from "../../main/engine/etcd/probes";
import { clearNoSpace } from "../../main/engine/etcd/recovery/clear-no-space";
import { defragmentMember } from "../../main/engine/etcd/recovery/defragment";
import { etcdJudges } from "../../main/engine/etcd/recovery/judges";
import { etcdSettings } from "../../main/engine/etcd/settings";
import { leaderOf, snapshotMembers, type EtcdSnapshot } from "../../main/engine/etcd/snapshot";
import type { Reading } from "../../main/probe/probe";
import { sentence } from "../../contract/sentence";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof etcdSettings, EtcdProbes>[];
type Part = "room" | "hash" | "members";

const parts = { id: "etcd", settings: etcdSettings, probes: etcdProbes };
/** Recordings of real members; what is changed in them is said by each test. */
const recorded = (name: string): Members =>
  replay(parts as unknown as Engine<typeof etcdSettings, EtcdProbes, unknown>, name);

/** The same with one reading of every member changed; null where it could not be read. */
function changed<T>(members: Members, part: Part, valueOf: (member: string, now: unknown) => T | null): Members {
  return members.map((one) => {
    const reading: Reading<unknown> = one.readings[part];
    const value = valueOf(one.site.member, reading.kind === "value" ? reading.value : null);
    const read: Reading<unknown> =
      value === null
        ? { kind: "failed", reason: sentence("probe/not-told"), evidence: reading.evidence }
        : { kind: "value", value, evidence: reading.evidence };
    return { ...one, readings: { ...one.readings, [part]: read } };
  });
}

const mebibyte = 1 << 20;
const having = (insideBytes: number): Room => ({ availableBytes: 2 ** 40, insideBytes, isMountPoint: true });
const withRoom = (name: string, room: Room | null): EtcdSnapshot =>
  snapshotMembers(changed(recorded(name), "room", () => room));

const codes = (sentences: readonly { readonly code: string }[]): readonly string[] => sentences.map(({ code }) => code);
const judged = (snapshot: EtcdSnapshot, claims: readonly Claim[]): readonly (string | null)[] =>
  claims.map((claim) => etcdJudges[claim.code]?.(snapshot, claim.facts)?.code ?? null);

describe("the room that defragmenting takes", () => {
  const objections = (snapshot: EtcdSnapshot): readonly string[] =>
    defragmentMember
      .targets(snapshot)
      .filter(({ target }) => target !== leaderOf(snapshot)?.member)
      .flatMap(({ objections: own }) => codes(own));
  const roomy = withRoom("healthy-fragmented", having(2 ** 30));
  const full = withRoom("healthy-fragmented", having(40 * mebibyte));
  const blind = withRoom("healthy-fragmented", null);

  it("is asked on the disk of the data before a member is defragmented, and again before the step", () => {
    expect(objections(roomy)).toEqual([]);
    expect(objections(full)).toContain("etcd/no-room-to-defragment");
    const [target] = defragmentMember.targets(roomy).filter(({ objections: own }) => own.length === 0);
    const { steps, warnings } = defragmentMember.plan(roomy, target?.target ?? "");
    expect(judged(full, steps[0]?.stillSafe ?? [])).toContain("etcd/no-room-to-defragment");
    expect(judged(blind, steps[0]?.stillSafe ?? [])).toContain("etcd/defragment-room-unknown");
    expect(judged(roomy, steps[0]?.stillSafe ?? [])).toEqual([null, null]);
    expect(codes(warnings)).toEqual(["etcd/warning.pauses"]);
  });

  it("is warned of where it is not known", () => {
    expect(objections(blind)).toEqual([]);
    const [target] = defragmentMember.targets(blind).filter(({ objections: own }) => own.length === 0);
    const { warnings } = defragmentMember.plan(blind, target?.target ?? "");
    expect(codes(warnings)).toContain("etcd/warning.defragment-room-unknown");
  });

  it("is asked before each member's step where the history is compacted first, because what is in use shrinks by it", () => {
    const short = withRoom("no-space", having(40 * mebibyte));
    expect(codes(clearNoSpace.objections(short))).toEqual([]);
    const { steps, warnings } = clearNoSpace.plan(short, "e1");
    expect(codes(warnings)).toContain("etcd/warning.stops-without-room");
    const defragments = steps.filter(({ title }) => title.code === "etcd/step.defragment");
    expect(defragments).toHaveLength(3);
    for (const { stillSafe } of defragments) expect(judged(short, stillSafe)).toContain("etcd/no-room-to-defragment");
  });
});

describe("the NOSPACE alarm of a cluster of one", () => {
  const alone = (name: string): EtcdSnapshot => {
    const snapshot = snapshotMembers(recorded(name));
    const leader = leaderOf(snapshot);
    const one = recorded(name).filter(({ site }) => site.member === leader?.member);
    return snapshotMembers(
      changed(one, "members", () => (snapshot.listed ?? []).filter(({ id }) => id === leader?.id)),
    );
  };

  it("is refused with its reason, not offered and then without a step", () => {
    const snapshot = alone("no-space");
    expect(codes(clearNoSpace.objections(snapshot))).toEqual(["etcd/nobody-to-hand-over"]);
  });
});

describe("hashes of all keys", () => {
  const hashes = (values: Readonly<Record<string, KeyHash>>): EtcdSnapshot =>
    snapshotMembers(changed(recorded("healthy"), "hash", (member) => values[member] ?? null));
  const at = (revision: number, hash: number): KeyHash => ({ revision, compactRevision: 0, hash });
  const keysDiffer = (snapshot: EtcdSnapshot): number =>
    etcdHealth.filter(({ code }) => code === "etcd/KeysDiffer").flatMap(({ find }) => find(snapshot)).length;
  const verdict = (snapshot: EtcdSnapshot): string | undefined =>
    etcdConsistency(snapshot).witnesses.find(({ claim }) => claim === "etcd/claim.keys")?.verdict;

  it("that differ at one revision are named although a third was taken at another", () => {
    const differing = hashes({ e1: at(10, 1), e2: at(10, 2), e3: at(11, 3) });
    expect(keysDiffer(differing)).toBe(1);
    expect(verdict(differing)).toBe("broken");
    const equal = hashes({ e1: at(10, 1), e2: at(10, 1), e3: at(11, 3) });
    expect(keysDiffer(equal)).toBe(0);
    expect(verdict(equal)).not.toBe("broken");
    expect(hashesAtOneRevision(hashes({ e1: at(10, 1), e2: at(11, 2), e3: at(12, 3) }))).toBeNull();
  });
});
