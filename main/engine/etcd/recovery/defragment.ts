import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { answering, type EtcdSnapshot } from "../snapshot";
import { defragmentWarnings, holds, isCompact, layoutOf, majorityWithout, noRoomToDefragment } from "./judges";
import { defragment, nothingToDo } from "./steps";

/** Gives free space inside a member's database file back; the member answers nobody meanwhile. */
export const defragmentMember: RecoveryAction<EtcdSnapshot> = {
  action: "etcd/defragment",
  risk: "R2",
  answers: ["etcd/Fragmented", "etcd/QuotaNear"],
  verifyWithinMs: 60_000,

  objections: () => [],
  targets: (snapshot) =>
    answering(snapshot).map((target) => {
      const { member, standing } = target;
      const room = noRoomToDefragment(target);
      const risk = majorityWithout(snapshot, member);
      const needless = isCompact(standing.status) ? [sentence("etcd/already-compact", { member })] : [];
      const leads = standing.kind === "leader" ? [sentence("etcd/is-the-leader", { member })] : [];
      return { target: member, objections: [...needless, ...leads, ...[risk, room].filter((one) => one !== null)] };
    }),

  plan: (snapshot, target) => {
    const member = answering(snapshot).find((one) => one.member === target);
    if (member === undefined) return nothingToDo;
    return {
      steps: [defragment(member, [])],
      warnings: [sentence("etcd/warning.pauses", { member: target }), ...defragmentWarnings([member])],
      restsOn: layoutOf(snapshot),
      goal: [holds.compact(target), holds.inSync(target)],
    };
  },
};
