import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction, Step } from "../../engine";
import type { Slot } from "../probes";
import { solePrimary, standbysOf, type Server, type ServersSnapshot } from "../snapshot";
import { holds, layoutOf } from "./judges";
import { nothingToDo, dropSlotStep } from "./steps";

/** Gives up a slot of the primary that nobody reads, whose WAL fills the disk: whoever used it has to start anew. */
export const dropSlot: RecoveryAction<ServersSnapshot> = {
  action: "postgresql/drop-slot",
  risk: "R3",
  answers: ["postgresql/SlotRetainsWal", "postgresql/SlotInactive", "postgresql/SlotLost"],
  verifyWithinMs: 30_000,

  objections: (snapshot) => (solePrimary(snapshot) === null ? [sentence("postgresql/no-sole-primary")] : []),
  targets: (snapshot) =>
    idleSlots(snapshot).map((slot) => ({ target: slot.name, objections: objectionsTo(snapshot, slot) })),

  plan: (snapshot, target) => {
    const primary = solePrimary(snapshot);
    const slot = idleSlots(snapshot).find(({ name }) => name === target);
    if (primary === null || slot === undefined) return nothingToDo;
    const { member } = primary;
    const step: Step = dropSlotStep(primary, slot.name);
    return {
      steps: [step],
      warnings: [
        sentence(slot.kind === "logical" ? "postgresql/warning.drops-logical-slot" : "postgresql/warning.drops-slot", {
          slot: slot.name,
          member,
        }),
      ],
      restsOn: [...layoutOf(snapshot), holds.slot(member, slot.name), holds.slotIdle(member, slot.name)],
      goal: [holds.solePrimary(member), holds.noSlot(member, slot.name)],
    };
  },
};

function idleSlots(snapshot: ServersSnapshot): readonly Slot[] {
  const slots = solePrimary(snapshot)?.slots;
  return slots?.kind === "value" ? slots.value.filter(({ isActive }) => !isActive) : [];
}

/** A standby that is there and is set to use the slot will want it again. */
function objectionsTo(snapshot: ServersSnapshot, { name, walStatus }: Slot): readonly Sentence[] {
  const user = standbysOf(snapshot).find((server: Server) => usesSlot(server, name));
  // A lost slot is of no use to anybody, and its standby is rebuilt with a new one.
  return user === undefined || walStatus === "lost"
    ? []
    : [sentence("postgresql/slot-has-standby", { slot: name, member: user.member })];
}

function usesSlot({ state }: Server, slot: string): boolean {
  return state.kind === "value" && state.value.primarySlotName === slot;
}
