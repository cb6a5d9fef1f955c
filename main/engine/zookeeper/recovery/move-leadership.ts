import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { leaderOf, leadersOf, serverIn, type EnsembleSnapshot } from "../snapshot";
import {
  allInSync,
  changedWarnings,
  controlObjections,
  holds,
  layoutOf,
  listObjections,
  majorityWithout,
} from "./judges";
import { nothingToDo, startServer, stopServer } from "./steps";

/** ZooKeeper has no command for it: the leader is stopped, the others elect one of theirs, and it comes back as a follower. */
export const moveLeadership: RecoveryAction<EnsembleSnapshot> = {
  action: "zookeeper/move-leadership",
  risk: "R2",
  answers: [],
  verifyWithinMs: 60_000,

  objections: (snapshot) => {
    const leader = leaderOf(snapshot);
    if (leader === null || leadersOf(snapshot).length !== 1) return [sentence("zookeeper/no-sole-leader")];
    const reasons = [allInSync(snapshot), majorityWithout(snapshot, leader.member)].filter((one) => one !== null);
    return [...listObjections(snapshot, [leader]), ...reasons];
  },
  targets: (snapshot) => {
    const leader = leaderOf(snapshot);
    return leader === null ? [] : [{ target: leader.member, objections: controlObjections(leader) }];
  },

  plan: (snapshot, target) => {
    const server = serverIn(snapshot, target);
    if (server === null) return nothingToDo;
    const goal = [holds.anotherLeads(target), holds.serves(target), holds.allInSync()];
    return {
      steps: [
        stopServer(
          server,
          [holds.leads(target), holds.allInSync(), holds.majorityWithout(target)],
          [holds.anotherLeads(target)],
        ),
        startServer(server, goal),
      ],
      warnings: [sentence("zookeeper/warning.election", { member: target }), ...changedWarnings(snapshot, [target])],
      restsOn: layoutOf(snapshot),
      goal,
    };
  },
};
