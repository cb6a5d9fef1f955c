import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { isGone, isUntold, namesOf } from "../../redis-server/server";
import { loginOf } from "../../redis-server/settings";
import { nothingToDo } from "../../redis-server/steps";
import { ghostsOf, memberAt } from "../health";
import { soleMaster, watchingSentinels, type DataServer, type SentinelSnapshot } from "../snapshot";
import { disagreement, holds, notCalm } from "./judges";

/** What a sentinel is asked for that concerns no single member. */
const allGhosts = "all that are dead";
/** A sentinel that was reset sees nobody for some seconds and could not take part in a failover; the next one waits this long. */
const apartMs = 30_000;
const rediscoveryMs = 90_000;

/** Lets every sentinel forget dead sentinels and replicas, which still count when a majority is asked for: one after the other. */
export const forgetGhosts: RecoveryAction<SentinelSnapshot> = {
  action: "redis-sentinel/forget-dead",
  risk: "R2",
  answers: ["redis-sentinel/GhostCounted"],
  verifyWithinMs: 60_000,
  objections: (snapshot) => {
    const ghosts = ghostsOf(snapshot);
    if (ghosts.length === 0) return [sentence("redis-sentinel/nobody-dead")];
    const master = soleMaster(snapshot);
    if (master === null) return [sentence("redis-sentinel/no-sole-master")];
    const unproven = snapshot.members.filter((one) => isUntold(one) || (isGone(one) && one.member === master.member));
    return [
      unproven.length === 0 ? null : sentence("redis-sentinel/not-all-seen", { members: namesOf(unproven) }),
      servingGhost(snapshot),
      // How long a sentinel that was reset has watched again is told by its replicas alone.
      copiesOf(snapshot, master) === 0 && watchingSentinels(snapshot).length > 1
        ? sentence("redis-sentinel/nobody-copies", { master: master.member })
        : null,
      disagreement(snapshot, master.member),
      notCalm(snapshot),
    ].filter((reason) => reason !== null);
  },
  targets: (snapshot) => (ghostsOf(snapshot).length === 0 ? [] : [{ target: allGhosts, objections: [] }]),
  plan: (snapshot) => {
    const master = soleMaster(snapshot);
    const watching = watchingSentinels(snapshot);
    if (master === null) return nothingToDo;
    const replicas = copiesOf(snapshot, master);
    const counts = watching.map(({ member }) => holds.countsOnly(member, watching.length, replicas));
    const dead = ghostsOf(snapshot).filter(({ kind }) => kind === "replica");
    const ofData =
      dead.length === 0
        ? []
        : [
            sentence("redis-sentinel/warning.forgotten-data", {
              names: dead.map(({ address }) => memberAt(snapshot, address)).join(", "),
              master: master.member,
            }),
          ];
    const names = ghostsOf(snapshot).map(({ address }) => memberAt(snapshot, address));
    return {
      steps: watching.map((one, at) => ({
        title: sentence("redis-sentinel/step.reset", { member: one.member, name: one.site.settings.masterName }),
        node: one.node,
        effect: {
          kind: "redis",
          login: loginOf(one.site),
          command: ["SENTINEL", "RESET", one.site.settings.masterName],
        },
        changes: true,
        deadlineMs: rediscoveryMs,
        stillSafe: [
          holds.soleMaster(master.member),
          holds.agree(master.member),
          holds.calm(),
          ...watching.map(({ member }) => holds.watches(member)),
        ],
        achieved: [
          holds.countsOnly(one.member, watching.length, replicas),
          ...(at === watching.length - 1 ? [] : [holds.watchedFor(one.member, apartMs)]),
        ],
        undo: { kind: "needless", reason: sentence("redis-sentinel/no-undo.reset") },
      })),
      warnings: [sentence("redis-sentinel/warning.reset", { names: names.join(", ") }), ...ofData],
      restsOn: [holds.soleMaster(master.member)],
      goal: [...counts, holds.agree(master.member)],
    };
  },
};

function copiesOf({ data }: SentinelSnapshot, master: DataServer): number {
  return data.filter((one) => one !== master && one.standing.kind === "serving").length;
}

/** Held for dead by a sentinel and serving here: the network between the two is what is broken. */
function servingGhost(snapshot: SentinelSnapshot): Sentence | null {
  const addresses = new Set(ghostsOf(snapshot).map(({ address }) => address));
  const serving = snapshot.members.filter(
    ({ site, standing }) => standing.kind === "serving" && addresses.has(site.settings.announced),
  );
  return serving.length === 0 ? null : sentence("redis-sentinel/dead-serves", { members: namesOf(serving) });
}
