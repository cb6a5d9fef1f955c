import { sentence, type Fact, type Sentence } from "../../../../contract/sentence";
import type { Claim, Judge } from "../../engine";
import { controlOf } from "../../service";
import { isSynchronous, obstaclesTo } from "../candidates";
import { storeSaid } from "../store";
import {
  answering,
  isPaused,
  lagBytes,
  leaderIn,
  memberIn,
  memberNamed,
  namedLeaders,
  soleLeader,
  streams,
  timelineOf,
  walPosition,
  writers,
  type PatroniMember,
  type PatroniSnapshot,
  type Standing,
} from "../snapshot";

type Facts = Readonly<Record<string, Fact>>;

/** What the recoveries of Patroni claim of its members, as data; `patroniJudges` says whether a snapshot shows it. */
export const holds = {
  standing: (member: string, kind: Standing["kind"]): Claim =>
    sentence("patroni/holds.standing", { member, standing: `patroni/role.${kind}` }),
  leads: (member: string): Claim => sentence("patroni/holds.leads", { member }),
  timeline: (member: string, timeline: number): Claim => sentence("patroni/holds.timeline", { member, timeline }),
  timelineAfter: (timeline: number): Claim => sentence("patroni/holds.timeline-after", { timeline }),
  noLeader: (): Claim => sentence("patroni/holds.no-leader"),
  candidate: (member: string): Claim => sentence("patroni/holds.candidate", { member }),
  mostAdvanced: (member: string): Claim => sentence("patroni/holds.most-advanced", { member }),
  follows: (member: string): Claim => sentence("patroni/holds.follows", { member }),
  paused: (): Claim => sentence("patroni/holds.paused"),
  notPaused: (): Claim => sentence("patroni/holds.not-paused"),
  startedAfter: (member: string, startedAt: number): Claim =>
    sentence("patroni/holds.started-after", { member, startedAt }),
  takesWrites: (member: string): Claim => sentence("patroni/holds.takes-writes", { member }),
  takesNoWrites: (member: string): Claim => sentence("patroni/holds.takes-no-writes", { member }),
  anotherTakesWrites: (member: string): Claim => sentence("patroni/holds.another-takes-writes", { member }),
  stopped: (member: string): Claim => sentence("patroni/holds.stopped", { member }),
  hung: (member: string, pid: number): Claim => sentence("patroni/holds.hung", { member, pid }),
  ended: (member: string, pid: number): Claim => sentence("patroni/holds.ended", { member, pid }),
  answers: (member: string): Claim => sentence("patroni/holds.answers", { member }),
} as const;

const memberOf = (facts: Facts): string => String(facts.member);

export const patroniJudges: Readonly<Record<string, Judge<PatroniSnapshot>>> = {
  "patroni/holds.standing": (now, facts) => {
    const standing = `patroni/role.${memberIn(now, memberOf(facts))?.standing.kind ?? "unseen"}`;
    return standing === facts.standing
      ? null
      : sentence("patroni/other-standing", { member: memberOf(facts), standing });
  },
  "patroni/holds.leads": (now, facts) => leads(now, memberOf(facts)),
  "patroni/holds.timeline": (now, facts) => {
    const target = memberIn(now, memberOf(facts));
    const timeline = target === null ? null : timelineOf(target);
    return timeline === facts.timeline
      ? null
      : sentence("patroni/timeline-moved", { member: memberOf(facts), timeline: String(timeline ?? "?") });
  },
  "patroni/holds.timeline-after": (now, facts) => {
    const leader = soleLeader(now);
    const timeline = leader === null ? null : timelineOf(leader);
    if (timeline === null) return sentence("patroni/no-sole-leader");
    return timeline > Number(facts.timeline) ? null : sentence("patroni/timeline-as-before", { timeline });
  },
  "patroni/holds.no-leader": (now) => noLeader(now),
  "patroni/holds.candidate": (now, facts) => {
    const target = memberIn(now, memberOf(facts));
    if (target === null) return sentence("patroni/is-not-replica", { member: memberOf(facts) });
    return obstaclesTo(now, target)[0] ?? null;
  },
  "patroni/holds.most-advanced": (now, facts) => {
    const target = memberIn(now, memberOf(facts));
    return target === null
      ? sentence("patroni/is-not-replica", { member: memberOf(facts) })
      : mostAdvanced(now, target);
  },
  "patroni/holds.follows": (now, facts) => follows(now, memberOf(facts)),
  "patroni/holds.paused": (now) => pauseIs(now, true),
  "patroni/holds.not-paused": (now) => pauseIs(now, false),
  "patroni/holds.started-after": (now, facts) => {
    const target = memberIn(now, memberOf(facts));
    const startedAt = target?.status.kind === "value" ? target.status.value.startedAt : null;
    return startedAt !== null && startedAt > Number(facts.startedAt)
      ? null
      : sentence("patroni/not-started-anew", { member: memberOf(facts) });
  },
  "patroni/holds.takes-writes": (now, facts) =>
    memberIn(now, memberOf(facts))?.takesWrites === true
      ? null
      : sentence("patroni/does-not-take-writes", { member: memberOf(facts) }),
  "patroni/holds.takes-no-writes": (now, facts) =>
    memberIn(now, memberOf(facts))?.takesWrites === false
      ? null
      : sentence("patroni/may-take-writes", { member: memberOf(facts) }),
  "patroni/holds.another-takes-writes": (now, facts) => anotherTakesWrites(now, memberOf(facts)),
  "patroni/holds.stopped": (now, facts) =>
    memberIn(now, memberOf(facts))?.standing.kind === "stopped"
      ? null
      : sentence("patroni/not-proven-stopped", { member: memberOf(facts) }),
  "patroni/holds.hung": (now, facts) => {
    const standing = memberIn(now, memberOf(facts))?.standing;
    return standing?.kind === "hung" && standing.pid === facts.pid
      ? null
      : sentence("patroni/no-longer-hung", { member: memberOf(facts), pid: Number(facts.pid) });
  },
  "patroni/holds.ended": (now, facts) => {
    const liveness = memberIn(now, memberOf(facts))?.liveness;
    const isThere =
      liveness?.kind !== "value" || (liveness.value.kind === "running" && liveness.value.pid === facts.pid);
    return isThere ? sentence("patroni/still-there", { member: memberOf(facts), pid: Number(facts.pid) }) : null;
  },
  "patroni/holds.answers": (now, facts) =>
    memberIn(now, memberOf(facts))?.status.kind === "value"
      ? null
      : sentence("patroni/does-not-answer", { member: memberOf(facts) }),
};

/** Patroni answers 200 also when it promoted another than was asked for; who leads is told by name. */
function leads(now: PatroniSnapshot, member: string): Sentence | null {
  const leader = soleLeader(now);
  if (leader?.member === member) return null;
  if (leader === null)
    return sentence("patroni/leads-not-yet", { member, named: namedText(now), writing: writersText(now) });
  return sentence("patroni/another-leads", { member, leader: leader.member });
}

function namedText(now: PatroniSnapshot): string {
  return namedLeaders(now)
    .map((name) => (name === null ? "-" : memberNamed(now, name)))
    .join(", ");
}

function writersText(now: PatroniSnapshot): string {
  return writers(now)
    .map(({ member }) => member)
    .join(", ");
}

/** Everyone who answers names none, and nobody is seen to take writes. */
export function noLeader(now: PatroniSnapshot): Sentence | null {
  if (writers(now).length > 0) return sentence("patroni/somebody-takes-writes", { members: writersText(now) });
  const named = namedLeaders(now).filter((name) => name !== null);
  const isUnlocked = answering(now).length > 0 && answering(now).every(({ standing }) => standing.status.isUnlocked);
  return named.length === 0 && isUnlocked
    ? null
    : sentence("patroni/leader-is-named", { leader: named.map((name) => memberNamed(now, name)).join(", ") });
}

export function follows(now: PatroniSnapshot, member: string): Sentence | null {
  const target = memberIn(now, member);
  const leader = soleLeader(now);
  if (leader === null) return sentence("patroni/no-sole-leader");
  if (target?.standing.kind !== "replica") return sentence("patroni/is-not-replica", { member });
  if (!streams(now, target)) return sentence("patroni/does-not-stream", { member, leader: leader.member });
  const [timeline, wanted] = [timelineOf(target), timelineOf(leader)];
  const listed = target.listed?.timeline ?? timeline;
  return timeline === wanted && listed === wanted
    ? null
    : sentence("patroni/other-timeline", { member, timeline: listed ?? 0, leaderTimeline: wanted ?? 0 });
}

/** By what the store says to each, and by what each has taken in: a member acts as before until its next loop. */
function pauseIs(now: PatroniSnapshot, wanted: boolean): Sentence | null {
  const told = now.members.flatMap(({ cluster, status }) =>
    [cluster, status].flatMap((reading) => (reading.kind === "value" ? [reading.value.isPaused] : [])),
  );
  if (told.length === 0) return sentence("patroni/nobody-answers");
  return told.every((isPaused) => isPaused === wanted)
    ? null
    : sentence(wanted ? "patroni/is-not-paused" : "patroni/is-paused");
}

export function anotherTakesWrites(now: PatroniSnapshot, member: string): Sentence | null {
  const others = writers(now).filter((writer) => writer.member !== member);
  const [other] = others;
  const isNamed =
    other !== undefined &&
    answering(now).some(({ cluster }) => cluster.kind === "value" && leaderIn(cluster.value) === other.name);
  return others.length === 1 && isNamed ? null : sentence("patroni/no-other-leader", { member });
}

/** Of the replicas that answer none may have a newer history or more of it than the target: what it lacks would be lost. */
export function mostAdvanced(now: PatroniSnapshot, target: PatroniMember): Sentence | null {
  const own = reachOf(target);
  if (own === null) return sentence("patroni/lag-unknown", { member: target.member });
  for (const other of answering(now)) {
    if (other.member === target.member) continue;
    const reach = reachOf(other);
    if (reach === null) return sentence("patroni/lag-unknown", { member: other.member });
    const isAhead = reach.timeline > own.timeline || (reach.timeline === own.timeline && reach.bytes > own.bytes);
    if (isAhead)
      return sentence("patroni/another-has-more", {
        member: target.member,
        other: other.member,
        bytes: Math.max(0, reach.bytes - own.bytes),
      });
  }
  return null;
}

function reachOf(member: PatroniMember): { readonly timeline: number; readonly bytes: number } | null {
  if (member.status.kind !== "value") return null;
  const bytes = walPosition(member.status.value);
  const timeline = timelineOf(member);
  return bytes === null || timeline === null ? null : { timeline, bytes };
}

/** What every plan rests on: what each member is, and on which timeline the leader writes. */
export function layoutOf(snapshot: PatroniSnapshot): readonly Claim[] {
  const leader = soleLeader(snapshot);
  const timeline = leader === null ? null : timelineOf(leader);
  return [
    ...snapshot.members.map(({ member, standing }) => holds.standing(member, standing.kind)),
    ...(leader === null ? [] : [holds.leads(leader.member)]),
    ...(leader === null || timeline === null ? [] : [holds.timeline(leader.member, timeline)]),
  ];
}

/** Why nothing can be stopped or started on a member. */
export function controlObjections({ site, member }: PatroniMember): readonly Sentence[] {
  return controlOf(site.settings.control) === null ? [sentence("patroni/control-unknown", { member })] : [];
}

/** Why its REST API would not take a change. */
export function changeObjections({ site, member, status }: PatroniMember): readonly Sentence[] {
  return [
    ...(status.kind === "value" ? [] : [sentence("patroni/does-not-answer", { member })]),
    ...(site.settings.changesNeedLogin ? [sentence("patroni/changes-need-login", { member })] : []),
  ];
}

/** Why the store cannot be written, so that no request to Patroni can have an effect. */
export function storeObjections(snapshot: PatroniSnapshot): readonly Sentence[] {
  return storeSaid(snapshot).isLost ? [sentence("patroni/store-has-no-majority")] : [];
}

/** While strict synchronous mode has no other replica than the one that is about to stop, commits wait. */
export function synchronousWarnings(snapshot: PatroniSnapshot, target: PatroniMember): readonly Sentence[] {
  const isOnlyOne =
    isSynchronous(target) && snapshot.members.every((other) => other === target || !isSynchronous(other));
  if (snapshot.settings?.isSynchronous !== true || !isOnlyOne) return [];
  const code = snapshot.settings.isStrict
    ? "patroni/warning.commits-wait"
    : "patroni/warning.not-synchronous-meanwhile";
  return [sentence(code, { member: target.member })];
}

/**
 * A server that is stopped in order waits until each receiver has all it wrote, or was silent for wal_sender_timeout (15): a replica that
 * hangs holds up a switchover to another.
 */
export function stopWarnings(snapshot: PatroniSnapshot, target: string): readonly Sentence[] {
  const allowedBytes = snapshot.settings?.allowedLagBytes ?? 0;
  const behind = snapshot.members.filter(
    (other) => other.member !== target && streams(snapshot, other) && (lagBytes(snapshot, other) ?? 0) > allowedBytes,
  );
  return behind.length === 0
    ? []
    : [sentence("patroni/warning.stop-waits", { members: behind.map(({ member }) => member).join(", ") })];
}

/** Nobody steps in for whoever is asked to lead while Patroni is paused. */
export function pauseWarnings(snapshot: PatroniSnapshot, target: string): readonly Sentence[] {
  return isPaused(snapshot) ? [sentence("patroni/warning.paused-meanwhile", { member: target })] : [];
}
