import { sentence, type Sentence } from "../../../contract/sentence";
import { lagBytes, soleLeader, timelineOf, type PatroniMember, type PatroniSnapshot } from "./snapshot";

/**
 * Why Patroni would not promote a member in the leader's place, as it judges that itself: only just before the leader steps down, so that
 * its API accepts what it will then refuse, and by where the leader was a loop before, so that for loop_wait it takes one that is far
 * behind (3.0). Judged here by what both say now. Empty for a candidate.
 */
export function obstaclesTo(snapshot: PatroniSnapshot, target: PatroniMember): readonly Sentence[] {
  const { member, standing, listed } = target;
  if (standing.kind !== "replica") return [sentence("patroni/is-not-replica", { member })];
  const reasons: Sentence[] = [];
  if (listed === null) reasons.push(sentence("patroni/not-listed", { member }));
  if (listed?.tags.includes("nofailover") === true) reasons.push(sentence("patroni/tagged-nofailover", { member }));
  if (standing.status.hasWatchdogFailed) reasons.push(sentence("patroni/watchdog-failed", { member }));
  const lag = lagObstacle(snapshot, target);
  if (lag !== null) reasons.push(lag);
  const timeline = timelineObstacle(snapshot, target);
  if (timeline !== null) reasons.push(timeline);
  if (snapshot.settings?.isSynchronous === true && !isSynchronous(target))
    reasons.push(sentence("patroni/is-not-synchronous", { member }));
  return reasons;
}

export const synchronousRoles: ReadonlySet<string> = new Set(["sync_standby", "quorum_standby"]);

export function isSynchronous({ listed }: PatroniMember): boolean {
  return listed !== null && synchronousRoles.has(listed.role);
}

function lagObstacle(snapshot: PatroniSnapshot, target: PatroniMember): Sentence | null {
  const { member } = target;
  const allowedBytes = snapshot.settings?.allowedLagBytes;
  const bytes = lagBytes(snapshot, target);
  if (bytes === null || allowedBytes === undefined) return sentence("patroni/lag-unknown", { member });
  return bytes > allowedBytes ? sentence("patroni/too-far-behind", { member, bytes, allowedBytes }) : null;
}

function timelineObstacle(snapshot: PatroniSnapshot, target: PatroniMember): Sentence | null {
  const leader = soleLeader(snapshot);
  const wanted = leader === null ? null : timelineOf(leader);
  const timeline = timelineOf(target);
  if (wanted === null || timeline === null) return sentence("patroni/timeline-unknown", { member: target.member });
  return timeline === wanted
    ? null
    : sentence("patroni/other-timeline", { member: target.member, timeline, leaderTimeline: wanted });
}

/** Members that Patroni would promote now if the leader were lost. */
export function candidatesOf(snapshot: PatroniSnapshot): readonly PatroniMember[] {
  return snapshot.members.filter((member) => obstaclesTo(snapshot, member).length === 0);
}
