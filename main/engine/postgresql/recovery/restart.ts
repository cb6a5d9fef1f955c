import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { isStreamingFrom, solePrimary, type ServersSnapshot } from "../snapshot";
import { holds, layoutOf, serverIn } from "./judges";
import { objectionsToStart } from "./joining";
import { nothingToDo, startServer, stopServer } from "./steps";

/** Stops a server that answers and starts it again, in the same role. */
export const restart: RecoveryAction<ServersSnapshot> = {
  action: "postgresql/restart-server",
  risk: "R2",
  answers: ["postgresql/ConnectionsNearLimit"],
  verifyWithinMs: 60_000,

  objections: () => [],
  targets: (snapshot) =>
    snapshot.servers
      .filter(({ standing }) => standing.kind === "primary" || standing.kind === "standby")
      .map((server) => ({
        target: server.member,
        objections: [
          ...objectionsToStart(server),
          ...(server.standing.kind === "standby" && solePrimary(snapshot) === null
            ? [sentence("postgresql/no-sole-primary")]
            : []),
        ],
      })),

  plan: (snapshot, targetName) => {
    const server = serverIn(snapshot, targetName);
    const primary = solePrimary(snapshot);
    if (server === null || primary === null) return nothingToDo;
    const { member, standing } = server;
    const isPrimary = standing.kind === "primary";
    const streamed = standing.kind === "standby" && isStreamingFrom(standing.state, primary.standing.state);
    const inRole = isPrimary
      ? [holds.solePrimary(member)]
      : [holds.standby(member), ...(streamed ? [holds.streams(member, primary.member)] : [])];
    // A primary that was stopped must come back as the only one: another may have been promoted meanwhile.
    const nobodyElse = isPrimary ? [holds.noPrimary()] : [holds.solePrimary(primary.member)];
    return {
      steps: [stopServer(server, inRole, nobodyElse), startServer(server, nobodyElse, inRole)],
      warnings: isPrimary ? [sentence("postgresql/warning.writes-stop", { primary: member })] : [],
      restsOn: layoutOf(snapshot),
      goal: inRole,
    };
  },
};
