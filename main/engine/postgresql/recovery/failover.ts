import { sentence, type Sentence } from "../../../../contract/sentence";
import type { Risk } from "../../../../contract/recovery";
import type { RecoveryAction, Step } from "../../engine";
import { primariesOf, standbysOf, upstreamOf, type Server, type ServersSnapshot } from "../snapshot";
import { canBeAttested, holds, layoutOf, mayBePrimary, mostAdvanced, serverIn } from "./judges";
import { regroup, regroupWarnings, regrouped } from "./promotion";
import { killHungServer, lockCommands, nothingToDo, promote } from "./steps";

/** Promotes a standby when the primary is proven gone: its host says that no server runs there, or is made to. */
export const failover: RecoveryAction<ServersSnapshot> = {
  ...promotionAfterLoss("postgresql/failover", "R2"),
  objections: (snapshot) => {
    const lost = lostPrimary(snapshot);
    if (primariesOf(snapshot).length > 0) return [sentence("postgresql/a-primary-is-there")];
    if (lost === null) return [sentence("postgresql/lost-primary-unknown")];
    const { kind } = lost.standing;
    if (kind !== "stopped" && kind !== "hung")
      return [sentence("postgresql/primary-not-proven-gone", { member: lost.member })];
    const untold = untoldBeside(snapshot, lost);
    return untold.length === 0 ? [] : [sentence("postgresql/may-be-primary", { members: namesOf(untold) })];
  },
};

/**
 * The same when the host of the primary, or of a server that may have been promoted in its place, cannot be reached and nobody can prove
 * anything from here: the person attests, in so many words, that they are off. If they are not, there will be two primaries. Of a server
 * whose host answers nobody can attest that; it is to be stopped first, or ended by the plan where it is the hung primary itself.
 */
export const failoverOnAttestation: RecoveryAction<ServersSnapshot> = {
  ...promotionAfterLoss("postgresql/failover-on-attestation", "R3"),
  objections: (snapshot) => {
    const lost = lostPrimary(snapshot);
    if (primariesOf(snapshot).length > 0) return [sentence("postgresql/a-primary-is-there")];
    if (lost === null) return [sentence("postgresql/lost-primary-unknown")];
    const untold = untoldBeside(snapshot, lost);
    if (lost.reachability.state === "reachable") {
      if (untold.length === 0) return [sentence("postgresql/host-answers", { member: lost.member })];
      const { kind } = lost.standing;
      if (kind !== "stopped" && kind !== "hung")
        return [sentence("postgresql/primary-not-proven-gone", { member: lost.member })];
    }
    const answering = untold.filter((server) => !canBeAttested(server));
    if (answering.length > 0) {
      const members = namesOf(answering);
      return [sentence("postgresql/may-be-primary", { members }), sentence("postgresql/stop-it-first", { members })];
    }
    const hidden = standbysOf(snapshot).some(({ standing }) => standing.state.activity === null);
    if (hidden) return [sentence("postgresql/sessions-not-seen")];
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
      const untold = risk === "R2" ? [] : untoldBeside(snapshot, lost);
      const isLostUnseen = risk !== "R2" && lost.standing.kind === "unseen";
      const attested = [...(isLostUnseen ? [lost] : []), ...untold].map(({ member }) => member);
      return {
        steps: [
          ...fence(lost),
          promote(target, [
            isLostUnseen ? holds.unseen(lost.member) : holds.stopped(lost.member),
            holds.noOtherPrimary(target.member, attested),
            holds.mostAdvanced(target.member),
          ]),
          ...regroup(snapshot, target, lost.member),
        ],
        warnings: [
          sentence(isLostUnseen ? "postgresql/warning.attested" : "postgresql/warning.unsent-lost", {
            primary: lost.member,
          }),
          mayBeStarted(lost, isLostUnseen),
          ...(untold.length === 0
            ? []
            : [sentence("postgresql/warning.attested-others", { members: namesOf(untold), member: target.member })]),
          ...regroupWarnings(snapshot, target, lost.member),
        ],
        restsOn: layoutOf(snapshot),
        goal: regrouped(snapshot, target, lost.member),
      };
    },
  };
}

/** Servers beside the lost primary of which it cannot be told whether they were promoted already. */
function untoldBeside({ servers }: ServersSnapshot, lost: Server): readonly Server[] {
  return servers.filter((server) => server !== lost && mayBePrimary(server));
}

function namesOf(servers: readonly Server[]): string {
  return servers.map(({ member }) => member).join(", ");
}

/**
 * That it is stopped is proven and not kept: its unit may start it at the next boot, or a colleague by hand. No step of the plan keeps it
 * down, for what does would also be in the way when it is brought back. A server of 12 or newer refuses to start beside a recovery.conf.
 */
function mayBeStarted({ member, node, site }: Server, isUnseen: boolean): Sentence {
  const lock = site.settings.control === "pg_ctl" ? "recovery.conf" : "masked";
  const facts = { primary: member, node, ...lockCommands(site, lock) };
  return sentence(isUnseen ? "postgresql/warning.starts-when-switched-on" : "postgresql/warning.may-be-started", facts);
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
