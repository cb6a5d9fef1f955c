import { sentence, type Fact, type Sentence } from "../../../../contract/sentence";
import type { Claim, Judge } from "../../engine";
import type { PreparedTransaction, Slot } from "../probes";
import {
  connectionWord,
  isStreamingFrom,
  primariesOf,
  solePrimary,
  standbysOf,
  type Server,
  type ServersSnapshot,
  type Standing,
} from "../snapshot";

type Facts = Readonly<Record<string, Fact>>;

/** What the recoveries of PostgreSQL claim of its servers, as data; `postgresqlJudges` says whether a snapshot shows it. */
export const holds = {
  standing: (member: string, kind: Standing["kind"]): Claim =>
    sentence("postgresql/holds.standing", { member, standing: `postgresql/role.${kind}` }),
  primary: (member: string): Claim => sentence("postgresql/holds.primary", { member }),
  solePrimary: (member: string): Claim => sentence("postgresql/holds.sole-primary", { member }),
  noPrimary: (): Claim => sentence("postgresql/holds.no-primary"),
  /** Stricter: every server but this one was read, and is none; of those that were not a person attests it. */
  noOtherPrimary: (member: string, attested: readonly string[]): Claim =>
    attested.length === 0
      ? sentence("postgresql/holds.no-other-primary", { member })
      : sentence("postgresql/holds.no-other-primary-attested", { member, attested: attested.join(", ") }),
  standby: (member: string): Claim => sentence("postgresql/holds.standby", { member }),
  stopped: (member: string): Claim => sentence("postgresql/holds.stopped", { member }),
  unseen: (member: string): Claim => sentence("postgresql/holds.unseen", { member }),
  hung: (member: string, pid: number): Claim => sentence("postgresql/holds.hung", { member, pid }),
  history: (member: string, timeline: number, systemIdentifier: string): Claim =>
    sentence("postgresql/holds.history", { member, timeline, systemIdentifier }),
  streams: (member: string, primary: string): Claim => sentence("postgresql/holds.streams", { member, primary }),
  slot: (member: string, slot: string): Claim => sentence("postgresql/holds.slot", { member, slot }),
  noSlot: (member: string, slot: string): Claim => sentence("postgresql/holds.no-slot", { member, slot }),
  slotIdle: (member: string, slot: string): Claim => sentence("postgresql/holds.slot-idle", { member, slot }),
  prepared: (member: string, { gid, database, transactionId, preparedAt }: PreparedTransaction): Claim =>
    sentence("postgresql/holds.this-prepared", { member, gid, database, transactionId, preparedAt }),
  notPrepared: (member: string, { gid, transactionId, preparedAt }: PreparedTransaction): Claim =>
    sentence("postgresql/holds.this-not-prepared", { member, gid, transactionId, preparedAt }),
  near: (member: string, allowedBytes: number): Claim => sentence("postgresql/holds.near", { member, allowedBytes }),
  received: (member: string, bytes: number): Claim => sentence("postgresql/holds.received", { member, bytes }),
  mostAdvanced: (member: string): Claim => sentence("postgresql/holds.most-advanced", { member }),
  pointsAt: (member: string, connection: string): Claim =>
    sentence("postgresql/holds.points-at", { member, connection }),
  setAsStandby: (member: string, mark: string): Claim => sentence("postgresql/holds.set-as-standby", { member, mark }),
} as const;

export const postgresqlJudges: Readonly<Record<string, Judge<ServersSnapshot>>> = {
  "postgresql/holds.standing": (now, facts) => {
    const standing = `postgresql/role.${serverIn(now, memberOf(facts))?.standing.kind ?? "unseen"}`;
    return standing === facts.standing
      ? null
      : sentence("postgresql/other-standing", { member: memberOf(facts), standing });
  },
  "postgresql/holds.primary": (now, facts) => isPrimary(now, memberOf(facts)),
  "postgresql/holds.sole-primary": (now, facts) => {
    const primaries = primariesOf(now).map(({ member }) => member);
    return primaries.length === 1 && primaries[0] === facts.member
      ? null
      : sentence("postgresql/not-the-one-primary", { member: memberOf(facts), primaries: primaries.join(", ") });
  },
  "postgresql/holds.no-primary": (now) =>
    primariesOf(now).length === 0 ? null : sentence("postgresql/a-primary-is-there"),
  "postgresql/holds.no-other-primary": (now, facts) => otherPrimary(now, memberOf(facts), []),
  "postgresql/holds.no-other-primary-attested": (now, facts) =>
    otherPrimary(now, memberOf(facts), String(facts.attested).split(", ")),
  "postgresql/holds.standby": (now, facts) => isStandby(now, memberOf(facts)),
  "postgresql/holds.stopped": (now, facts) => provenStopped(now, memberOf(facts)),
  "postgresql/holds.unseen": (now, facts) => {
    const kind = serverIn(now, memberOf(facts))?.standing.kind;
    return kind === "unseen" || kind === "stopped"
      ? null
      : sentence("postgresql/came-back", { member: memberOf(facts) });
  },
  "postgresql/holds.hung": (now, facts) => {
    const standing = serverIn(now, memberOf(facts))?.standing;
    return standing?.kind === "hung" && standing.pid === facts.pid
      ? null
      : sentence("postgresql/no-longer-hung", { member: memberOf(facts), pid: Number(facts.pid) });
  },
  "postgresql/holds.history": (now, facts) => {
    const state = stateOf(now, memberOf(facts));
    return state?.timeline === facts.timeline && state?.systemIdentifier === facts.systemIdentifier
      ? null
      : sentence("postgresql/other-history", { member: memberOf(facts), timeline: String(state?.timeline ?? "?") });
  },
  "postgresql/holds.streams": (now, facts) => streamsFrom(now, memberOf(facts), String(facts.primary)),
  "postgresql/holds.slot": (now, facts) =>
    slotOf(serverIn(now, memberOf(facts)), String(facts.slot)) === null
      ? sentence("postgresql/slot-not-there", slotFacts(facts))
      : null,
  "postgresql/holds.no-slot": (now, facts) => {
    const slots = serverIn(now, memberOf(facts))?.slots;
    if (slots?.kind !== "value") return sentence("postgresql/slots-not-read", { member: memberOf(facts) });
    return slots.value.some(({ name }) => name === facts.slot)
      ? sentence("postgresql/slot-there", slotFacts(facts))
      : null;
  },
  "postgresql/holds.slot-idle": (now, facts) => {
    const slots = serverIn(now, memberOf(facts))?.slots;
    if (slots?.kind !== "value") return sentence("postgresql/slots-not-read", { member: memberOf(facts) });
    return slots.value.some(({ name, isActive }) => name === facts.slot && isActive)
      ? sentence("postgresql/slot-in-use", slotFacts(facts))
      : null;
  },
  "postgresql/holds.this-prepared": (now, facts) => isPrepared(now, facts),
  "postgresql/holds.this-not-prepared": (now, facts) => isNotPrepared(now, facts),
  // In the journal of an earlier version, which has the name alone.
  "postgresql/holds.prepared": (now, facts) => isPrepared(now, facts),
  "postgresql/holds.not-prepared": (now, facts) => isNotPrepared(now, facts),
  "postgresql/holds.near": (now, facts) => tooFarBehind(now, memberOf(facts), Number(facts.allowedBytes)),
  "postgresql/holds.received": (now, facts) => {
    const received = stateOf(now, memberOf(facts))?.receiveBytes ?? null;
    if (received === null) return sentence("postgresql/lag-unknown", { member: memberOf(facts) });
    const bytes = Number(facts.bytes) - received;
    return bytes <= 0 ? null : sentence("postgresql/not-received-all", { member: memberOf(facts), bytes });
  },
  "postgresql/holds.most-advanced": (now, facts) => {
    const target = serverIn(now, memberOf(facts));
    return target === null
      ? sentence("postgresql/is-not-standby", { member: memberOf(facts) })
      : mostAdvanced(now, target);
  },
  "postgresql/holds.points-at": (now, facts) => {
    const connection = stateOf(now, memberOf(facts))?.primaryConnection ?? null;
    return connection === facts.connection
      ? null
      : sentence("postgresql/points-elsewhere", { member: memberOf(facts), connection: connection ?? "?" });
  },
  "postgresql/holds.set-as-standby": (now, facts) => {
    const liveness = serverIn(now, memberOf(facts))?.liveness;
    return liveness?.kind === "value" &&
      liveness.value.kind === "not-running" &&
      liveness.value.standbyMark === facts.mark
      ? null
      : sentence("postgresql/not-set-as-standby", { member: memberOf(facts) });
  },
};

/** What every plan rests on: what each server is, who receives from whom, and whose history the primary writes. */
export function layoutOf(snapshot: ServersSnapshot): readonly Claim[] {
  const primary = solePrimary(snapshot);
  const standings = snapshot.servers.map(({ member, standing }) => holds.standing(member, standing.kind));
  if (primary === null) return standings;
  const { timeline, systemIdentifier } = primary.standing.state;
  const streaming = standbysOf(snapshot).filter(({ standing }) =>
    isStreamingFrom(standing.state, primary.standing.state),
  );
  return [
    ...standings,
    ...(timeline === null ? [] : [holds.history(primary.member, timeline, systemIdentifier)]),
    ...streaming.map(({ member }) => holds.streams(member, primary.member)),
  ];
}

function memberOf(facts: Facts): string {
  return String(facts.member);
}

function isPrepared(now: ServersSnapshot, facts: Facts): Sentence | null {
  const prepared = serverIn(now, memberOf(facts))?.prepared;
  if (prepared?.kind !== "value") return sentence("postgresql/prepared-not-read", { member: memberOf(facts) });
  return prepared.value.some((one) => one.database === facts.database && isSame(one, facts))
    ? null
    : sentence("postgresql/not-prepared", { member: memberOf(facts), gid: String(facts.gid) });
}

function isNotPrepared(now: ServersSnapshot, facts: Facts): Sentence | null {
  const prepared = serverIn(now, memberOf(facts))?.prepared;
  if (prepared?.kind !== "value") return sentence("postgresql/prepared-not-read", { member: memberOf(facts) });
  return prepared.value.some((one) => isSame(one, facts))
    ? sentence("postgresql/still-prepared", { member: memberOf(facts), gid: String(facts.gid) })
    : null;
}

/** A name is free again once its transaction is settled, and another may have been prepared under it since. */
function isSame({ gid, transactionId, preparedAt }: PreparedTransaction, facts: Facts): boolean {
  if (gid !== facts.gid || facts.transactionId === undefined) return gid === facts.gid;
  return transactionId === facts.transactionId && preparedAt === facts.preparedAt;
}

function slotFacts({ member, slot }: Facts): Facts {
  return { member: String(member), slot: String(slot) };
}

function stateOf(
  snapshot: ServersSnapshot,
  member: string,
): (Standing & { kind: "primary" | "standby" })["state"] | null {
  const standing = serverIn(snapshot, member)?.standing;
  return standing?.kind === "primary" || standing?.kind === "standby" ? standing.state : null;
}

export function serverIn(snapshot: ServersSnapshot, member: string): Server | null {
  return snapshot.servers.find((server) => server.member === member) ?? null;
}

/** Null where no server but this one is a primary or may be one. One that a person attests to be off need not be seen, and must not be. */
function otherPrimary(now: ServersSnapshot, member: string, attested: readonly string[]): Sentence | null {
  if (primariesOf(now).some((server) => server.member !== member)) return sentence("postgresql/a-primary-is-there");
  const untold = now.servers.filter(
    (server) =>
      server.member !== member && mayBePrimary(server) && !(attested.includes(server.member) && canBeAttested(server)),
  );
  return untold.length === 0 ? null : sentence("postgresql/may-be-primary", { members: untold.map(nameOf).join(", ") });
}

/** Of which it cannot be told from here: somebody may have promoted it where this desktop does not see it. */
export function mayBePrimary({ standing }: Server): boolean {
  switch (standing.kind) {
    case "primary":
    case "unseen":
    case "refusing":
    case "hung":
      return true;
    case "standby":
    case "stopped":
      return false;
  }
}

/** No person's word says that a server is off whose host answers: its process may be seen to run. */
export function canBeAttested({ standing, reachability }: Server): boolean {
  return standing.kind === "unseen" && reachability.state !== "reachable";
}

function nameOf({ member }: Server): string {
  return member;
}

/** Evidence from the host that no postmaster runs there. Silence is not evidence. */
function provenStopped(snapshot: ServersSnapshot, member: string): Sentence | null {
  const standing = serverIn(snapshot, member)?.standing.kind;
  return standing === "stopped" ? null : sentence("postgresql/not-proven-stopped", { member });
}

function isPrimary(snapshot: ServersSnapshot, member: string): Sentence | null {
  return serverIn(snapshot, member)?.standing.kind === "primary"
    ? null
    : sentence("postgresql/is-not-primary", { member });
}

function isStandby(snapshot: ServersSnapshot, member: string): Sentence | null {
  return serverIn(snapshot, member)?.standing.kind === "standby"
    ? null
    : sentence("postgresql/is-not-standby", { member });
}

function streamsFrom(now: ServersSnapshot, member: string, primaryMember: string): Sentence | null {
  const primary = serverIn(now, primaryMember)?.standing;
  const standby = serverIn(now, member)?.standing;
  if (primary?.kind !== "primary") return sentence("postgresql/is-not-primary", { member: primaryMember });
  if (standby?.kind !== "standby") return sentence("postgresql/is-not-standby", { member });
  return isStreamingFrom(standby.state, primary.state)
    ? null
    : sentence("postgresql/does-not-stream", { member, primary: primaryMember });
}

/** Null where it is not among the slots, or they were not read. */
export function slotOf(server: Server | null, slot: string): Slot | null {
  return (server?.slots.kind === "value" ? server.slots.value.find(({ name }) => name === slot) : null) ?? null;
}

export function tooFarBehind(snapshot: ServersSnapshot, member: string, allowedBytes: number): Sentence | null {
  const written = solePrimary(snapshot)?.standing.state.writeBytes ?? null;
  const standing = serverIn(snapshot, member)?.standing;
  if (written === null || standing?.kind !== "standby" || standing.state.replayBytes === null)
    return sentence("postgresql/lag-unknown", { member });
  const bytes = written - standing.state.replayBytes;
  return bytes > allowedBytes ? sentence("postgresql/too-far-behind", { member, bytes, allowedBytes }) : null;
}

/** Of the standbys that answer none may have received more than the target: what it lacks would be lost. */
export function mostAdvanced(snapshot: ServersSnapshot, target: Server): Sentence | null {
  const own = receivedBytes(target);
  if (own === null) return sentence("postgresql/lag-unknown", { member: target.member });
  for (const other of standbysOf(snapshot)) {
    const received = receivedBytes(other);
    if (received === null) return sentence("postgresql/lag-unknown", { member: other.member });
    if (received > own)
      return sentence("postgresql/another-has-more", {
        member: target.member,
        other: other.member,
        bytes: received - own,
      });
  }
  return null;
}

/**
 * What a standby has is the further of the two: one that was started without its primary has received nothing since, and one that asked
 * for WAL since its start is said to have received up to the beginning of that segment, however far it has replayed.
 */
function receivedBytes({ standing }: Server): number | null {
  if (standing.kind !== "standby") return null;
  const { receiveBytes, replayBytes } = standing.state;
  return receiveBytes === null || replayBytes === null
    ? (receiveBytes ?? replayBytes)
    : Math.max(receiveBytes, replayBytes);
}

/** Whether the string shows how to log in; a password in it was not read and cannot be written anew. */
export function canBeModel(server: Server): boolean {
  if (server.state.kind !== "value") return false;
  const { primaryConnection, primaryConnectionHasPassword } = server.state.value;
  return !primaryConnectionHasPassword && connectionWord(primaryConnection, "user") !== null;
}
