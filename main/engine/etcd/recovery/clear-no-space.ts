import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction, Step } from "../../engine";
import { alarmsOf, answering, leaderOf, nameOf, type Answering, type EtcdSnapshot } from "../snapshot";
import { allInSync, heirOf, holds, isCompact, layoutOf } from "./judges";
import { compactHistory, defragment, disarm, moveLeader, nothingToDo } from "./steps";

/**
 * Ends the NOSPACE alarm: forget old revisions, give the space back on one member after another with the leader last, then disarm.
 * Each step is sent only while every member is in sync, and the last only once every member has room.
 */
export const clearNoSpace: RecoveryAction<EtcdSnapshot> = {
  action: "etcd/clear-no-space",
  risk: "R2",
  answers: ["etcd/AlarmNoSpace"],
  verifyWithinMs: 60_000,

  objections: (snapshot) => {
    const sync = allInSync(snapshot);
    if (noSpaceIds(snapshot).length === 0) return [sentence("etcd/no-alarm")];
    return sync === null ? [] : [sync];
  },
  targets: (snapshot) => {
    const [first] = noSpaceIds(snapshot);
    return first === undefined ? [] : [{ target: nameOf(snapshot, first), objections: [] }];
  },

  plan: (snapshot) => {
    const leader = leaderOf(snapshot);
    const heir = heirOf(snapshot);
    if (leader === null || heir === null) return nothingToDo;
    const compacts = needsCompaction(leader);
    // Compaction frees space inside the file, so afterwards every member is worth defragmenting.
    const isWorth = ({ standing }: Answering): boolean => compacts || !isCompact(standing.status);
    const followers = answering(snapshot).filter(({ member }) => member !== leader.member);
    const last: readonly Step[] = isWorth(leader)
      ? [
          moveLeader(leader, heir, [holds.allInSync()]),
          defragment(leader, [holds.allInSync(), holds.leads(heir.member)]),
        ]
      : [];
    return {
      steps: [
        ...(compacts ? [compactHistory(leader)] : []),
        ...followers.filter(isWorth).map((member) => defragment(member, [holds.allInSync()])),
        ...last,
        disarm(last.length > 0 ? heir : leader, noSpaceIds(snapshot)),
      ],
      warnings: [
        ...(compacts ? [sentence("etcd/warning.history-gone", { revision: leader.standing.status.revision })] : []),
        sentence("etcd/warning.each-pauses"),
      ],
      restsOn: layoutOf(snapshot),
      goal: [holds.noAlarm(), holds.roomEverywhere(), holds.allInSync()],
    };
  },
};

function noSpaceIds(snapshot: EtcdSnapshot): readonly string[] {
  return alarmsOf(snapshot)
    .filter(({ kind }) => kind === "NOSPACE")
    .map(({ memberId }) => memberId);
}

function needsCompaction({ metrics, standing }: Answering): boolean {
  const done = metrics.kind === "value" ? metrics.value.compactRevision : null;
  return done === null || done < standing.status.revision;
}
