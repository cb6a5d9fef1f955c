import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import type { ServersSnapshot } from "../snapshot";
import { holds, layoutOf } from "./judges";
import {
  joiningOf,
  objectionsToChangeFiles,
  objectionsToJoin,
  objectionsToSlot,
  objectionsToStart,
  slotWarnings,
} from "./joining";
import { makeStandby, nothingToDo, provideSlot, startServer } from "./steps";

/** Brings a stopped server back as a standby of the primary there is now. */
export const rejoin: RecoveryAction<ServersSnapshot> = {
  action: "postgresql/rejoin-as-standby",
  risk: "R2",
  answers: ["postgresql/ServerStopped"],
  verifyWithinMs: 60_000,

  objections: objectionsToJoin,
  targets: (snapshot) =>
    snapshot.servers
      .filter(({ standing }) => standing.kind === "stopped")
      .map((server) => ({
        target: server.member,
        objections: [
          ...objectionsToChangeFiles(server),
          ...objectionsToStart(server),
          ...objectionsToSlot(snapshot, server),
        ],
      })),

  plan: (snapshot, targetName) => {
    const joining = joiningOf(snapshot, targetName);
    if (joining === null) return nothingToDo;
    const { primary, target, connection, slot, joined } = joining;
    return {
      steps: [
        ...provideSlot(primary, slot),
        makeStandby(target, connection, slot),
        startServer(target, [holds.solePrimary(primary.member)], joined),
      ],
      warnings: [
        sentence("postgresql/warning.may-have-diverged", { member: target.member, primary: primary.member }),
        ...slotWarnings(snapshot, target),
      ],
      restsOn: layoutOf(snapshot),
      goal: [holds.solePrimary(primary.member), ...joined],
    };
  },
};
