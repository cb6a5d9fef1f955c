import type { EvidenceId } from "../../../../contract/figure";
import { sentence, type Sentence } from "../../../../contract/sentence";
import type { Sighting } from "../../engine";
import { each, type Rule } from "./rule";
import { answering, lagBytes, notReplayedBytes, soleLeader, streams, timelineOf } from "../snapshot";

const lagDegradedBytes = 1 << 30;

function partlyRead(member: string, evidence: EvidenceId, reason: Sentence): Sighting {
  return {
    subject: { kind: "object", object: evidence, member },
    facts: { member },
    evidence: [evidence],
    cannotTell: reason,
  };
}

/** Each member by itself: whether it runs, what of it was read, and how it follows the leader. */
export const memberRules: readonly Rule[] = [
  each("patroni/PatroniStopped", "degraded", ({ standing }) =>
    standing.kind === "stopped" ? { of: "liveness" } : null,
  ),
  each("patroni/PatroniHung", "degraded", ({ standing }) =>
    standing.kind === "hung" ? { facts: { pid: standing.pid }, of: "liveness" } : null,
  ),
  {
    code: "patroni/MemberNotRead",
    level: "degraded",
    find: ({ members }) =>
      members.flatMap(({ member, standing, status }): readonly Sighting[] =>
        standing.kind === "unseen" || standing.kind === "refusing"
          ? [
              {
                subject: { kind: "member", member },
                facts: { member },
                evidence: [status.evidence.id],
                cannotTell: standing.reason,
              },
            ]
          : [],
      ),
  },
  {
    code: "patroni/MemberPartlyRead",
    level: "watch",
    // What was not read cannot be called well. PostgreSQL itself is a further witness, missing where no login is let in.
    find: (snapshot) =>
      answering(snapshot).flatMap(({ member, cluster: view, settings, liveness, postmaster, server }) => [
        ...[view, settings, liveness, postmaster].flatMap((reading) =>
          reading.kind === "value" ? [] : [partlyRead(member, reading.evidence.id, reading.reason)],
        ),
        ...(server.kind === "value" && server.value.activity === null
          ? [partlyRead(member, server.evidence.id, sentence("patroni/sessions-not-seen"))]
          : []),
      ]),
  },
  each("patroni/ServerNotRunning", "degraded", ({ standing }) =>
    standing.kind === "serverless" ? { facts: { state: standing.status.state } } : null,
  ),
  each(
    "patroni/TimelineBehind",
    "degraded",
    (member, snapshot) => {
      const leader = soleLeader(snapshot);
      const [own, wanted] = [
        member.listed?.timeline ?? timelineOf(member),
        leader === null ? null : timelineOf(leader),
      ];
      if (leader === null || member.standing.kind !== "replica" || own === null || wanted === null || own === wanted)
        return null;
      const { state } = member.standing.status;
      return { facts: { timeline: own, leader: leader.member, leaderTimeline: wanted, state }, of: "cluster" };
    },
    ["patroni/NotStreaming", "patroni/ReplicaLagging"],
  ),
  each("patroni/NotStreaming", "degraded", (member, snapshot) => {
    const leader = soleLeader(snapshot);
    if (leader === null || member.standing.kind !== "replica" || streams(snapshot, member)) return null;
    return { facts: { leader: leader.member } };
  }),
  each("patroni/ReplicaLagging", "watch", (member, snapshot) => {
    const bytes = lagBytes(snapshot, member);
    const allowedBytes = snapshot.settings?.allowedLagBytes;
    if (bytes === null || allowedBytes === undefined || bytes <= allowedBytes) return null;
    return { facts: { lagBytes: bytes, allowedBytes }, level: bytes >= lagDegradedBytes ? "degraded" : "watch" };
  }),
  each("patroni/ReplayBehind", "watch", ({ standing }, { settings }) => {
    const bytes = standing.kind === "replica" ? notReplayedBytes(standing.status) : null;
    if (bytes === null || settings === null || bytes <= settings.allowedLagBytes) return null;
    return { facts: { notReplayedBytes: bytes }, level: bytes >= lagDegradedBytes ? "degraded" : "watch" };
  }),
];
