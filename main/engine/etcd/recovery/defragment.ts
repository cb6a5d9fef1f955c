import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { answering, memberIn, type EtcdSnapshot } from "../snapshot";
import { holds, isCompact, layoutOf, majorityWithout } from "./judges";
import { defragment, nothingToDo } from "./steps";

/** Gives free space inside a member's database file back; the member answers nobody meanwhile. */
export const defragmentMember: RecoveryAction<EtcdSnapshot> = {
  action: "etcd/defragment",
  risk: "R2",
  answers: ["etcd/Fragmented", "etcd/QuotaNear"],
  verifyWithinMs: 60_000,

  objections: () => [],
  targets: (snapshot) =>
    answering(snapshot).map(({ member, standing }) => {
      const risk = majorityWithout(snapshot, member);
      const needless = isCompact(standing.status) ? [sentence("etcd/already-compact", { member })] : [];
      const leads = standing.kind === "leader" ? [sentence("etcd/is-the-leader", { member })] : [];
      return { target: member, objections: [...needless, ...leads, ...(risk === null ? [] : [risk])] };
    }),

  plan: (snapshot, target) => {
    const member = memberIn(snapshot, target);
    if (member === null) return nothingToDo;
    return {
      steps: [defragment(member, [])],
      warnings: [sentence("etcd/warning.pauses", { member: target })],
      restsOn: layoutOf(snapshot),
      goal: [holds.compact(target), holds.inSync(target)],
    };
  },
};
