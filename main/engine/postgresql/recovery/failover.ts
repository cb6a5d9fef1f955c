import { sentence } from "../../../../contract/sentence";
import type { Risk } from "../../../../contract/recovery";
import type { RecoveryAction, Step } from "../../engine";
import { primariesOf, standbysOf, upstreamOf, type Server, type ServersSnapshot } from "../snapshot";
import { holds, layoutOf, mostAdvanced, serverIn } from "./judges";
import { regroup, regroupWarnings, regrouped } from "./promotion";
import { killHungServer, nothingToDo, promote } from "./steps";

/** Promotes a standby when the primary is proven gone: its host says that no server runs there, or is made to. */
export const failover: RecoveryAction<ServersSnapshot> = {
  ...promotionAfterLoss("postgresql/failover", "R2"),
  objections: (snapshot) => {
    const lost = lostPrimary(snapshot);
    if (primariesOf(snapshot).length > 0) return [sentence("postgresql/a-primary-is-there")];
    if (lost === null) return [sentence("postgresql/lost-primary-unknown")];
    const { kind } = lost.standing;
    return kind === "stopped" || kind === "hung"
      ? []
      : [sentence("postgresql/primary-not-proven-gone", { member: lost.member })];
  },
};

/**
 * The same when the primary's host cannot be reached and nobody can prove anything from here: the person attests, in so many words,
 * that it is off. If it is not, there will be two primaries.
 */
export const failoverOnAttestation: RecoveryAction<ServersSnapshot> = {
  ...promotionAfterLoss("postgresql/failover-on-attestation", "R3"),
  objections: (snapshot) => {
    const lost = lostPrimary(snapshot);
    if (primariesOf(snapshot).length > 0) return [sentence("postgresql/a-primary-is-there")];
    if (lost === null) return [sentence("postgresql/lost-primary-unknown")];
    if (lost.reachability.state === "reachable") return [sentence("postgresql/host-answers", { member: lost.member })];
    const attached = standbysOf(snapshot).find(({ standing }) => standing.state.receiver?.status === "streaming");
    // Our not seeing it while a standby still receives from it is a fault of the way from here, not of the primary.
    return attached === undefined
      ? []
      : [sentence("postgresql/standby-still-receives", { member: attached.member, primary: lost.member })];
  },
};

function promotionAfterLoss(action: string, risk: Risk): Omit<RecoveryAction<ServersSnapshot>, "objections"> {
  return {
    action,
    risk,
    answers: ["postgresql/NoPrimary"],
    verifyWithinMs: 60_000,
    targets: (snapshot) =>
      standbysOf(snapshot).map((server) => {
        const reason = mostAdvanced(snapshot, server);
        return { target: server.member, objections: reason === null ? [] : [reason] };
      }),
    plan: (snapshot, targetName) => {
      const target = serverIn(snapshot, targetName);
      const lost = lostPrimary(snapshot);
      if (target?.standing.kind !== "standby" || lost === null) return nothingToDo;
      const isFenced = risk === "R2";
      return {
        steps: [
          ...fence(lost),
          promote(target, [
            isFenced ? holds.stopped(lost.member) : holds.unseen(lost.member),
            holds.mostAdvanced(target.member),
          ]),
          ...regroup(snapshot, target, lost.member),
        ],
        warnings: [
          sentence(isFenced ? "postgresql/warning.unsent-lost" : "postgresql/warning.attested", {
            primary: lost.member,
          }),
          ...regroupWarnings(snapshot, target, lost.member),
        ],
        restsOn: layoutOf(snapshot),
        goal: regrouped(snapshot, target, lost.member),
      };
    },
  };
}

function fence(lost: Server): readonly Step[] {
  return lost.standing.kind === "hung" ? [killHungServer(lost, lost.standing.pid)] : [];
}

/** The server that the standbys point at and that is no longer there; null when they do not agree on one. */
function lostPrimary(snapshot: ServersSnapshot): Server | null {
  const named = standbysOf(snapshot).map((server) => upstreamOf(server.standing.state, snapshot.servers));
  const gone = new Set(
    named.filter(
      (server) => server !== null && server.standing.kind !== "primary" && server.standing.kind !== "standby",
    ),
  );
  return gone.size === 1 ? ([...gone][0] ?? null) : null;
}
