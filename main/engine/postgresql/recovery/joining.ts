import { sentence, type Sentence } from "../../../../contract/sentence";
import type { Claim } from "../../engine";
import { solePrimary, standbysOf, upstreamOf, usedSlot, type Server, type ServersSnapshot } from "../snapshot";
import { canBeModel, holds, serverIn, slotOf } from "./judges";
import { connectionTo, lockCommands, slotNameOf } from "./steps";

/** What it takes to make a server a standby of the one primary there is, whatever is done to its data before. */
export interface Joining {
  readonly primary: Server;
  readonly target: Server;
  readonly connection: string;
  readonly slot: string;
  readonly joined: readonly Claim[];
}

export function joiningOf(snapshot: ServersSnapshot, targetName: string): Joining | null {
  const primary = solePrimary(snapshot);
  const target = serverIn(snapshot, targetName);
  const model = primary === null ? null : modelFor(snapshot, primary);
  if (primary === null || target === null || model === null) return null;
  return {
    primary,
    target,
    connection: connectionTo(primary, model, target.member),
    slot: slotNameOf(target),
    joined: [holds.streams(target.member, primary.member)],
  };
}

export function objectionsToJoin(snapshot: ServersSnapshot): readonly Sentence[] {
  const primary = solePrimary(snapshot);
  if (primary === null) return [sentence("postgresql/no-sole-primary")];
  return modelFor(snapshot, primary) === null ? [sentence("postgresql/no-connection-to-copy")] : [];
}

/** What a step leaves in the data directory is all that shows that it took effect. */
export function objectionsToChangeFiles({ liveness, node }: Server): readonly Sentence[] {
  return liveness.kind === "value" && !liveness.value.isDirectoryClosed
    ? []
    : [sentence("postgresql/files-not-seen", { node })];
}

/** Somebody keeps it down, as a failover advises: it would not start, and only after its files were changed. */
export function objectionsToStart({ liveness, member, node, site }: Server): readonly Sentence[] {
  const locks = liveness.kind === "value" ? liveness.value.locks : [];
  return locks.map((lock) => sentence("postgresql/kept-down", { member, node, back: lockCommands(site, lock).back }));
}

/** With its slot the WAL went that the server still needs; made anew the slot would not bring it back, so its data have to be copied. */
export function objectionsToSlot(snapshot: ServersSnapshot, server: Server): readonly Sentence[] {
  const lost = lostSlot(snapshot, server);
  return lost !== null && mayFollowBy(lost.primary, server, snapshot)
    ? [sentence("postgresql/slot-is-lost-for", lost.facts)]
    : [];
}

/** A lost slot of its name is of an earlier time where the server follows without a slot, or another than the primary. */
export function slotWarnings(snapshot: ServersSnapshot, server: Server): readonly Sentence[] {
  const lost = lostSlot(snapshot, server);
  return lost !== null && !mayFollowBy(lost.primary, server, snapshot)
    ? [sentence("postgresql/warning.lost-slot-left-over", lost.facts)]
    : [];
}

function lostSlot(
  snapshot: ServersSnapshot,
  server: Server,
): { readonly primary: Server; readonly facts: Sentence["facts"] } | null {
  const primary = solePrimary(snapshot);
  const slot = slotNameOf(server);
  return primary === null || slotOf(primary, slot)?.walStatus !== "lost"
    ? null
    : { primary, facts: { slot, member: server.member, primary: primary.member } };
}

/** The files of one that does not run name its slot and not whose it is. */
function mayFollowBy(primary: Server, server: Server, { servers }: ServersSnapshot): boolean {
  if (usedSlot(server) === "") return false;
  if (server.standing.kind !== "standby") return true;
  const upstream = upstreamOf(server.standing.state, servers);
  return upstream === null || upstream === primary;
}

/** A connection string that is known to work for replication here: another standby's, or the one the primary used when it was a standby. */
function modelFor(snapshot: ServersSnapshot, primary: Server): string | null {
  const server = [...standbysOf(snapshot), primary].find(canBeModel);
  return server?.state.kind === "value" ? server.state.value.primaryConnection : null;
}
