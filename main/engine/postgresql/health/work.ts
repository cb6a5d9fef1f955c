import type { HealthRule } from "../../engine";
import type { ServersSnapshot } from "../snapshot";
import { each, memberSubject } from "./subjects";

const preparedWatchMs = 5 * 60_000;
const preparedDegradedMs = 60 * 60_000;
const idleInTransactionMs = 10 * 60_000;
const connectionsWatchRatio = 0.8;
const connectionsDegradedRatio = 0.95;
const wraparoundWatchAge = 1_000_000_000;
const wraparoundCriticalAge = 1_600_000_000;

/** How each server bears its work: its process, sessions, transactions and pages. */
export const workRules: readonly HealthRule<ServersSnapshot>[] = [
  {
    code: "postgresql/KeepsRestarting",
    level: "degraded",
    find: each((server) =>
      server.keepsRestarting
        ? [
            {
              subject: memberSubject(server),
              facts: { member: server.member },
              evidence: [server.liveness.evidence.id],
            },
          ]
        : [],
    ),
  },
  {
    code: "postgresql/PreparedTransactionOld",
    level: "watch",
    find: each((server) => {
      // A standby holds the same prepared transactions; they are settled on the primary.
      if (server.prepared.kind !== "value" || server.standing.kind !== "primary") return [];
      const evidence = [server.prepared.evidence.id];
      return server.prepared.value
        .filter(({ ageMs }) => ageMs >= preparedWatchMs)
        .map(({ gid, owner, database, ageMs, lockedCount }) => ({
          subject: { kind: "object", object: gid, member: server.member },
          facts: { member: server.member, gid, owner, database, ageMs, lockedCount },
          evidence,
          level: ageMs >= preparedDegradedMs ? "degraded" : "watch",
        }));
    }),
  },
  {
    code: "postgresql/ConnectionsNearLimit",
    level: "watch",
    find: each((server) => {
      if (server.state.kind !== "value") return [];
      const { activity, maxConnections } = server.state.value;
      if (activity === null) return [];
      const { connectionCount } = activity;
      const ratio = connectionCount / maxConnections;
      if (ratio < connectionsWatchRatio) return [];
      const level = ratio >= connectionsDegradedRatio ? "degraded" : "watch";
      return [
        {
          subject: memberSubject(server),
          facts: { member: server.member, connectionCount, maxConnections },
          evidence: [server.state.evidence.id],
          level,
        },
      ];
    }),
  },
  {
    code: "postgresql/IdleInTransaction",
    level: "watch",
    find: each((server) => {
      if (server.state.kind !== "value") return [];
      const ageMs = server.state.value.activity?.oldestIdleInTransactionMs ?? null;
      if (ageMs === null || ageMs < idleInTransactionMs) return [];
      return [
        {
          subject: memberSubject(server),
          facts: { member: server.member, ageMs },
          evidence: [server.state.evidence.id],
        },
      ];
    }),
  },
  {
    code: "postgresql/WraparoundNear",
    level: "watch",
    find: each((server) => {
      if (server.state.kind !== "value" || server.state.value.oldestTransactionAge < wraparoundWatchAge) return [];
      const age = server.state.value.oldestTransactionAge;
      return [
        {
          subject: memberSubject(server),
          facts: { member: server.member, age },
          evidence: [server.state.evidence.id],
          level: age >= wraparoundCriticalAge ? "critical" : "watch",
        },
      ];
    }),
  },
  {
    code: "postgresql/ChecksumFailures",
    level: "critical",
    find: each((server) => {
      const count = server.state.kind === "value" ? server.state.value.checksumFailures : null;
      if (count === null || count === 0) return [];
      return [
        {
          subject: memberSubject(server),
          facts: { member: server.member, count },
          evidence: [server.state.evidence.id],
        },
      ];
    }),
  },
];
