import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction, Step } from "../../engine";
import type { Slot } from "../probes";
import { solePrimary, usedSlot, type ServersSnapshot } from "../snapshot";
import { holds, layoutOf } from "./judges";
import { nothingToDo, dropSlotStep, slotNameOf } from "./steps";

/** Gives up a slot of the primary that nobody reads, whose WAL fills the disk: whoever used it has to start anew. */
export const dropSlot: RecoveryAction<ServersSnapshot> = {
  action: "postgresql/drop-slot",
  risk: "R3",
  answers: ["postgresql/SlotRetainsWal", "postgresql/SlotInactive", "postgresql/SlotLost", "postgresql/WalFillsDisk"],
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
    const untold = snapshot.servers.filter((server) => usedSlot(server) === null).map((server) => server.member);
    return {
      steps: [step],
      warnings: [
        sentence(slot.kind === "logical" ? "postgresql/warning.drops-logical-slot" : "postgresql/warning.drops-slot", {
          slot: slot.name,
          member,
        }),
        ...(untold.length === 0
          ? []
          : [sentence("postgresql/warning.slot-may-be-of", { slot: slot.name, members: untold.join(", ") })]),
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

/** A server that is set to use the slot, or will be given it when it is brought back, wants it again. */
function objectionsTo(snapshot: ServersSnapshot, { name, walStatus }: Slot): readonly Sentence[] {
  const user = snapshot.servers.find((server) => (usedSlot(server) ?? slotNameOf(server)) === name);
  // A lost slot is of no use to anybody, and its standby is rebuilt with a new one.
  if (user === undefined || walStatus === "lost") return [];
  const code = user.standing.kind === "standby" ? "postgresql/slot-has-standby" : "postgresql/slot-of-stopped";
  return [sentence(code, { slot: name, member: user.member })];
}
