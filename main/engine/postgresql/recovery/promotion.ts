import { sentence, type Sentence } from "../../../../contract/sentence";
import type { Server, ServersSnapshot } from "../snapshot";
import { standbysOf } from "../snapshot";
import {
  canBeModel,
  checkpoint,
  connectionTo,
  createSlot,
  follow,
  hasSlot,
  slotNameOf,
  streamsFrom,
  type PostgresqlStep,
} from "./steps";

/** What comes after a promotion, whatever led to it: the other standbys follow the new primary, each through a slot of its own. */
export function regroup(snapshot: ServersSnapshot, target: Server, oldPrimary: string): readonly PostgresqlStep[] {
  const others = followers(snapshot, target, oldPrimary).filter(canBeModel);
  return [
    checkpoint(target),
    ...others
      .map(slotNameOf)
      .filter((slot) => !hasSlot(target, slot))
      .map((slot) => createSlot(target, slot)),
    ...others.flatMap((other) => follow(other, target, connectionOf(other, target))),
  ];
}

function connectionOf(standby: Server, primary: Server): string {
  const model = standby.state.kind === "value" ? standby.state.value.primaryConnection : null;
  return connectionTo(primary, model, standby.member);
}

/** Standbys that will have to follow another primary. */
function followers(snapshot: ServersSnapshot, target: Server, oldPrimary: string): readonly Server[] {
  return standbysOf(snapshot).filter((server) => server.member !== target.member && server.member !== oldPrimary);
}

/** What will be left as it is, told beforehand. */
export function regroupWarnings(snapshot: ServersSnapshot, target: Server, oldPrimary: string): readonly Sentence[] {
  return followers(snapshot, target, oldPrimary)
    .filter((server) => !canBeModel(server))
    .map((server) => sentence("postgresql/warning.not-repointed", { member: server.member }));
}

/** Of the standbys that can be promoted none may have received more than the target: what it lacks would be lost. */
export function mostAdvanced(snapshot: ServersSnapshot, target: Server): Sentence | null {
  const received = (server: Server): number =>
    server.standing.kind === "standby"
      ? (server.standing.state.receiveBytes ?? server.standing.state.replayBytes ?? 0)
      : 0;
  const ahead = standbysOf(snapshot).find((other) => received(other) > received(target));
  return ahead === undefined
    ? null
    : sentence("postgresql/another-has-more", {
        member: target.member,
        other: ahead.member,
        bytes: received(ahead) - received(target),
      });
}

/** One primary, the target, and every standby that was there streams from it. */
export function regrouped(before: ServersSnapshot, after: ServersSnapshot, target: string): Sentence | null {
  const primaries = after.servers.filter(({ standing }) => standing.kind === "primary").map(({ member }) => member);
  if (primaries.length !== 1 || primaries[0] !== target)
    return sentence("postgresql/not-the-one-primary", { member: target, primaries: primaries.join(", ") });
  const wanted = standbysOf(before).filter((server) => server.member !== target && canBeModel(server));
  return wanted.map((server) => streamsFrom(after, server.member, target)).find((reason) => reason !== null) ?? null;
}
