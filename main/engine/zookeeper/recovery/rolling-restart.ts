import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction, Step } from "../../engine";
import { leaderOf, leadersOf, type EnsembleSnapshot } from "../snapshot";
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

/** The only target there is: the whole ensemble. */
const everyone = "all";

/** Restarts every server, one after the other, the leader last; the next is stopped only while all voters are in sync. */
export const rollingRestart: RecoveryAction<EnsembleSnapshot> = {
  action: "zookeeper/rolling-restart",
  risk: "R2",
  answers: ["zookeeper/ConfigurationChanged"],
  verifyWithinMs: 60_000,

  objections: (snapshot) => {
    const leader = leaderOf(snapshot);
    if (leader === null || leadersOf(snapshot).length !== 1) return [sentence("zookeeper/no-sole-leader")];
    const reasons = [allInSync(snapshot), majorityWithout(snapshot, leader.member)].filter((one) => one !== null);
    return [...listObjections(snapshot, snapshot.servers), ...reasons, ...snapshot.servers.flatMap(controlObjections)];
  },
  targets: () => [{ target: everyone, objections: [] }],

  plan: (snapshot) => {
    const leader = leaderOf(snapshot);
    if (leader === null) return nothingToDo;
    const others = snapshot.servers.filter(({ member }) => member !== leader.member);
    const steps = others.flatMap((server): readonly Step[] => {
      const { member } = server;
      const safe = [holds.leads(leader.member), holds.allInSync(), holds.majorityWithout(member)];
      return [stopServer(server, safe), startServer(server, [holds.serves(member), holds.allInSync()])];
    });
    const goal = [holds.allInSync(), ...snapshot.servers.map(({ member }) => holds.serves(member))];
    return {
      steps: [
        ...steps,
        stopServer(
          leader,
          [holds.leads(leader.member), holds.allInSync(), holds.majorityWithout(leader.member)],
          [holds.anotherLeads(leader.member)],
        ),
        startServer(leader, goal),
      ],
      warnings: [
        sentence("zookeeper/warning.election", { member: leader.member }),
        ...changedWarnings(
          snapshot,
          snapshot.servers.map(({ member }) => member),
        ),
      ],
      restsOn: layoutOf(snapshot),
      goal,
    };
  },
};
