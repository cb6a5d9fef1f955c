import { sentence, type Fact, type Sentence } from "../../../../contract/sentence";
import type { Claim, Judge } from "../../engine";
import { controlOf } from "../../service";
import type { DataDirectory } from "../directory";
import {
  alarmsOf,
  answering,
  leaderOf,
  memberIn,
  nameOf,
  quorumOf,
  quotaOf,
  votersOf,
  voting,
  type Answering,
  type EtcdMember,
  type EtcdSnapshot,
  type Standing,
} from "../snapshot";
import { dataDirectoryOf } from "../settings";

type Facts = Readonly<Record<string, Fact>>;

/** What the recoveries of etcd claim of its members, as data; `etcdJudges` says whether a snapshot shows it. */
export const holds = {
  standing: (member: string, kind: Standing["kind"]): Claim =>
    sentence("etcd/holds.standing", { member, standing: `etcd/role.${kind}` }),
  stopped: (member: string): Claim => sentence("etcd/holds.stopped", { member }),
  hung: (member: string, pid: number): Claim => sentence("etcd/holds.hung", { member, pid }),
  ended: (member: string, pid: number): Claim => sentence("etcd/holds.ended", { member, pid }),
  /** Follows the leader closely, or leads; a learner too. */
  inSync: (member: string): Claim => sentence("etcd/holds.in-sync", { member }),
  runs: (member: string): Claim => sentence("etcd/holds.runs", { member }),
  leads: (member: string): Claim => sentence("etcd/holds.leads", { member }),
  anotherLeads: (member: string): Claim => sentence("etcd/holds.another-leads", { member }),
  majorityWithout: (member: string): Claim => sentence("etcd/holds.majority-without", { member }),
  allInSync: (): Claim => sentence("etcd/holds.all-in-sync"),
  compacted: (revision: number): Claim => sentence("etcd/holds.compacted", { revision }),
  compact: (member: string): Claim => sentence("etcd/holds.compact", { member }),
  roomToDefragment: (member: string): Claim => sentence("etcd/holds.room-to-defragment", { member }),
  roomEverywhere: (): Claim => sentence("etcd/holds.room-everywhere"),
  noAlarm: (): Claim => sentence("etcd/holds.no-alarm"),
  listed: (id: string): Claim => sentence("etcd/holds.listed", { id }),
  notListed: (id: string): Claim => sentence("etcd/holds.not-listed", { id }),
  waitsFor: (peerUrl: string): Claim => sentence("etcd/holds.waits-for", { peerUrl }),
  /** The links of one to all voters but one that is replaced are up, in this run of its process, and have not broken since. */
  linksKept: (member: string, without: string, pid: number, breaks: string): Claim =>
    sentence("etcd/holds.links-kept", { member, without, pid, breaks }),
  /** One that is taken out as dead is not linked to the one that takes it out. */
  notLinked: (member: string, id: string): Claim => sentence("etcd/holds.not-linked", { member, id }),
  votes: (member: string): Claim => sentence("etcd/holds.votes", { member }),
  /** Its data lie under this name, and nothing lies where they were. */
  keptAside: (member: string, kept: string): Claim => sentence("etcd/holds.kept-aside", { member, kept }),
  putBack: (member: string, kept: string): Claim => sentence("etcd/holds.put-back", { member, kept }),
  emptied: (member: string): Claim => sentence("etcd/holds.emptied", { member }),
  /** Its account may give its data another name. */
  mayRename: (member: string): Claim => sentence("etcd/holds.may-rename", { member }),
} as const;

const memberOf = (facts: Facts): string => String(facts.member);

export const etcdJudges: Readonly<Record<string, Judge<EtcdSnapshot>>> = {
  "etcd/holds.standing": (now, facts) => {
    const standing = `etcd/role.${memberIn(now, memberOf(facts))?.standing.kind ?? "unseen"}`;
    return standing === facts.standing ? null : sentence("etcd/other-standing", { member: memberOf(facts), standing });
  },
  "etcd/holds.stopped": (now, facts) =>
    memberIn(now, memberOf(facts))?.standing.kind === "stopped"
      ? null
      : sentence("etcd/not-proven-stopped", { member: memberOf(facts) }),
  "etcd/holds.hung": (now, facts) => {
    const standing = memberIn(now, memberOf(facts))?.standing;
    return standing?.kind === "hung" && standing.pid === facts.pid
      ? null
      : sentence("etcd/no-longer-hung", { member: memberOf(facts), pid: Number(facts.pid) });
  },
  "etcd/holds.ended": (now, facts) => {
    const liveness = memberIn(now, memberOf(facts))?.liveness;
    const isThere =
      liveness?.kind !== "value" || (liveness.value.kind === "running" && liveness.value.pid === facts.pid);
    return isThere ? sentence("etcd/still-there", { member: memberOf(facts), pid: Number(facts.pid) }) : null;
  },
  "etcd/holds.in-sync": (now, facts) => inSync(now, memberOf(facts)),
  "etcd/holds.runs": (now, facts) =>
    answering(now).some(({ member }) => member === facts.member)
      ? null
      : sentence("etcd/does-not-answer", { member: memberOf(facts) }),
  "etcd/holds.leads": (now, facts) => {
    const leaders = leaderNames(now);
    return leaders.length === 1 && leaders[0] === facts.member
      ? null
      : sentence("etcd/not-the-one-leader", { member: memberOf(facts), leaders: leaders.join(", ") });
  },
  "etcd/holds.another-leads": (now, facts) => {
    const leaders = leaderNames(now);
    return leaders.length === 1 && leaders[0] !== facts.member
      ? null
      : sentence("etcd/no-other-leader", { member: memberOf(facts) });
  },
  "etcd/holds.majority-without": (now, facts) => majorityWithout(now, memberOf(facts)),
  "etcd/holds.all-in-sync": allInSync,
  "etcd/holds.compacted": (now, facts) => {
    const leader = leaderOf(now);
    const at = leader?.metrics.kind === "value" ? leader.metrics.value.compactRevision : null;
    return at !== null && at >= Number(facts.revision)
      ? null
      : sentence("etcd/not-compacted", { revision: Number(facts.revision), at: at ?? "?" });
  },
  "etcd/holds.compact": (now, facts) => {
    const status = memberIn(now, memberOf(facts))?.status;
    if (status?.kind !== "value") return sentence("etcd/does-not-answer", { member: memberOf(facts) });
    return isCompact(status.value) ? null : sentence("etcd/not-compact", { member: memberOf(facts) });
  },
  "etcd/holds.room-to-defragment": (now, facts) => {
    const member = answering(now).find((one) => one.member === facts.member);
    if (member === undefined) return sentence("etcd/does-not-answer", { member: memberOf(facts) });
    return member.room.kind === "value"
      ? noRoomToDefragment(member)
      : sentence("etcd/defragment-room-unknown", { member: member.member });
  },
  "etcd/holds.room-everywhere": roomEverywhere,
  "etcd/holds.no-alarm": (now) =>
    answering(now).length > 0 && alarmsOf(now).every(({ kind }) => kind !== "NOSPACE")
      ? null
      : sentence("etcd/alarm-there"),
  "etcd/holds.listed": (now, facts) =>
    now.listed?.some(({ id }) => id === facts.id) === true
      ? null
      : sentence("etcd/not-in-list", { id: String(facts.id) }),
  "etcd/holds.not-listed": (now, facts) => {
    const isGone = leaderOf(now) !== null && now.listed?.every(({ id }) => id !== facts.id) === true;
    return isGone ? null : sentence("etcd/in-list", { id: String(facts.id) });
  },
  "etcd/holds.waits-for": (now, facts) =>
    now.listed?.some(({ name, peerUrls }) => name === "" && peerUrls.includes(String(facts.peerUrl))) === true
      ? null
      : sentence("etcd/not-added", { peerUrl: String(facts.peerUrl) }),
  "etcd/holds.links-kept": (now, facts) => {
    const links = linksOf(now, memberOf(facts), String(facts.without));
    if ("code" in links) return links;
    return links.pid === facts.pid && links.breaks === facts.breaks
      ? null
      : sentence("etcd/link-broke", { member: memberOf(facts), before: String(facts.breaks), breaks: links.breaks });
  },
  "etcd/holds.not-linked": (now, facts) => notLinked(now, memberOf(facts), String(facts.id)),
  "etcd/holds.votes": (now, facts) => {
    const id = memberIn(now, memberOf(facts))?.id;
    return votersOf(now).some((voter) => voter.id === id)
      ? null
      : sentence("etcd/does-not-vote", { member: memberOf(facts) });
  },
  "etcd/holds.kept-aside": (now, facts) =>
    directoryAsClaimed(now, facts, ({ isThere, kept }, name) => !isThere && kept.includes(name), "etcd/not-kept-aside"),
  "etcd/holds.put-back": (now, facts) =>
    directoryAsClaimed(now, facts, ({ isThere, kept }, name) => isThere && !kept.includes(name), "etcd/not-put-back"),
  "etcd/holds.emptied": (now, facts) => directoryAsClaimed(now, facts, ({ isThere }) => !isThere, "etcd/data-there"),
  "etcd/holds.may-rename": (now, facts) => {
    const member = memberIn(now, memberOf(facts));
    if (member?.rights.kind !== "value") return sentence("etcd/rights-not-seen", { member: memberOf(facts) });
    return member.rights.value.mayRename ? null : mayNotRename(member);
  },
};

export function mayNotRename({ member, site }: EtcdMember): Sentence {
  const directory = dataDirectoryOf(site);
  const folder = directory.slice(0, directory.lastIndexOf("/")) || "/";
  return sentence("etcd/may-not-rename", { member, account: site.settings.account, folder });
}

function directoryAsClaimed(
  now: EtcdSnapshot,
  facts: Facts,
  isSo: (directory: DataDirectory, name: string) => boolean,
  otherwise: string,
): Sentence | null {
  const directory = memberIn(now, memberOf(facts))?.directory;
  if (directory?.kind !== "value") return sentence("etcd/directory-not-seen", { member: memberOf(facts) });
  const kept = String(facts.kept ?? "");
  return isSo(directory.value, kept.slice(kept.lastIndexOf("/") + 1)) ? null : sentence(otherwise, facts);
}

function leaderNames(now: EtcdSnapshot): readonly string[] {
  return answering(now)
    .filter(({ standing }) => standing.kind === "leader")
    .map(({ member }) => member);
}

const closeIndex = 100;

export function inSync(now: EtcdSnapshot, member: string): Sentence | null {
  const leader = leaderOf(now);
  const own = answering(now).find((one) => one.member === member);
  const isClose =
    leader !== null &&
    own?.standing.status.leaderId === leader.standing.status.memberId &&
    leader.standing.status.index - own.standing.status.appliedIndex <= closeIndex;
  return isClose ? null : sentence("etcd/not-in-sync", { member });
}

export function allInSync(now: EtcdSnapshot): Sentence | null {
  const [has, wants] = [voting(now).length, votersOf(now).length];
  return has === wants && wants > 0 ? null : sentence("etcd/not-all-in-sync", { has, wants });
}

/** The voters in sync make a majority also when this one does not. */
export function majorityWithout(now: EtcdSnapshot, member: string): Sentence | null {
  const needs = quorumOf(now);
  const others = voting(now).filter((one) => one.member !== member).length;
  return needs !== null && others >= needs
    ? null
    : sentence("etcd/majority-at-risk", { member, others, needs: needs ?? 0 });
}

/**
 * etcd takes a new voter only where whoever is asked has had a link to every other voter for five seconds (3.4). How old a link is it
 * does not tell; but one that is up now, was up before, and did not break in between, is as old as the time between the two looks.
 */
export function linksOf(
  now: EtcdSnapshot,
  member: string,
  without: string,
): { readonly pid: number; readonly breaks: string } | Sentence {
  const own = memberIn(now, member);
  const left = memberIn(now, without)?.id ?? null;
  if (own?.metrics.kind !== "value" || own.liveness.kind !== "value" || own.liveness.value.kind !== "running")
    return sentence("etcd/links-unknown", { member });
  const { links } = own.metrics.value;
  const others = votersOf(now).filter(({ id }) => id !== own.id && id !== left);
  const down = others.find(({ id }) => links.get(id)?.isUp !== true);
  if (down !== undefined) return sentence("etcd/link-down", { member, other: nameOf(now, down.id) });
  const breaks = others.map(({ id }) => `${nameOf(now, id)} ${links.get(id)?.breaks ?? 0}`).join(", ");
  return { pid: own.liveness.value.pid, breaks };
}

/** A link that is up is a member that lives, whatever its host was seen to show. */
export function notLinked(now: EtcdSnapshot, member: string, id: string): Sentence | null {
  const metrics = memberIn(now, member)?.metrics;
  if (metrics?.kind !== "value") return sentence("etcd/links-unknown", { member });
  return metrics.value.links.get(id)?.isUp === true ? sentence("etcd/link-up", { member, id }) : null;
}

const spareBytes = 4 << 20;

/** What defragmenting would give back is not worth the pause. */
export function isCompact({
  dbBytes,
  dbInUseBytes,
}: {
  readonly dbBytes: number;
  readonly dbInUseBytes: number;
}): boolean {
  return dbBytes <= 1.5 * dbInUseBytes + spareBytes;
}

/** The next piece of its log, which etcd sets aside whenever it needs one. */
const logPieceBytes = 64 << 20;

/** A defragmented copy of what is in use lies beside the old file for a while. */
export function bytesToDefragment({ standing }: Answering): number {
  return standing.status.dbInUseBytes + logPieceBytes;
}

/** A disk that gets full meanwhile ends the member (3.4, etcd-io/etcd#18810). Null also where its room is not known. */
export function noRoomToDefragment(member: Answering): Sentence | null {
  if (member.room.kind !== "value") return null;
  const [availableBytes, neededBytes] = [member.room.value.insideBytes, bytesToDefragment(member)];
  return availableBytes < neededBytes
    ? sentence("etcd/no-room-to-defragment", { member: member.member, availableBytes, neededBytes })
    : null;
}

export function defragmentWarnings(members: readonly Answering[]): readonly Sentence[] {
  return members
    .filter(({ room }) => room.kind !== "value")
    .map((one) =>
      sentence("etcd/warning.defragment-room-unknown", { member: one.member, neededBytes: bytesToDefragment(one) }),
    );
}

const roomRatio = 0.9;

/** Disarmed without room the alarm would be back with the next write. */
function roomEverywhere(now: EtcdSnapshot): Sentence | null {
  for (const member of now.members) {
    const quotaBytes = quotaOf(member);
    if (member.status.kind !== "value" || quotaBytes === null)
      return sentence("etcd/room-unknown", { member: member.member });
    const { dbBytes } = member.status.value;
    if (dbBytes > roomRatio * quotaBytes)
      return sentence("etcd/no-room", { member: member.member, dbBytes, quotaBytes });
  }
  return null;
}

/** What every plan rests on: what each member is. */
export function layoutOf({ members }: EtcdSnapshot): readonly Claim[] {
  return members.map(({ member, standing }) => holds.standing(member, standing.kind));
}

/** Why nothing can be stopped or started on a member. */
export function controlObjections({ member, site }: EtcdMember): readonly Sentence[] {
  const control = controlOf(site.settings.control);
  if (control === null) return [sentence("etcd/control-unknown", { member })];
  // Started again by its arguments alone it would lose what its environment told it, and found a cluster of its own.
  if (control.kind === "plain" && site.settings.configuredBy === "environment")
    return [sentence("etcd/environment-lost", { member })];
  return [];
}

/** Whom the leadership goes to when the leader is about to stop: the voter that is closest behind. */
export function heirOf(now: EtcdSnapshot): Answering | null {
  const followers = voting(now).filter(({ standing }) => standing.kind === "follower");
  return [...followers].sort((one, other) => other.standing.status.index - one.standing.status.index)[0] ?? null;
}
