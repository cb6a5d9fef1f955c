import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { isStreamingFrom, solePrimary, standbysOf, type Server, type ServersSnapshot } from "../snapshot";
import { regroup, regroupWarnings, regrouped } from "./promotion";
import {
  both,
  canBeModel,
  connectionTo,
  createSlot,
  hasSlot,
  isPrimary,
  isStandby,
  makeStandby,
  promote,
  provenStopped,
  serverIn,
  slotNameOf,
  startServer,
  stopServer,
  streamsFrom,
} from "./steps";

/** What the candidate may be behind when the primary is told to stop; it receives the rest during the stop. */
const lagAllowedBytes = 16 << 20;

/** Moves the primary's role to a named standby while all is well; nothing is lost. */
export const switchover: RecoveryAction<ServersSnapshot> = {
  action: "postgresql/switchover",
  risk: "R2",
  answers: [],
  verifyWithinMs: 60_000,

  objections: (snapshot) => (solePrimary(snapshot) === null ? [sentence("postgresql/no-sole-primary")] : []),
  targets: (snapshot) =>
    snapshot.servers
      .filter((server) => server.standing.kind !== "primary")
      .map((server) => ({ target: server.member, objections: objectionsTo(snapshot, server) })),

  plan: (snapshot, targetName) => {
    const primary = solePrimary(snapshot);
    const target = serverIn(snapshot, targetName);
    if (primary === null || target?.standing.kind !== "standby") return { steps: [], warnings: [] };
    const writtenBytes = primary.standing.state.writeBytes ?? Number.MAX_SAFE_INTEGER;
    const slot = slotNameOf(primary);
    const connection = connectionTo(target, target.standing.state.primaryConnection, primary.member);
    return {
      steps: [
        stopServer(primary, (now) =>
          both(isPrimary(now, primary.member), isStandby(now, target.member), tooFarBehind(now, target.member)),
        ),
        promote(target, (now) =>
          both(provenStopped(now, primary.member), receivedAll(now, target.member, writtenBytes)),
        ),
        ...regroup(snapshot, target, primary.member),
        ...(hasSlot(target, slot) ? [] : [createSlot(target, slot)]),
        makeStandby(primary, connection, slot),
        startServer(primary, (now) => streamsFrom(now, primary.member, target.member)),
      ],
      warnings: [
        sentence("postgresql/warning.writes-stop", { primary: primary.member }),
        ...regroupWarnings(snapshot, target, primary.member),
      ],
    };
  },

  verify: (before, after, target) => {
    const old = solePrimary(before);
    return both(regrouped(before, after, target), old === null ? null : streamsFrom(after, old.member, target));
  },
};

function objectionsTo(snapshot: ServersSnapshot, server: Server): readonly Sentence[] {
  const primary = solePrimary(snapshot);
  const { member } = server;
  if (primary === null || server.standing.kind !== "standby")
    return [sentence("postgresql/is-not-standby", { member })];
  const reasons: Sentence[] = [];
  if (!isStreamingFrom(server.standing.state, primary.standing.state))
    reasons.push(sentence("postgresql/does-not-stream", { member, primary: primary.member }));
  const behind = tooFarBehind(snapshot, member);
  if (behind !== null) reasons.push(behind);
  if (!canBeModel(server)) reasons.push(sentence("postgresql/connection-not-readable", { member }));
  if (standbysOf(snapshot).length + 1 < snapshot.servers.length) reasons.push(sentence("postgresql/not-all-well"));
  return reasons;
}

function tooFarBehind(snapshot: ServersSnapshot, member: string): Sentence | null {
  const primary = solePrimary(snapshot);
  const standing = serverIn(snapshot, member)?.standing;
  if (primary?.standing.state.writeBytes == null || standing?.kind !== "standby" || standing.state.replayBytes === null)
    return sentence("postgresql/lag-unknown", { member });
  const bytes = primary.standing.state.writeBytes - standing.state.replayBytes;
  return bytes > lagAllowedBytes
    ? sentence("postgresql/too-far-behind", { member, bytes, allowedBytes: lagAllowedBytes })
    : null;
}

/** A fast stop sends the standby everything up to the shutdown record; having less than was written when it was planned proves that it did not. */
function receivedAll(snapshot: ServersSnapshot, member: string, writtenBytes: number): Sentence | null {
  const standing = serverIn(snapshot, member)?.standing;
  const received = standing?.kind === "standby" ? (standing.state.receiveBytes ?? 0) : 0;
  return received >= writtenBytes
    ? null
    : sentence("postgresql/not-received-all", { member, bytes: writtenBytes - received });
}
