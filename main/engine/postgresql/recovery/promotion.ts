import { sentence, type Sentence } from "../../../../contract/sentence";
import type { Claim, Step } from "../../engine";
import type { Server, ServersSnapshot } from "../snapshot";
import { standbysOf } from "../snapshot";
import { canBeModel, holds } from "./judges";
import { checkpoint, connectionTo, follow, provideUsedSlot } from "./steps";

/** What comes after a promotion, whatever led to it: the other standbys follow the new primary, each through a slot of its own. */
export function regroup(snapshot: ServersSnapshot, target: Server, oldPrimary: string): readonly Step[] {
  const others = followers(snapshot, target, oldPrimary).filter(canBeModel);
  return [
    checkpoint(target),
    ...others.flatMap((other) => provideUsedSlot(target, other)),
    ...others.map((other) => follow(other, target, connectionOf(other, target))),
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

/** One primary, the target, and every standby that can be pointed at it streams from it. */
export function regrouped(snapshot: ServersSnapshot, target: Server, oldPrimary: string): readonly Claim[] {
  return [
    holds.solePrimary(target.member),
    ...followers(snapshot, target, oldPrimary)
      .filter(canBeModel)
      .map(({ member }) => holds.streams(member, target.member)),
  ];
}
