import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { solePrimary, standbysOf, type Server, type ServersSnapshot } from "../snapshot";
import { canBeModel, hasSlot, holds, layoutOf, serverIn } from "./judges";
import { connectionTo, createSlot, makeStandby, nothingToDo, slotNameOf, startServer } from "./steps";

/** Brings a stopped server back as a standby of the primary there is now. */
export const rejoin: RecoveryAction<ServersSnapshot> = {
  action: "postgresql/rejoin-as-standby",
  risk: "R2",
  answers: ["postgresql/ServerStopped"],
  verifyWithinMs: 60_000,

  objections: (snapshot) => {
    const primary = solePrimary(snapshot);
    if (primary === null) return [sentence("postgresql/no-sole-primary")];
    return modelFor(snapshot, primary) === null ? [sentence("postgresql/no-connection-to-copy")] : [];
  },
  targets: (snapshot) =>
    snapshot.servers
      .filter(({ standing }) => standing.kind === "stopped")
      .map((server) => ({ target: server.member, objections: objectionsToChangeFiles(server) })),

  plan: (snapshot, targetName) => {
    const primary = solePrimary(snapshot);
    const target = serverIn(snapshot, targetName);
    const model = primary === null ? null : modelFor(snapshot, primary);
    if (primary === null || target === null || model === null) return nothingToDo;
    const slot = slotNameOf(target);
    const joined = [holds.streams(target.member, primary.member)];
    return {
      steps: [
        ...(hasSlot(primary, slot) ? [] : [createSlot(primary, slot)]),
        makeStandby(target, connectionTo(primary, model, target.member), slot),
        startServer(target, [holds.solePrimary(primary.member)], joined),
      ],
      warnings: [sentence("postgresql/warning.may-have-diverged", { member: target.member, primary: primary.member })],
      restsOn: layoutOf(snapshot),
      goal: [holds.solePrimary(primary.member), ...joined],
    };
  },
};

/** What a step leaves in the data directory is all that shows that it took effect. */
export function objectionsToChangeFiles({ liveness, node }: Server): readonly Sentence[] {
  return liveness.kind === "value" && !liveness.value.isDirectoryClosed
    ? []
    : [sentence("postgresql/files-not-seen", { node })];
}

/** A connection string that is known to work for replication here: another standby's, or the one the primary used when it was a standby. */
export function modelFor(snapshot: ServersSnapshot, primary: Server): string | null {
  const server = [...standbysOf(snapshot), primary].find(canBeModel);
  return server?.state.kind === "value" ? server.state.value.primaryConnection : null;
}
