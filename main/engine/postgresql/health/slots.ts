import type { HealthRule, Sighting } from "../../engine";
import type { Slot } from "../probes";
import { diskFillerOf, msUntilLost, primariesOf, untoldFillerOf, type Server, type ServersSnapshot } from "../snapshot";
import { each } from "./subjects";

const mebibyte = 1 << 20;
const slotWatchBytes = 1024 * mebibyte;
const slotDegradedBytes = 10 * 1024 * mebibyte;
const slotLastsWatchMs = 24 * 60 * 60_000;
const slotLastsDegradedMs = 60 * 60_000;
const diskLastsDegradedMs = 24 * 60 * 60_000;
const diskLastsCriticalMs = 4 * 60 * 60_000;

/** What the replication slots keep, and how long their disk holds it. */
export const slotRules: readonly HealthRule<ServersSnapshot>[] = [
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
];

function slotSightings(server: Server, judge: (slot: Slot) => "watch" | "degraded" | null): readonly Sighting[] {
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
