import { wordsOf } from "../../probe/parse/redis-reply";
import { ParseError } from "../../probe/probe";

/** Slots, both ends included. */
export interface SlotRange {
  readonly from: number;
  readonly to: number;
}

/** A slot that is being moved, or whose move was left unfinished. */
export interface OpenSlot {
  readonly slot: number;
  readonly direction: "migrating" | "importing";
  /** The node at the other end of the move. */
  readonly peerId: string;
}

/** One node as another one, or itself, knows it. */
export interface KnownNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** As the node announces it; empty where it announces none. */
  readonly hostName: string;
  readonly isMyself: boolean;
  readonly role: "master" | "replica";
  /** `fail?`: this view alone does not reach it. `fail`: a majority of masters agreed that it is gone. */
  readonly failure: "none" | "suspected" | "agreed";
  readonly flags: readonly string[];
  readonly masterId: string | null;
  readonly configEpoch: number;
  readonly isLinked: boolean;
  readonly ranges: readonly SlotRange[];
  readonly openSlots: readonly OpenSlot[];
}

export const slotCount = 16_384;

/**
 * ```
 * f796969b9e4c6235312c9ec63f90d6557de70fe2 10.77.0.13:6379@16379 myself,master - 0 1795471834000 17 connected 10923-16383 [100-<-c3d37cc6…]
 * d66f2e8a5e8376893b07171b6d6855d406f83dad 10.77.0.14:6379@16379,r4 slave,fail? f796969b… 1795471834578 1795471834578 17 disconnected
 * ```
 * An address may be empty (`:0@0`) while the node is `noaddr`, and carry a host name after a comma (7.0).
 */
export function parseNodes(text: string): readonly KnownNode[] {
  const lines = wordsOf("CLUSTER NODES", text)
    .split("\n")
    .filter((line) => line !== "");
  const nodes = lines.map(nodeOf);
  if (nodes.filter(({ isMyself }) => isMyself).length !== 1)
    throw new ParseError("CLUSTER NODES has not exactly one line of its own", text);
  return nodes;
}

function nodeOf(line: string): KnownNode {
  const [id = "", address = "", flagText = "", masterId = "", , , epoch = "", link = "", ...slots] = line.split(" ");
  const place = /^(.*):(\d+)@\d+(?:,([^,]*))?/.exec(address);
  if (!/^[0-9a-f]{40}$/.test(id) || place === null || !/^\d+$/.test(epoch))
    throw new ParseError("a line of CLUSTER NODES", line);
  const flags = flagText.split(",");
  if (
    !flags.includes("master") &&
    !flags.includes("slave") &&
    !flags.includes("noflags") &&
    !flags.includes("handshake")
  )
    throw new ParseError("the flags in a line of CLUSTER NODES", line);
  return {
    id,
    host: place[1] ?? "",
    port: Number(place[2]),
    hostName: place[3] ?? "",
    isMyself: flags.includes("myself"),
    role: flags.includes("slave") ? "replica" : "master",
    failure: flags.includes("fail") ? "agreed" : flags.includes("fail?") ? "suspected" : "none",
    flags,
    masterId: masterId === "-" ? null : masterId,
    configEpoch: Number(epoch),
    isLinked: link === "connected",
    ranges: slots.filter((slot) => !slot.startsWith("[")).map((slot) => rangeOf(slot, line)),
    openSlots: slots.filter((slot) => slot.startsWith("[")).map((slot) => openSlotOf(slot, line)),
  };
}

/** `0-5460` or `100` */
function rangeOf(text: string, line: string): SlotRange {
  const found = /^(\d+)(?:-(\d+))?$/.exec(text);
  const from = Number(found?.[1]);
  const to = Number(found?.[2] ?? found?.[1]);
  if (found === null || from > to || to >= slotCount) throw new ParseError(`the slots ${text} in CLUSTER NODES`, line);
  return { from, to };
}

/** `[100->-f796969b…]` or `[100-<-c3d37cc6…]` */
function openSlotOf(text: string, line: string): OpenSlot {
  const found = /^\[(\d+)-([<>])-([0-9a-f]{40})\]$/.exec(text);
  if (found === null) throw new ParseError(`the open slot ${text} in CLUSTER NODES`, line);
  return {
    slot: Number(found[1]),
    direction: found[2] === ">" ? "migrating" : "importing",
    peerId: found[3] ?? "",
  };
}

export function countSlots(ranges: readonly SlotRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
}

/** `0-5460, 7000` */
export function showRanges(ranges: readonly SlotRange[]): string {
  return ranges.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(", ");
}

/** The ranges of the slots that the test holds for, in order. */
export function rangesWhere(holds: (slot: number) => boolean): readonly SlotRange[] {
  const ranges: SlotRange[] = [];
  for (let slot = 0; slot < slotCount; slot += 1) {
    if (!holds(slot)) continue;
    const last = ranges.at(-1);
    if (last?.to === slot - 1) ranges[ranges.length - 1] = { from: last.from, to: slot };
    else ranges.push({ from: slot, to: slot });
  }
  return ranges;
}

/** Who owns each slot by these ranges; later owners of the same slot are left out. */
export function ownersOf(
  owners: readonly { readonly id: string; readonly ranges: readonly SlotRange[] }[],
): readonly (string | null)[] {
  const table: (string | null)[] = Array.from({ length: slotCount }, () => null);
  for (const { id, ranges } of owners)
    for (const { from, to } of ranges) for (let slot = from; slot <= to; slot += 1) table[slot] ??= id;
  return table;
}
