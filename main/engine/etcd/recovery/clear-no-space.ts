import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction, Step } from "../../engine";
import { alarmsOf, answering, leaderOf, nameOf, type Answering, type EtcdSnapshot } from "../snapshot";
import { allInSync, defragmentWarnings, heirOf, holds, isCompact, layoutOf, noRoomToDefragment } from "./judges";
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
    if (noSpaceIds(snapshot).length === 0) return [sentence("etcd/no-alarm")];
    const sync = allInSync(snapshot);
    const leader = leaderOf(snapshot);
    if (sync !== null || leader === null) return [sync ?? sentence("etcd/no-sole-leader")];
    const worth = worthDefragmenting(snapshot, leader);
    if (worth.includes(leader) && heirOf(snapshot) === null)
      return [sentence("etcd/nobody-to-hand-over", { member: leader.member })];
    // What is in use shrinks by compaction, so each member's room is then judged before its own step alone.
    return needsCompaction(leader) ? [] : worth.map(noRoomToDefragment).filter((one) => one !== null);
  },
  targets: (snapshot) => {
    const [first] = noSpaceIds(snapshot);
    return first === undefined ? [] : [{ target: nameOf(snapshot, first), objections: [] }];
  },

  plan: (snapshot) => {
    const leader = leaderOf(snapshot);
    if (leader === null) return nothingToDo;
    const heir = heirOf(snapshot);
    const compacts = needsCompaction(leader);
    const worth = worthDefragmenting(snapshot, leader);
    const followers = worth.filter((one) => one !== leader);
    const handsOverTo = worth.includes(leader) ? heir : null;
    const last: readonly Step[] =
      handsOverTo === null
        ? []
        : [
            moveLeader(leader, handsOverTo, [holds.allInSync()]),
            defragment(leader, [holds.allInSync(), holds.leads(handsOverTo.member)]),
          ];
    const tight = compacts ? worth.map(noRoomToDefragment).filter((one) => one !== null) : [];
    return {
      steps: [
        ...(compacts ? [compactHistory(leader)] : []),
        ...followers.map((member) => defragment(member, [holds.allInSync()])),
        ...last,
        disarm(handsOverTo ?? leader, noSpaceIds(snapshot)),
      ],
      warnings: [
        ...(compacts ? [sentence("etcd/warning.history-gone", { revision: leader.standing.status.revision })] : []),
        ...(worth.length > 0 ? [sentence("etcd/warning.each-pauses")] : []),
        ...(tight.length > 0 ? [...tight, sentence("etcd/warning.stops-without-room")] : []),
        ...defragmentWarnings(worth),
      ],
      restsOn: layoutOf(snapshot),
      goal: [holds.noAlarm(), holds.roomEverywhere(), holds.allInSync()],
    };
  },
};

/** Compaction frees space inside the file, so afterwards every member is. */
function worthDefragmenting(snapshot: EtcdSnapshot, leader: Answering): readonly Answering[] {
  const compacts = needsCompaction(leader);
  return answering(snapshot).filter(({ standing }) => compacts || !isCompact(standing.status));
}

function noSpaceIds(snapshot: EtcdSnapshot): readonly string[] {
  return alarmsOf(snapshot)
    .filter(({ kind }) => kind === "NOSPACE")
    .map(({ memberId }) => memberId);
}

function needsCompaction({ metrics, standing }: Answering): boolean {
  const done = metrics.kind === "value" ? metrics.value.compactRevision : null;
  return done === null || done < standing.status.revision;
}
