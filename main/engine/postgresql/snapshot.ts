import type { Reachability } from "../../../contract/health";
import { sentence, type Sentence } from "../../../contract/sentence";
import type { MemberReadings } from "../engine";
import type { Reading } from "../../probe/probe";
import { blocksSince, type Blocks } from "../postgresql-server/blocks";
import { keepsRestarting } from "../process-liveness";
import type { Liveness, PostgresqlProbes, PreparedTransaction, Replica, ServerState, Slot, WalDisk } from "./probes";
import type { PostgresqlSite, postgresqlSettings } from "./settings";

/**
 * What a server is now. `stopped` is proven by its host; `hung` has a process and answers nobody; `refusing` answers, and not with what
 * was asked; `unseen` is everything that cannot be told from here, and is never taken for stopped.
 */
export type Standing =
  | { readonly kind: "primary"; readonly state: ServerState }
  | { readonly kind: "standby"; readonly state: ServerState }
  | { readonly kind: "stopped" }
  | { readonly kind: "hung"; readonly pid: number; readonly reason: Sentence }
  | { readonly kind: "refusing"; readonly reason: Sentence }
  | { readonly kind: "unseen"; readonly reason: Sentence };

export interface Server {
  readonly site: PostgresqlSite;
  readonly member: string;
  readonly node: string;
  readonly reachability: Reachability;
  readonly standing: Standing;
  readonly state: Reading<ServerState>;
  readonly replication: Reading<readonly Replica[]>;
  readonly slots: Reading<readonly Slot[]>;
  readonly prepared: Reading<readonly PreparedTransaction[]>;
  readonly sizes: Reading<{ readonly databaseBytes: number }>;
  readonly liveness: Reading<Liveness>;
  /** WAL written (primary) or received (standby) since the cycle before; null until there are two readings. */
  readonly walBytesPerSecond: number | null;
  readonly blocks: Blocks | null;
  readonly walDisk: Reading<WalDisk>;
  /** By how much more WAL each slot keeps per second, over the last minute or two; slots without a reading old enough are not in it. */
  readonly slotGrowth: ReadonlyMap<string, number>;
  readonly keepsRestarting: boolean;
}

export interface ServersSnapshot {
  readonly servers: readonly Server[];
}

type Readings = MemberReadings<typeof postgresqlSettings, PostgresqlProbes>;

export function snapshotServers(members: readonly Readings[]): ServersSnapshot {
  return {
    servers: members.map(({ site, reachability, readings, previous }) => ({
      site,
      member: site.member,
      node: site.node,
      reachability,
      standing: standingOf(readings.state, readings.liveness),
      state: readings.state,
      replication: readings.replication,
      slots: readings.slots,
      prepared: readings.prepared,
      sizes: readings.sizes,
      liveness: readings.liveness,
      walDisk: readings.walDisk,
      walBytesPerSecond: previous === undefined ? null : walRate(previous.state, readings.state),
      blocks: previous === undefined ? null : blocksSince(previous.state, readings.state),
      slotGrowth: previous === undefined ? new Map() : slotGrowth(previous.slotsEachMinute, readings.slots),
      keepsRestarting: keepsRestarting(previous?.liveness, readings.liveness),
    })),
  };
}

function standingOf(state: Reading<ServerState>, liveness: Reading<Liveness>): Standing {
  if (state.kind === "value") return { kind: state.value.isInRecovery ? "standby" : "primary", state: state.value };
  const { reason } = state;
  if (liveness.kind !== "value") return { kind: "unseen", reason };
  if (liveness.value.kind === "not-running") return { kind: "stopped" };
  const isSilent = reason.code === "wire/silent" || reason.code === "ssh/deadline" || liveness.value.isStopped;
  return isSilent ? { kind: "hung", pid: liveness.value.pid, reason } : { kind: "refusing", reason };
}

function walRate(before: Reading<ServerState>, now: Reading<ServerState>): number | null {
  if (before.kind !== "value" || now.kind !== "value") return null;
  const seconds = (now.evidence.takenAt - before.evidence.takenAt) / 1000;
  const from = before.value.writeBytes ?? before.value.receiveBytes;
  const to = now.value.writeBytes ?? now.value.receiveBytes;
  // A position that steps back is another history, not negative traffic.
  return from === null || to === null || seconds <= 0 || to < from ? null : (to - from) / seconds;
}

/** WAL comes in bursts: over less than this a checkpoint or one import would look like a slot that is lost within the hour, and go again. */
const shortestGrowthMs = 30_000;

function slotGrowth(before: Reading<readonly Slot[]>, now: Reading<readonly Slot[]>): ReadonlyMap<string, number> {
  if (before.kind !== "value" || now.kind !== "value") return new Map();
  const spanMs = now.evidence.takenAt - before.evidence.takenAt;
  if (spanMs < shortestGrowthMs) return new Map();
  const had = new Map(before.value.map(({ name, retainedBytes }) => [name, retainedBytes]));
  return new Map(
    now.value.flatMap(({ name, retainedBytes }) => {
      const from = had.get(name) ?? null;
      return from === null || retainedBytes === null ? [] : [[name, ((retainedBytes - from) / spanMs) * 1000] as const];
    }),
  );
}

/** How long a slot nobody reads lasts at its growth; null where that or its limit is not known, or it does not grow. */
export function msUntilLost({ slotGrowth: growth }: Server, { name, isActive, bytesUntilLost }: Slot): number | null {
  const bytesPerSecond = growth.get(name) ?? 0;
  return isActive || bytesUntilLost === null || bytesPerSecond <= 0
    ? null
    : (Math.max(0, bytesUntilLost) / bytesPerSecond) * 1000;
}

/** A reader that is this far behind keeps WAL as surely as one that is gone. */
const readerLeftBehindBytes = 1 << 30;

/** By how much per second a slot grows that nobody reads, or not nearly as fast; null for others. A lost slot keeps nothing. */
function growthLeftBehind({ slotGrowth: growth }: Server, slot: Slot): number | null {
  const bytesPerSecond = growth.get(slot.name) ?? 0;
  const isLeftBehind = !slot.isActive || (slot.retainedBytes ?? 0) >= readerLeftBehindBytes;
  return slot.walStatus === "lost" || !isLeftBehind || bytesPerSecond <= 0 ? null : bytesPerSecond;
}

/** A slot whose WAL nothing removes before the disk is full, and that grows. */
export interface DiskFiller {
  readonly slot: Slot;
  readonly bytesPerSecond: number;
  readonly availableBytes: number;
  readonly untilFullMs: number;
}

/** Null where the slot is read, is lost already or first, or does not grow, and where its growth or the free space of its disk is not known. */
export function diskFillerOf(server: Server, slot: Slot): DiskFiller | null {
  const bytesPerSecond = growthLeftBehind(server, slot);
  if (bytesPerSecond === null || server.walDisk.kind !== "value") return null;
  const { availableBytes } = server.walDisk.value;
  if (slot.bytesUntilLost !== null && slot.bytesUntilLost <= availableBytes) return null;
  return { slot, bytesPerSecond, availableBytes, untilFullMs: (availableBytes / bytesPerSecond) * 1000 };
}

/** A slot that nothing limits and that grows, where it was not read how much room its disk has; null for every other. */
export function untoldFillerOf(
  server: Server,
  slot: Slot,
): { readonly bytesPerSecond: number; readonly reason: Sentence } | null {
  const bytesPerSecond = growthLeftBehind(server, slot);
  if (bytesPerSecond === null || slot.bytesUntilLost !== null || server.walDisk.kind === "value") return null;
  return { bytesPerSecond, reason: server.walDisk.reason };
}

/** Why a standby shows no receiver: to a login that does not see the sessions of others it is hidden. */
export function whyNoReceiver({ activity }: ServerState): Sentence {
  return sentence(activity === null ? "postgresql/sessions-not-seen" : "postgresql/no-receiver");
}

export function primariesOf({
  servers,
}: ServersSnapshot): readonly (Server & { standing: Standing & { kind: "primary" } })[] {
  return servers.filter(
    (server): server is Server & { standing: Standing & { kind: "primary" } } => server.standing.kind === "primary",
  );
}

export function standbysOf({
  servers,
}: ServersSnapshot): readonly (Server & { standing: Standing & { kind: "standby" } })[] {
  return servers.filter(
    (server): server is Server & { standing: Standing & { kind: "standby" } } => server.standing.kind === "standby",
  );
}

/** The one primary there is, or null when there is none or more than one. */
export function solePrimary(snapshot: ServersSnapshot): (Server & { standing: Standing & { kind: "primary" } }) | null {
  const primaries = primariesOf(snapshot);
  return primaries.length === 1 ? (primaries[0] ?? null) : null;
}

/** Streaming, from this primary's timeline. */
export function isStreamingFrom(standby: ServerState, primary: ServerState): boolean {
  return (
    standby.receiver?.status === "streaming" &&
    standby.timeline === primary.timeline &&
    standby.systemIdentifier === primary.systemIdentifier
  );
}

/** Seen not to, for to a login that does not see the sessions of others a receiver is hidden. */
export function isLeftOutOf(standby: ServerState, primary: ServerState): boolean {
  return standby.activity !== null && !isStreamingFrom(standby, primary);
}

/** The member a standby's connection string points at, or null when it names none that is known. */
export function upstreamOf(state: ServerState, servers: readonly Server[]): Server | null {
  const host = state.receiver?.senderHost ?? connectionWord(state.primaryConnection, "host");
  const port = state.receiver?.senderPort ?? Number(connectionWord(state.primaryConnection, "port") ?? 5432);
  const names = (server: Server): readonly string[] => [server.site.settings.host, server.node];
  return (
    servers.find((server) => host !== null && names(server).includes(host) && server.site.settings.port === port) ??
    null
  );
}

/** The slot a server is set to use, empty for none; null where neither it nor its files could tell. */
export function usedSlot({ standing, liveness }: Server): string | null {
  if (standing.kind === "primary") return "";
  if (standing.kind === "standby") return standing.state.primarySlotName;
  return liveness.kind === "value" && liveness.value.kind === "not-running" ? liveness.value.slotName : null;
}

/** One word of a libpq connection string: `host=10.0.0.5 port=5432 user='re plicator'`. */
export function connectionWord(connection: string | null, word: string): string | null {
  const found =
    connection === null
      ? null
      : new RegExp(`(?:^|\\s)${word}\\s*=\\s*(?:'((?:[^'\\\\]|\\\\.)*)'|(\\S+))`).exec(connection);
  return found?.[1] ?? found?.[2] ?? null;
}
