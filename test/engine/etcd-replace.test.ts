import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Claim, Engine, MemberReadings } from "../../main/engine/engine";
import {
  parseDirectory,
  parseRights,
  parseRoom,
  type DataDirectory,
  type FolderRights,
  type Room,
} from "../../main/engine/etcd/directory";
import { etcdHealth } from "../../main/engine/etcd/health";
import { etcdProbes, type EtcdProbes, type ListedMember } from "../../main/engine/etcd/probes";
import { etcdJudges } from "../../main/engine/etcd/recovery/judges";
import { replaceMember } from "../../main/engine/etcd/recovery/replace";
import { etcdSettings, type EtcdSite } from "../../main/engine/etcd/settings";
import { leaderOf, snapshotMembers, type EtcdMember, type EtcdSnapshot } from "../../main/engine/etcd/snapshot";
import type { Reading } from "../../main/probe/probe";
import { sentence } from "../../contract/sentence";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof etcdSettings, EtcdProbes>[];

const parts = { id: "etcd", settings: etcdSettings, probes: etcdProbes };
/** Recordings of real members; what is changed in them is how their directories and disks look. */
const recorded = (name: string): Members =>
  replay(parts as unknown as Engine<typeof etcdSettings, EtcdProbes, unknown>, name);

const codes = (sentences: readonly { readonly code: string }[]): readonly string[] => sentences.map(({ code }) => code);

const roomy: Room = { availableBytes: 2 ** 30, insideBytes: 2 ** 30, isMountPoint: false };

/** A look at which the data of all members lie so. */
function looking(
  name: string,
  directory: DataDirectory | null,
  room: Room | null = roomy,
  { rights = { mayRename: true }, walDirectory = "" }: Beside = {},
): EtcdSnapshot {
  return snapshotMembers(
    recorded(name).map((one): Members[number] => {
      const read = <T>(value: T | null, { evidence }: Reading<T>): Reading<T> =>
        value === null
          ? { kind: "failed", reason: sentence("probe/not-told"), evidence }
          : { kind: "value", value, evidence };
      const { readings } = one;
      return {
        ...one,
        site: { ...one.site, settings: { ...one.site.settings, walDirectory } },
        readings: {
          ...readings,
          directory: read(directory, readings.directory),
          room: read(room, readings.room),
          rights: read(rights, readings.rights),
        },
      };
    }),
  );
}

interface Beside {
  readonly rights?: FolderRights | null;
  readonly walDirectory?: string;
}

/** The same, with another member list told by all, or other settings of the dead member. */
function listing(
  name: string,
  change: (list: readonly ListedMember[]) => readonly ListedMember[],
  settings: Partial<Members[number]["site"]["settings"]> = {},
): EtcdSnapshot {
  const changed = recorded(name).map((one): Members[number] => {
    const { members } = one.readings;
    return {
      ...one,
      site: { ...one.site, settings: { ...one.site.settings, ...settings } },
      readings: {
        ...one.readings,
        members: members.kind === "value" ? { ...members, value: change(members.value) } : members,
      },
    };
  });
  return snapshotMembers(changed);
}

/** The dead one as the recording shows it. */
function memberOf(name: string): EtcdMember | undefined {
  return snapshotMembers(recorded(name)).members.find(({ standing }) => standing.kind === "stopped");
}

function removedIn(snapshot: EtcdSnapshot): readonly unknown[] {
  return etcdHealth
    .filter(({ code }) => code === "etcd/MemberRemoved")
    .flatMap(({ find }) => find(snapshot).map(({ facts }) => facts.member));
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

  it("is refused while its log lies elsewhere than in its data directory", () => {
    const data = before.members.find(({ member }) => member === target(before))?.site.settings.dataDirectory ?? "";
    const withWal = (walDirectory: string): readonly string[] =>
      objections(looking(name, inPlace, roomy, { walDirectory }));
    expect(withWal("/srv/log/")).toEqual(["etcd/wal-directory-elsewhere"]);
    expect(withWal(`${data}-log`)).toEqual(["etcd/wal-directory-elsewhere"]);
    expect(withWal(`${data}/../log`)).toEqual(["etcd/wal-directory-elsewhere"]);
    expect(withWal(`${data}/member/wal/`)).toEqual([]);
  });

  it("is refused where its account may not give the data another name, and takes nobody out when it may no longer", () => {
    const held = looking(name, inPlace, roomy, { rights: { mayRename: false } });
    expect(objections(held)).toEqual(["etcd/may-not-rename"]);
    expect(objections(looking(name, { isThere: false, kept: [] }, roomy, { rights: { mayRename: false } }))).toEqual(
      [],
    );
    expect(judged(before, plan.restsOn)).not.toContain("etcd/may-not-rename");
    expect(judged(held, plan.restsOn)).toContain("etcd/may-not-rename");
    const firstChange = plan.steps.find(({ changes }) => changes);
    expect(judged(held, firstChange?.stillSafe ?? [])).toContain("etcd/may-not-rename");
    expect(judged(looking(name, inPlace, roomy, { rights: null }), plan.restsOn)).toContain("etcd/rights-not-seen");
  });

  it("warns where it is not known whether the data may get another name", () => {
    const blind = looking(name, inPlace, roomy, { rights: null });
    expect(objections(blind)).toEqual([]);
    const blindPlan = replaceMember.plan(blind, target(blind));
    expect(codes(blindPlan.warnings)).toContain("etcd/warning.rights-unknown");
    expect(judged(blind, blindPlan.restsOn)).not.toContain("etcd/rights-not-seen");
    expect(codes(plan.warnings)).not.toContain("etcd/warning.rights-unknown");
  });

  it("warns where it is not known how much room there is", () => {
    const blind = looking(name, inPlace, null);
    expect(objections(blind)).toEqual([]);
    expect(codes(replaceMember.plan(blind, target(blind)).warnings)).toContain("etcd/warning.disk-unknown");
    expect(codes(plan.warnings)).not.toContain("etcd/warning.disk-unknown");
  });
});

describe("the list that a dead member is replaced by", () => {
  const dead = memberOf("leader-killed");
  const others = ({ id }: ListedMember): boolean => id !== dead?.id;
  const learner: ListedMember = {
    id: "1f",
    name: "extra",
    peerUrls: ["http://198.18.1.64:2380"],
    clientUrls: ["http://198.18.1.64:2379"],
    isLearner: true,
  };

  it("names every other member to the new one, learners too: with a list of another length it does not start", () => {
    const snapshot = listing("leader-killed", (list) => [...list, learner]);
    expect(objections(snapshot)).toEqual([]);
    const { steps } = replaceMember.plan(snapshot, target(snapshot));
    const told = JSON.stringify(steps.find(({ title }) => title.code === "etcd/step.startAnew")?.effect);
    for (const { name, peerUrls } of snapshot.listed ?? []) expect(told).toContain(`${name}=${peerUrls.join("")}`);
  });

  it("refuses before anybody is taken out while another that was added has no name", () => {
    const unnamed = { ...learner, name: "", clientUrls: [], isLearner: false };
    expect(objections(listing("leader-killed", (list) => [...list, unnamed]))).toContain("etcd/another-never-started");
  });

  it("takes out nobody of its name who is reached elsewhere, or who answers", () => {
    const elsewhere = listing("leader-killed", (list) =>
      list.map((one) => (others(one) ? one : { ...one, id: "2f", peerUrls: ["http://198.18.1.99:2380"] })),
    );
    expect(elsewhere.members.find(({ member }) => member === dead?.member)?.id).toBeNull();
    expect(objections(elsewhere)).toContain("etcd/listed-elsewhere");
    const answers = listing("leader-killed", (list) =>
      list.flatMap((one, at) =>
        others(one) ? [at === 0 ? { ...one, name: dead?.site.settings.name ?? "" } : one] : [],
      ),
    );
    expect(answers.members.find(({ member }) => member === dead?.member)?.id).toBeNull();
    expect(objections(answers)).toContain("etcd/listed-elsewhere");
    expect(removedIn(answers)).toEqual([dead?.member]);
    expect(removedIn(elsewhere)).toEqual([]);
  });

  it("tells nobody by the name alone", () => {
    expect(objections(listing("leader-killed", (list) => list, { peerUrl: "" }))).toContain("etcd/peer-unknown");
  });

  it("takes out nobody the leader is linked to", () => {
    const snapshot = looking("leader-killed", inPlace);
    const leader = leaderOf(snapshot);
    if (leader?.metrics.kind !== "value") throw new Error("the leader tells no links");
    const links = new Map([...leader.metrics.value.links, [dead?.id ?? "", { isUp: true, breaks: 1 }]]);
    const metrics = { ...leader.metrics, value: { ...leader.metrics.value, links } };
    const linked: EtcdSnapshot = {
      ...snapshot,
      members: snapshot.members.map((one) => (one.member === leader.member ? { ...one, metrics } : one)),
    };
    expect(objections(linked)).toEqual(["etcd/link-up"]);
    const { steps } = replaceMember.plan(snapshot, target(snapshot));
    const remove = steps.find(({ title }) => title.code === "etcd/step.remove");
    expect(judged(linked, remove?.stillSafe ?? [])).toContain("etcd/link-up");
    expect(judged(snapshot, remove?.stillSafe ?? [])).not.toContain("etcd/link-up");
  });
});

describe("what a host shows of a data directory", () => {
  it("is that a login may not look there", () => {
    expect(() => parseDirectory("closed\n")).toThrow("etcd/directory-closed");
  });

  it("is nothing where the answer says nothing", () => {
    expect(() => parseDirectory("")).toThrow("the data directory");
    expect(() => parseRoom("", "/var/lib/etcd")).toThrow("the free space");
    expect(() => parseRights("account 107 107\n")).toThrow("who may rename");
  });
});

describe("who may rename a data directory, as a host with such folders tells", () => {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-folder-"));
  const data = join(folder, "default");
  mkdirSync(data);
  afterAll(() => rmSync(folder, { recursive: true }));

  function asked(mode: number, account: string): FolderRights {
    chmodSync(folder, mode);
    const settings = {
      ...Object.fromEntries(Object.entries(etcdSettings).map(([key, { standard }]) => [key, standard])),
    };
    const site = { member: "e1", node: "e1", settings: { ...settings, dataDirectory: data, account } } as EtcdSite;
    const { ask, parse } = etcdProbes(site).rights;
    if (ask.kind !== "run") throw new Error("it is not asked by a command");
    const [program, ...words] = ask.command.argv;
    return parse(execFileSync(program, words, { encoding: "utf8" }));
  }

  it("is whoever may write in the folder, and in a sticky one only the owners", () => {
    expect(asked(0o755, "nobody")).toEqual({ mayRename: false });
    expect(asked(0o777, "nobody")).toEqual({ mayRename: true });
    expect(asked(0o776, "nobody")).toEqual({ mayRename: false });
    expect(asked(0o1777, "nobody")).toEqual({ mayRename: false });
    expect(asked(0o1755, userInfo().username)).toEqual({ mayRename: true });
  });

  it("is root in any", () => {
    expect(asked(0o555, "root")).toEqual({ mayRename: true });
  });

  it("is not told for an account that the host does not know", () => {
    expect(() => asked(0o777, "evenkeel-nobody")).toThrow("who may rename");
  });
});

describe("two dead members that are listed at other addresses than are known of them", () => {
  const https = (list: readonly ListedMember[]): readonly ListedMember[] =>
    list.map((one) => ({ ...one, peerUrls: one.peerUrls.map((url) => url.replace("http://", "https://")) }));
  const seen = (snapshot: EtcdSnapshot): readonly unknown[] =>
    etcdHealth.flatMap(({ code, find }) =>
      ["etcd/QuorumLost", "etcd/NoLeader", "etcd/MemberUnknownHere"].includes(code)
        ? find(snapshot).map(({ facts, cannotTell }) => [code, facts.gone ?? facts.name, cannotTell?.code ?? null])
        : [],
    );

  it("are counted by their names, and the majority is lost", () => {
    expect(seen(listing("quorum-lost", https))).toEqual([["etcd/QuorumLost", "e1, e2", null]]);
  });

  it("are not counted where a name does not tell one from the other", () => {
    const twice = listing("quorum-lost", (list) =>
      https(list).map((one) => (one.name === "e2" ? { ...one, name: "e1" } : one)),
    );
    expect(seen(twice)).toEqual([
      ["etcd/NoLeader", undefined, "etcd/not-all-seen"],
      ["etcd/MemberUnknownHere", "e1", null],
      ["etcd/MemberUnknownHere", "e1", null],
    ]);
  });

  it("are not taken out by their names alone", () => {
    const dead = listing("leader-killed", https);
    expect(objections(dead)).toContain("etcd/listed-elsewhere");
  });
});
