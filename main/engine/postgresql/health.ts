import type { EvidenceId } from "../../../contract/figure";
import type { Subject } from "../../../contract/health";
import { sentence, type Sentence } from "../../../contract/sentence";
import type { HealthRule, Sighting } from "../engine";
import {
  diskFillerOf,
  msUntilLost,
  primariesOf,
  solePrimary,
  standbysOf,
  untoldFillerOf,
  upstreamOf,
  whyNoReceiver,
  type Server,
  type ServersSnapshot,
} from "./snapshot";

const mebibyte = 1 << 20;
const lagWatchBytes = 64 * mebibyte;
const lagDegradedBytes = 1024 * mebibyte;
const slotWatchBytes = 1024 * mebibyte;
const slotDegradedBytes = 10 * 1024 * mebibyte;
const slotLastsWatchMs = 24 * 60 * 60_000;
const slotLastsDegradedMs = 60 * 60_000;
const diskLastsDegradedMs = 24 * 60 * 60_000;
const diskLastsCriticalMs = 4 * 60 * 60_000;
const preparedWatchMs = 5 * 60_000;
const preparedDegradedMs = 60 * 60_000;
const idleInTransactionMs = 10 * 60_000;
const connectionsWatchRatio = 0.8;
const connectionsDegradedRatio = 0.95;
const wraparoundWatchAge = 1_000_000_000;
const wraparoundCriticalAge = 1_600_000_000;

const cluster: Subject = { kind: "cluster" };
const member = (server: Server): Subject => ({ kind: "member", member: server.member });
const names = (servers: readonly Server[]): string => servers.map((server) => server.member).join(", ");

function each(
  see: (server: Server, snapshot: ServersSnapshot) => readonly Sighting[],
): HealthRule<ServersSnapshot>["find"] {
  return (snapshot) => snapshot.servers.flatMap((server) => see(server, snapshot));
}

/** Servers of which it cannot be told whether they are a primary. A stopped or hung one was looked at. */
function untold({ servers }: ServersSnapshot): readonly Server[] {
  return servers.filter(({ standing }) => standing.kind === "unseen" || standing.kind === "refusing");
}

export const postgresqlHealth: readonly HealthRule<ServersSnapshot>[] = [
  {
    code: "postgresql/NoPrimary",
    level: "critical",
    explains: ["postgresql/ServerStopped", "postgresql/ServerHung", "postgresql/StandbyNotStreaming"],
    find: (snapshot) => {
      if (primariesOf(snapshot).length > 0) return [];
      const evidence = snapshot.servers.flatMap((server) => [server.state.evidence.id, server.liveness.evidence.id]);
      const missing = untold(snapshot);
      const facts = {
        gone: names(snapshot.servers.filter(({ standing }) => standing.kind === "stopped" || standing.kind === "hung")),
      };
      if (missing.length === 0) return [{ subject: cluster, facts, evidence }];
      return [
        {
          subject: cluster,
          facts,
          evidence,
          cannotTell: sentence("postgresql/not-all-seen", { members: names(missing) }),
        },
      ];
    },
  },
  {
    code: "postgresql/TwoPrimaries",
    level: "critical",
    explains: ["postgresql/StandbyNotStreaming", "postgresql/TimelineDiffers"],
    find: (snapshot) => {
      const primaries = primariesOf(snapshot);
      if (primaries.length < 2) return [];
      return [
        {
          subject: cluster,
          facts: { members: names(primaries) },
          evidence: primaries.map((server) => server.state.evidence.id),
        },
      ];
    },
  },
  {
    code: "postgresql/SystemIdentifierDiffers",
    level: "critical",
    find: ({ servers }) => {
      const told = servers.flatMap((server) =>
        server.state.kind === "value" ? [{ server, id: server.state.value.systemIdentifier }] : [],
      );
      if (new Set(told.map(({ id }) => id)).size < 2) return [];
      const facts = { members: told.map(({ server, id }) => `${server.member}: ${id}`).join(", ") };
      return [{ subject: cluster, facts, evidence: told.map(({ server }) => server.state.evidence.id) }];
    },
  },
  {
    code: "postgresql/ServerStopped",
    level: "degraded",
    find: each((server) =>
      server.standing.kind === "stopped"
        ? [
            {
              subject: member(server),
              facts: { member: server.member },
              evidence: [server.liveness.evidence.id, server.state.evidence.id],
            },
          ]
        : [],
    ),
  },
  {
    code: "postgresql/ServerHung",
    level: "degraded",
    find: each((server) =>
      server.standing.kind === "hung"
        ? [
            {
              subject: member(server),
              facts: { member: server.member, pid: server.standing.pid },
              evidence: [server.liveness.evidence.id, server.state.evidence.id],
            },
          ]
        : [],
    ),
  },
  {
    code: "postgresql/ServerNotRead",
    level: "degraded",
    find: each((server) =>
      server.standing.kind === "refusing" || server.standing.kind === "unseen"
        ? [
            {
              subject: member(server),
              facts: { member: server.member },
              evidence: [server.state.evidence.id],
              cannotTell: server.standing.reason,
            },
          ]
        : [],
    ),
  },
  {
    code: "postgresql/ServerPartlyRead",
    level: "watch",
    // What was not read cannot be called well: a slot nobody saw may be filling the disk.
    find: each((server) =>
      server.state.kind !== "value"
        ? []
        : [
            ...(server.state.value.activity === null
              ? [partlyRead(server, server.state.evidence.id, sentence("postgresql/sessions-not-seen"))]
              : []),
            ...[server.replication, server.slots, server.prepared].flatMap((reading) =>
              reading.kind === "value" ? [] : [partlyRead(server, reading.evidence.id, reading.reason)],
            ),
          ],
    ),
  },
  {
    code: "postgresql/StandbyNotStreaming",
    level: "degraded",
    find: (snapshot) =>
      standbysOf(snapshot)
        .filter(({ standing }) => standing.state.receiver?.status !== "streaming")
        .map((server) => ({
          subject: member(server),
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
        return [{ subject: member(server), facts, evidence: [server.state.evidence.id, primary.state.evidence.id] }];
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
            subject: member(server),
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
          subject: member(server),
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
  {
    code: "postgresql/SlotLost",
    level: "degraded",
    find: each((server) => {
      const onStandby = server.standing.kind === "standby";
      const whose = onStandby ? "postgresql/slot-lost.whose-on-standby" : "postgresql/slot-lost.whose";
      const mend = onStandby ? "postgresql/slot-lost.mend-on-standby" : "postgresql/slot-lost.mend";
      return slotSightings(server, (slot) => (slot.walStatus === "lost" ? "degraded" : null)).map((sighting) => ({
        ...sighting,
        facts: { ...sighting.facts, whose, mend },
      }));
    }),
  },
  {
    code: "postgresql/SlotRetainsWal",
    level: "watch",
    find: each((server) =>
      slotSightings(server, (slot) => {
        if (slot.walStatus === "lost" || slot.retainedBytes === null) return null;
        if (slot.walStatus === "unreserved") return "degraded";
        return slot.retainedBytes >= slotDegradedBytes
          ? "degraded"
          : slot.retainedBytes >= slotWatchBytes
            ? "watch"
            : null;
      }),
    ),
  },
  {
    code: "postgresql/SlotInactive",
    level: "watch",
    explains: [],
    find: (snapshot) =>
      primariesOf(snapshot).flatMap((server) =>
        slotSightings(server, (slot) =>
          !slot.isActive && slot.walStatus !== null && slot.walStatus !== "lost" ? "watch" : null,
        ),
      ),
  },
  {
    code: "postgresql/SlotSoonLost",
    level: "watch",
    explains: ["postgresql/SlotInactive"],
    find: each((server) =>
      server.slots.kind !== "value"
        ? []
        : server.slots.value.flatMap((slot): readonly Sighting[] => {
            const lastsMs = msUntilLost(server, slot);
            if (lastsMs === null || lastsMs >= slotLastsWatchMs) return [];
            const bytesPerSecond = server.slotGrowth.get(slot.name) ?? 0;
            return [
              {
                subject: { kind: "object", object: slot.name, member: server.member },
                facts: { member: server.member, slot: slot.name, lastsMs, bytesPerSecond },
                evidence: [server.slots.evidence.id],
                level: lastsMs < slotLastsDegradedMs ? "degraded" : "watch",
              },
            ];
          }),
    ),
  },
  {
    code: "postgresql/WalFillsDisk",
    level: "degraded",
    explains: ["postgresql/SlotInactive", "postgresql/SlotRetainsWal"],
    find: each((server) => {
      if (server.slots.kind !== "value") return [];
      return server.slots.value.flatMap((slot): readonly Sighting[] => {
        const filler = diskFillerOf(server, slot);
        const untold = untoldFillerOf(server, slot);
        if (untold !== null)
          return [
            {
              subject: { kind: "object", object: slot.name, member: server.member },
              facts: {
                member: server.member,
                slot: slot.name,
                untilFullMs: "postgresql/unknown.duration",
                bytesPerSecond: untold.bytesPerSecond,
                availableBytes: "postgresql/unknown.bytes",
              },
              evidence: [server.slots.evidence.id, server.walDisk.evidence.id],
              cannotTell: untold.reason,
            },
          ];
        if (filler === null || filler.untilFullMs >= diskLastsDegradedMs) return [];
        const { untilFullMs, bytesPerSecond, availableBytes } = filler;
        return [
          {
            subject: { kind: "object", object: slot.name, member: server.member },
            facts: { member: server.member, slot: slot.name, untilFullMs, bytesPerSecond, availableBytes },
            evidence: [server.slots.evidence.id, server.walDisk.evidence.id],
            level: untilFullMs < diskLastsCriticalMs ? "critical" : "degraded",
          },
        ];
      });
    }),
  },
  {
    code: "postgresql/KeepsRestarting",
    level: "degraded",
    find: each((server) =>
      server.keepsRestarting
        ? [{ subject: member(server), facts: { member: server.member }, evidence: [server.liveness.evidence.id] }]
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
          subject: member(server),
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
        { subject: member(server), facts: { member: server.member, ageMs }, evidence: [server.state.evidence.id] },
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
          subject: member(server),
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
        { subject: member(server), facts: { member: server.member, count }, evidence: [server.state.evidence.id] },
      ];
    }),
  },
];

function partlyRead(server: Server, evidence: EvidenceId, cannotTell: Sentence): Sighting {
  return {
    subject: { kind: "object", object: evidence, member: server.member },
    facts: { member: server.member },
    evidence: [evidence],
    cannotTell,
  };
}

function slotSightings(
  server: Server,
  judge: (slot: {
    walStatus: string | null;
    retainedBytes: number | null;
    isActive: boolean;
  }) => "watch" | "degraded" | null,
): readonly Sighting[] {
  if (server.slots.kind !== "value") return [];
  const evidence = [server.slots.evidence.id];
  return server.slots.value.flatMap((slot): readonly Sighting[] => {
    const level = judge(slot);
    if (level === null) return [];
    const facts = {
      member: server.member,
      slot: slot.name,
      ...(slot.retainedBytes !== null && { retainedBytes: slot.retainedBytes }),
    };
    return [{ subject: { kind: "object", object: slot.name, member: server.member }, facts, evidence, level }];
  });
}

/** `FIRST 2 (a, b, c)`, `ANY 1 (a, b)`, `2 (a, b)` or a bare list, which means one. */
export function synchronousNeed(names: string): number {
  const found = /^\s*(?:(?:first|any)\s+)?(\d+)\s*\(/i.exec(names);
  return found?.[1] === undefined ? 1 : Number(found[1]);
}
