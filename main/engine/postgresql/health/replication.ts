import { sentence } from "../../../../contract/sentence";
import type { HealthRule, Sighting } from "../../engine";
import { primariesOf, solePrimary, standbysOf, upstreamOf, whyNoReceiver, type ServersSnapshot } from "../snapshot";
import { memberSubject } from "./subjects";

const mebibyte = 1 << 20;
const lagWatchBytes = 64 * mebibyte;
const lagDegradedBytes = 1024 * mebibyte;

/** Whether the standbys have what the primary writes. */
export const replicationRules: readonly HealthRule<ServersSnapshot>[] = [
  {
    code: "postgresql/StandbyNotStreaming",
    level: "degraded",
    find: (snapshot) =>
      standbysOf(snapshot)
        .filter(({ standing }) => standing.state.receiver?.status !== "streaming")
        .map((server) => ({
          subject: memberSubject(server),
          facts: {
            member: server.member,
            upstream: upstreamOf(server.standing.state, snapshot.servers)?.member ?? "?",
          },
          evidence: [server.state.evidence.id],
          ...(server.standing.state.activity === null && { cannotTell: whyNoReceiver(server.standing.state) }),
        })),
  },
  {
    code: "postgresql/TimelineDiffers",
    level: "degraded",
    explains: ["postgresql/StandbyNotStreaming"],
    find: (snapshot) => {
      const primary = solePrimary(snapshot);
      if (primary === null) return [];
      return standbysOf(snapshot).flatMap((server): readonly Sighting[] => {
        const { timeline } = server.standing.state;
        if (timeline === null || timeline === primary.standing.state.timeline) return [];
        const facts = {
          member: server.member,
          timeline,
          primary: primary.member,
          primaryTimeline: primary.standing.state.timeline ?? 0,
        };
        return [
          { subject: memberSubject(server), facts, evidence: [server.state.evidence.id, primary.state.evidence.id] },
        ];
      });
    },
  },
  {
    code: "postgresql/ReplicaLagging",
    level: "watch",
    find: (snapshot) => {
      const primary = solePrimary(snapshot);
      if (primary?.standing.state.writeBytes == null) return [];
      const { writeBytes } = primary.standing.state;
      return standbysOf(snapshot).flatMap((server): readonly Sighting[] => {
        const { replayBytes } = server.standing.state;
        if (replayBytes === null || writeBytes - replayBytes < lagWatchBytes) return [];
        const lagBytes = writeBytes - replayBytes;
        const level = lagBytes >= lagDegradedBytes ? "degraded" : "watch";
        return [
          {
            subject: memberSubject(server),
            facts: { member: server.member, lagBytes },
            evidence: [server.state.evidence.id, primary.state.evidence.id],
            level,
          },
        ];
      });
    },
  },
  {
    code: "postgresql/SynchronousStandbyMissing",
    level: "critical",
    find: (snapshot) =>
      primariesOf(snapshot).flatMap((server): readonly Sighting[] => {
        const wanted = server.standing.state.synchronousStandbyNames;
        if (wanted === "" || server.replication.kind !== "value") return [];
        const has = server.replication.value.filter(
          (replica) => replica.state === "streaming" && ["sync", "quorum"].includes(replica.syncState),
        ).length;
        const needs = synchronousNeed(wanted);
        const { activity } = server.standing.state;
        const sighting = {
          subject: memberSubject(server),
          evidence: [server.replication.evidence.id, server.state.evidence.id],
        };
        const told = { member: server.member, wanted, needs };
        if (activity === null) {
          const cannotTell = sentence("postgresql/sessions-not-seen");
          return [{ ...sighting, facts: { ...told, has: "?", waiting: "?" }, cannotTell }];
        }
        return has >= needs ? [] : [{ ...sighting, facts: { ...told, has, waiting: activity.commitWaitCount } }];
      }),
  },
];

/** `FIRST 2 (a, b, c)`, `ANY 1 (a, b)`, `2 (a, b)` or a bare list, which means one. */
export function synchronousNeed(names: string): number {
  const found = /^\s*(?:(?:first|any)\s+)?(\d+)\s*\(/i.exec(names);
  return found?.[1] === undefined ? 1 : Number(found[1]);
}
