import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { isStreamingFrom, solePrimary, standbysOf, type Server, type ServersSnapshot } from "../snapshot";
import { canBeModel, holds, layoutOf, serverIn, tooFarBehind } from "./judges";
import { regroup, regroupWarnings, regrouped } from "./promotion";
import {
  connectionTo,
  makeStandby,
  nothingToDo,
  promote,
  provideSlot,
  slotNameOf,
  startServer,
  stopServer,
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
    if (primary === null || target?.standing.kind !== "standby") return nothingToDo;
    // Having less than was written when it was planned proves that it did not receive all that a fast stop sends.
    const writtenBytes = primary.standing.state.writeBytes ?? Number.MAX_SAFE_INTEGER;
    const rejoined = [holds.streams(primary.member, target.member)];
    const slot = slotNameOf(primary);
    const connection = connectionTo(target, target.standing.state.primaryConnection, primary.member);
    return {
      steps: [
        stopServer(
          primary,
          [
            holds.solePrimary(primary.member),
            holds.streams(target.member, primary.member),
            holds.near(target.member, lagAllowedBytes),
          ],
          [holds.noPrimary()],
        ),
        promote(target, [holds.stopped(primary.member), holds.received(target.member, writtenBytes)]),
        ...regroup(snapshot, target, primary.member),
        ...provideSlot(target, slot),
        makeStandby(primary, connection, slot),
        startServer(primary, [holds.solePrimary(target.member)], rejoined),
      ],
      warnings: [
        sentence("postgresql/warning.writes-stop", { primary: primary.member }),
        ...regroupWarnings(snapshot, target, primary.member),
      ],
      restsOn: layoutOf(snapshot),
      goal: [...regrouped(snapshot, target, primary.member), ...rejoined],
    };
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
  const behind = tooFarBehind(snapshot, member, lagAllowedBytes);
  if (behind !== null) reasons.push(behind);
  if (!canBeModel(server)) reasons.push(sentence("postgresql/connection-not-readable", { member }));
  if (standbysOf(snapshot).length + 1 < snapshot.servers.length) reasons.push(sentence("postgresql/not-all-well"));
  return reasons;
}
