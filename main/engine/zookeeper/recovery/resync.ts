import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { leaderOf, leadersOf, serverIn, type EnsembleSnapshot, type Server } from "../snapshot";
import { controlObjections, holds, layoutOf, listObjections, majorityWithout, outdatedWarnings } from "./judges";
import { keepDataAside, keptDirectory, nothingToDo, startServer, stopServer } from "./steps";

/** Gives one server the leader's data anew. Its own are kept beside them, and only while the others make a majority without it. */
export const resyncServer: RecoveryAction<EnsembleSnapshot> = {
  action: "zookeeper/resync-server",
  risk: "R2",
  answers: ["zookeeper/DigestMismatch", "zookeeper/UnrecoverableErrors"],
  verifyWithinMs: 120_000,

  objections: (snapshot) => (leadersOf(snapshot).length === 1 ? [] : [sentence("zookeeper/no-sole-leader")]),
  targets: (snapshot) =>
    snapshot.servers.map((server) => ({ target: server.member, objections: objectionsTo(snapshot, server) })),

  plan: (snapshot, target) => {
    const server = serverIn(snapshot, target);
    const leader = leaderOf(snapshot);
    if (server === null || leader === null) return nothingToDo;
    const isRunning = server.standing.kind !== "stopped";
    const goal = [holds.serves(target), holds.hasData(target), holds.leads(leader.member)];
    return {
      steps: [
        ...(isRunning ? [stopServer(server, [holds.leads(leader.member), holds.majorityWithout(target)])] : []),
        keepDataAside(server),
        startServer(server, goal, "zookeeper/no-undo.resynced"),
      ],
      warnings: [
        sentence("zookeeper/warning.kept-aside", { member: target, kept: keptDirectory(server) }),
        sentence("zookeeper/warning.leader-sends-all", { leader: leader.member }),
        ...outdatedWarnings(snapshot, [target]),
      ],
      restsOn: layoutOf(snapshot),
      goal,
    };
  },
};

function objectionsTo(snapshot: EnsembleSnapshot, server: Server): readonly Sentence[] {
  const { member, standing, disk } = server;
  const reasons: Sentence[] = [...controlObjections(server), ...listObjections(snapshot, [server])];
  if (standing.kind === "leader") reasons.push(sentence("zookeeper/is-the-leader", { member }));
  if (standing.kind === "unseen" || standing.kind === "refusing")
    reasons.push(sentence("zookeeper/not-read", { member }));
  if (standing.kind === "hung") reasons.push(sentence("zookeeper/hangs", { member }));
  if (disk.kind !== "value" || disk.value.currentEpoch === null)
    reasons.push(sentence("zookeeper/data-not-seen", { member }));
  const risk = majorityWithout(snapshot, member);
  return risk === null ? reasons : [...reasons, risk];
}
