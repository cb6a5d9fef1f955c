import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction, Step } from "../../engine";
import type { PreparedTransaction } from "../probes";
import { loginOf } from "../settings";
import { solePrimary, type Server, type ServersSnapshot } from "../snapshot";
import { holds, layoutOf } from "./judges";
import { literal, nothingToDo } from "./steps";

/** What the transaction manager decided, carried out by hand where it is gone; the wrong choice sets two systems in contradiction. */
export const commitPrepared = settle("postgresql/commit-prepared", "COMMIT PREPARED", "postgresql/warning.commits");
export const rollBackPrepared = settle(
  "postgresql/roll-back-prepared",
  "ROLLBACK PREPARED",
  "postgresql/warning.rolls-back",
);

/** Its manager settles a transaction within moments; settled by hand in that time it would meet the manager's own word. */
const managersOwnMs = 60_000;

function settle(action: string, words: string, warning: string): RecoveryAction<ServersSnapshot> {
  return {
    action,
    risk: "R3",
    answers: ["postgresql/PreparedTransactionOld"],
    verifyWithinMs: 30_000,

    objections: (snapshot) => (solePrimary(snapshot) === null ? [sentence("postgresql/no-sole-primary")] : []),
    targets: (snapshot) =>
      preparedOf(snapshot).map(({ gid, ageMs }) => ({
        target: gid,
        objections: ageMs < managersOwnMs ? [sentence("postgresql/prepared-young", { gid, ageMs, managersOwnMs })] : [],
      })),

    plan: (snapshot, target) => {
      const primary = solePrimary(snapshot);
      const transaction = preparedOf(snapshot).find(({ gid }) => gid === target);
      if (primary === null || transaction === undefined) return nothingToDo;
      const { gid, owner, database, lockedCount } = transaction;
      const isThere = holds.prepared(primary.member, transaction);
      return {
        steps: [settleStep(action, words, primary, transaction)],
        warnings: [sentence(warning, { gid, owner, database, lockedCount })],
        restsOn: [...layoutOf(snapshot), isThere],
        goal: [holds.solePrimary(primary.member), holds.notPrepared(primary.member, transaction)],
      };
    },
  };
}

/** It can be settled from a session in its own database only. */
function settleStep(action: string, words: string, primary: Server, transaction: PreparedTransaction): Step {
  const { gid, database } = transaction;
  const { member, node, site } = primary;
  return {
    title: sentence(`${action}.step`, { gid, database, member }),
    node,
    effect: {
      kind: "postgres",
      login: { ...loginOf(site), database },
      statement: `${words} ${literal(gid)}`,
      endsSession: true,
    },
    undo: { kind: "none", reason: sentence("postgresql/no-undo.settled", { gid }) },
    changes: true,
    deadlineMs: 30_000,
    stillSafe: [holds.solePrimary(member), holds.prepared(member, transaction)],
    achieved: [holds.notPrepared(member, transaction)],
  };
}

function preparedOf(snapshot: ServersSnapshot): readonly PreparedTransaction[] {
  const prepared = solePrimary(snapshot)?.prepared;
  return prepared?.kind === "value" ? prepared.value : [];
}
