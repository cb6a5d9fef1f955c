import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { serverIn, serving, type EnsembleSnapshot, type Server } from "../snapshot";
import { changedWarnings, controlObjections, holds, layoutOf, listObjections, majorityWithout } from "./judges";
import { killHungServer, nothingToDo, startServer, stopServer } from "./steps";

/** Stops one server and starts it again, or starts one that is stopped, or ends one that hangs and starts it. */
export const restartServer: RecoveryAction<EnsembleSnapshot> = {
  action: "zookeeper/restart-server",
  risk: "R2",
  answers: ["zookeeper/ServerStopped", "zookeeper/ServerHung", "zookeeper/QuorumLost", "zookeeper/ServerCutOff"],
  verifyWithinMs: 60_000,

  objections: () => [],
  targets: (snapshot) =>
    snapshot.servers.map((server) => ({ target: server.member, objections: objectionsTo(snapshot, server) })),

  plan: (snapshot, target) => {
    const server = serverIn(snapshot, target);
    if (server === null) return nothingToDo;
    const { standing } = server;
    // With nobody serving, a server that is started can only wait for the others.
    const back = serving(snapshot).length > 0 ? holds.serves(target) : holds.runs(target);
    const start = startServer(server, [back]);
    const isRunning = standing.kind !== "stopped" && standing.kind !== "hung";
    return {
      steps: [
        ...(standing.kind === "hung" ? [killHungServer(server, standing.pid)] : []),
        ...(isRunning ? [stopServer(server, standing.kind === "waiting" ? [] : [holds.majorityWithout(target)])] : []),
        start,
      ],
      warnings: [
        ...(isRunning ? [sentence("zookeeper/warning.clients-move", { member: target })] : []),
        ...changedWarnings(snapshot, [target]),
      ],
      restsOn: layoutOf(snapshot),
      goal: [back],
    };
  },
};

function objectionsTo(snapshot: EnsembleSnapshot, server: Server): readonly Sentence[] {
  const { member, standing } = server;
  const always = controlObjections(server);
  switch (standing.kind) {
    case "unseen":
    case "refusing":
      return [...always, sentence("zookeeper/not-read", { member })];
    case "stopped":
    case "hung":
    case "waiting":
      return [...always, ...listObjections(snapshot, [server])];
    case "leader":
      return [...always, sentence("zookeeper/is-the-leader", { member })];
    case "standalone":
      return always;
    case "follower":
    case "observer":
    case "read-only": {
      const risk = majorityWithout(snapshot, member);
      return [...always, ...listObjections(snapshot, [server]), ...(risk === null ? [] : [risk])];
    }
  }
}
