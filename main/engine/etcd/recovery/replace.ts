import { sentence, type Sentence } from "../../../../contract/sentence";
import type { Claim, Effect, RecoveryAction, Step } from "../../engine";
import { controlOf, startEffect } from "../../service";
import { decimalId } from "../probes";
import { dataDirectoryOf, walDirectoryElsewhere } from "../settings";
import { doubleOf, leaderOf, memberIn, type Answering, type EtcdMember, type EtcdSnapshot } from "../snapshot";
import { controlObjections, holds, layoutOf, linksOf, majorityWithout, mayNotRename, notLinked } from "./judges";
import { call, none, nothingToDo } from "./steps";

/** etcd asks for five. */
const settleSeconds = 6;
/** etcd sets 64 MiB aside for its log at its start, and as much again for the next piece of it. */
const logBytes = 2 * (64 << 20);

/**
 * Takes a dead member out and puts it in again with an empty directory, its old one kept aside. Out first and then in: the other way
 * round the majority that is needed would grow while one is dead.
 */
export const replaceMember: RecoveryAction<EtcdSnapshot> = {
  action: "etcd/replace-member",
  risk: "R2",
  answers: ["etcd/MemberStopped", "etcd/MemberRemoved", "etcd/KeysDiffer", "etcd/AlarmCorrupt"],
  verifyWithinMs: 120_000,

  objections: (snapshot) => (leaderOf(snapshot) === null ? [sentence("etcd/no-sole-leader")] : []),
  targets: (snapshot) =>
    snapshot.members
      .filter(({ standing }) => standing.kind === "stopped")
      .map((target) => ({ target: target.member, objections: objectionsTo(snapshot, target) })),

  plan: (snapshot, targetName) => {
    const leader = leaderOf(snapshot);
    const target = memberIn(snapshot, targetName);
    const peerUrl = target === null ? null : peerUrlOf(snapshot, target);
    if (leader === null || target === null || peerUrl === null) return nothingToDo;
    const links = linksOf(snapshot, leader.member, targetName);
    if ("code" in links) return nothingToDo;
    const linked = holds.linksKept(leader.member, targetName, links.pid, links.breaks);
    const listed = snapshot.listed?.find(({ id }) => id === target.id);
    const { member } = target;
    const isThere = target.directory.kind === "value" && target.directory.value.isThere;
    // What is asked of the data before anybody is taken out.
    const data = isThere ? renameClaims(target) : [holds.emptied(member)];
    const aside = keptDirectory(target);
    return {
      steps: [
        letLinksSettle(leader, target, linked),
        ...(listed === undefined ? [] : [remove(leader, target, listed.id, [linked, ...data])]),
        ...(isThere ? [keepAside(target, aside, listed === undefined ? [linked, ...data] : data)] : []),
        add(leader, target, peerUrl),
        startAnew(snapshot, target, peerUrl),
      ],
      warnings: [
        ...(isThere ? [sentence("etcd/warning.kept-aside", { member, kept: aside })] : []),
        ...(isThere && target.rights.kind !== "value"
          ? [sentence("etcd/warning.rights-unknown", { member, account: target.site.settings.account })]
          : []),
        ...(target.room.kind === "value"
          ? []
          : [sentence("etcd/warning.disk-unknown", { member, neededBytes: neededBytes(leader) })]),
        sentence("etcd/warning.no-loss-allowed"),
      ],
      restsOn: [...layoutOf(snapshot), ...(isThere ? renameClaims(target) : [])],
      goal: [holds.inSync(member), holds.votes(member), holds.leads(leader.member)],
    };
  },
};

function objectionsTo(snapshot: EtcdSnapshot, target: EtcdMember): readonly Sentence[] {
  const { member, site } = target;
  const control = controlOf(site.settings.control);
  const risk = majorityWithout(snapshot, member);
  const leader = leaderOf(snapshot);
  const links = leader === null ? null : linksOf(snapshot, leader.member, member);
  return [
    ...controlObjections(target),
    ...(risk === null ? [] : [risk]),
    ...(links !== null && "code" in links ? [links] : []),
    ...directoryObjections(target, leader),
    ...listObjections(snapshot, target, leader),
    // Its file would win over what is told it for this one start.
    ...(site.settings.configuredBy === "file" ? [sentence("etcd/start-by-hand", { member })] : []),
    ...(control !== null && (control.kind === "supervisor" || control.kind === "runit")
      ? [sentence("etcd/start-by-hand", { member })]
      : []),
  ];
}

/** What the list shows that would take out the wrong one, or leave the new one unable to start. */
function listObjections(snapshot: EtcdSnapshot, target: EtcdMember, leader: Answering | null): readonly Sentence[] {
  const { member, id, site } = target;
  // Without it the list tells a member by its name alone.
  if (site.settings.peerUrl === "") return [sentence("etcd/peer-unknown", { member })];
  const unnamed = snapshot.listed?.find((one) => one.name === "" && one.id !== id);
  if (unnamed !== undefined)
    return [sentence("etcd/another-never-started", { id: unnamed.id, peerUrls: unnamed.peerUrls.join(", ") })];
  const double = doubleOf(snapshot, target);
  if (double !== null)
    return [
      sentence("etcd/listed-elsewhere", {
        member,
        id: double.id,
        name: double.name,
        peerUrls: double.peerUrls.join(", "),
      }),
    ];
  const linked = leader === null || id === null ? null : notLinked(snapshot, leader.member, id);
  return linked === null ? [] : [linked];
}

/** What would stop it after the member was taken out. */
function directoryObjections(target: EtcdMember, leader: Answering | null): readonly Sentence[] {
  const { member, site, directory, room, rights } = target;
  const path = dataDirectoryOf(site);
  if (path === "") return [sentence("etcd/directory-unknown", { member })];
  const wal = walDirectoryElsewhere(site);
  // With its old log beside an empty data directory a member does not start.
  if (wal !== null) return [sentence("etcd/wal-directory-elsewhere", { member, directory: wal, dataDirectory: path })];
  if (directory.kind !== "value") return [sentence("etcd/directory-not-seen", { member })];
  if (directory.value.isThere && rights.kind === "value" && !rights.value.mayRename) return [mayNotRename(target)];
  if (room.kind !== "value") return [];
  const { availableBytes, isMountPoint } = room.value;
  if (isMountPoint) return [sentence("etcd/directory-is-mount-point", { member, directory: path })];
  return leader !== null && availableBytes < neededBytes(leader)
    ? [sentence("etcd/disk-too-full", { member, availableBytes, neededBytes: neededBytes(leader) })]
    : [];
}

/** Nothing is claimed of rights that could not be read; the plan warns of it. */
function renameClaims({ member, rights }: EtcdMember): readonly Claim[] {
  return rights.kind === "value" ? [holds.mayRename(member)] : [];
}

/** For the new copy beside the old one. */
function neededBytes({ standing }: Answering): number {
  return standing.status.dbBytes + logBytes;
}

/** As the cluster lists it; one that was removed is reached the way the others are, at its own host. */
function peerUrlOf(snapshot: EtcdSnapshot, target: EtcdMember): string | null {
  const listed = snapshot.listed?.find(({ id }) => id === target.id)?.peerUrls[0];
  if (listed !== undefined) return listed;
  const kept = target.site.settings.peerUrl;
  return kept === "" ? null : kept;
}

/**
 * Out is taken at once, and in only where every link is five seconds old: without this wait a member that came back a moment ago would
 * leave the cluster smaller by one and the dead one outside.
 */
function letLinksSettle(leader: Answering, { member }: EtcdMember, linked: Claim): Step {
  return {
    title: sentence("etcd/step.letLinksSettle", { leader: leader.member, seconds: settleSeconds }),
    node: leader.node,
    effect: { kind: "run", command: { argv: ["sleep", String(settleSeconds)], runAs: leader.site.settings.account } },
    changes: false,
    deadlineMs: 30_000,
    stillSafe: [holds.stopped(member), linked],
    // There is nothing to see of a wait but its own end; what it was for is asked before the next step.
    achieved: [],
    undo: { kind: "needless", reason: sentence("etcd/no-undo.waited", { member }) },
  };
}

function remove(leader: Answering, { member }: EtcdMember, id: string, also: readonly Claim[]): Step {
  return {
    title: sentence("etcd/step.remove", { member, id }),
    node: leader.node,
    effect: call(leader, "/v3/cluster/member/remove", { ID: decimalId(id) }),
    changes: true,
    deadlineMs: 30_000,
    stillSafe: [
      holds.stopped(member),
      holds.majorityWithout(member),
      holds.leads(leader.member),
      holds.notLinked(leader.member, id),
      ...also,
    ],
    achieved: [holds.notListed(id)],
    undo: none("etcd/no-undo.removed", member),
  };
}

function add(leader: Answering, { member }: EtcdMember, peerUrl: string): Step {
  return {
    title: sentence("etcd/step.add", { member, peerUrl }),
    node: leader.node,
    effect: call(leader, "/v3/cluster/member/add", { peerURLs: [peerUrl] }),
    changes: true,
    deadlineMs: 30_000,
    stillSafe: [holds.stopped(member), holds.emptied(member), holds.allInSync()],
    achieved: [holds.waitsFor(peerUrl)],
    undo: none("etcd/no-undo.added", member),
  };
}

/** A name that nothing has yet: a member that was removed has no id to tell its data by, and may be replaced more than once. */
function keptDirectory({ site, id, directory }: EtcdMember): string {
  const taken = directory.kind === "value" ? directory.value.kept : [];
  const first = `${dataDirectoryOf(site)}.kept-${id ?? "removed"}`;
  let free = first;
  for (let number = 2; taken.some((name) => free.endsWith(`/${name}`)); number += 1) free = `${first}-${number}`;
  return free;
}

/** Nothing is deleted: the directory gets another name beside the old one. */
function keepAside({ member, node, site }: EtcdMember, kept: string, also: readonly Claim[]): Step {
  const directory = dataDirectoryOf(site);
  const script = `[ ! -e "$2" ] && [ ! -L "$2" ] || { echo "$2 is there already." >&2; exit 1; }
mv -T "$1" "$2"`;
  const move = (from: string, to: string): Effect => ({
    kind: "run",
    command: { argv: ["/bin/sh", "-c", script, "sh", from, to], runAs: site.settings.account },
  });
  return {
    title: sentence("etcd/step.keepAside", { member, kept }),
    node,
    effect: move(directory, kept),
    changes: true,
    deadlineMs: 30_000,
    stillSafe: [holds.stopped(member), ...also],
    achieved: [holds.keptAside(member, kept)],
    undo: {
      kind: "by",
      title: sentence("etcd/step.putBack", { member, kept }),
      node,
      effect: move(kept, directory),
      deadlineMs: 30_000,
      stillSafe: [holds.stopped(member), holds.keptAside(member, kept)],
      achieved: [holds.putBack(member, kept)],
    },
  };
}

/**
 * For this one start the member is told that the cluster exists and who belongs to it; with data of its own it never asks again.
 * A unit's environment file wins over its environment, so the words come in a file that is read last.
 */
function startAnew(snapshot: EtcdSnapshot, target: EtcdMember, peerUrl: string): Step {
  const { member, node, site } = target;
  const control = controlOf(site.settings.control) ?? { kind: "systemd" as const, unit: "etcd.service" };
  // Learners too: with one fewer than the cluster lists it ends at once.
  const others = (snapshot.listed ?? []).filter(({ id }) => id !== target.id);
  const cluster = [
    ...others.flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${name}=${url}`)),
    `${site.settings.name}=${peerUrl}`,
  ].join(",");
  return {
    title: sentence("etcd/step.startAnew", { member }),
    node,
    effect:
      control.kind === "plain"
        ? startEffect(
            {
              ...control,
              argv: [...control.argv, "--initial-cluster-state", "existing", "--initial-cluster", cluster],
            },
            site.settings.account,
          )
        : startUnitAnew(control.kind === "systemd" ? control.unit : "etcd.service", cluster),
    changes: true,
    deadlineMs: 90_000,
    stillSafe: [holds.waitsFor(peerUrl), holds.emptied(member)],
    achieved: [holds.inSync(member), holds.votes(member)],
    undo: none("etcd/no-undo.started", member),
  };
}

function startUnitAnew(unit: string, cluster: string): Effect {
  const script = `set -e
words=/run/evenkeel-join-$1 drop=/run/systemd/system/$1.d
mkdir -p "$drop"
cat >"$words"
printf '[Service]\\nEnvironmentFile=%s\\n' "$words" >"$drop/95-evenkeel-join.conf"
systemctl daemon-reload
systemctl start "$1" && code=0 || code=$?
rm -f "$drop/95-evenkeel-join.conf" "$words"
rmdir "$drop" 2>/dev/null || :
systemctl daemon-reload
exit "$code"`;
  const stdin = `ETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER=${cluster}\n`;
  return { kind: "run", command: { argv: ["/bin/sh", "-c", script, "sh", unit], stdin, runAs: "root" } };
}
