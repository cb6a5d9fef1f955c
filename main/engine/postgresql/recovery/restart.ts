import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { solePrimary, type ServersSnapshot } from "../snapshot";
import { isPrimary, isStandby, serverIn, startServer, stopServer, streamsFrom } from "./steps";

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
        objections:
          server.standing.kind === "standby" && solePrimary(snapshot) === null
            ? [sentence("postgresql/no-sole-primary")]
            : [],
      })),

  plan: (snapshot, targetName) => {
    const server = serverIn(snapshot, targetName);
    if (server === null) return { steps: [], warnings: [] };
    const wasPrimary = server.standing.kind === "primary";
    const inRole = (now: ServersSnapshot): Sentence | null =>
      wasPrimary ? isPrimary(now, server.member) : backInRole(snapshot, now, server.member);
    return {
      steps: [
        stopServer(server, (now) => (wasPrimary ? isPrimary(now, server.member) : isStandby(now, server.member))),
        startServer(server, inRole),
      ],
      warnings: wasPrimary ? [sentence("postgresql/warning.writes-stop", { primary: server.member })] : [],
    };
  },

  verify: (before, after, target) =>
    serverIn(before, target)?.standing.kind === "primary"
      ? isPrimary(after, target)
      : backInRole(before, after, target),
};

function backInRole(before: ServersSnapshot, now: ServersSnapshot, member: string): Sentence | null {
  const primary = solePrimary(before);
  return primary === null ? isStandby(now, member) : streamsFrom(now, member, primary.member);
}
