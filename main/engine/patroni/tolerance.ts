import type { Tolerance } from "../../../contract/tolerance";
import { sentence } from "../../../contract/sentence";
import { candidatesOf, isSynchronous } from "./candidates";
import { soleLeader, untold, type PatroniSnapshot } from "./snapshot";
import { storeSaid } from "./store";

/** What may still fail: counted on members that Patroni would promote now, not on those that are configured. */
export function patroniTolerance(snapshot: PatroniSnapshot): readonly Tolerance[] {
  const leader = soleLeader(snapshot);
  const evidence = snapshot.members.flatMap(({ status, cluster }) => [status.evidence.id, cluster.evidence.id]);
  const candidates = leader === null ? null : candidatesOf(snapshot).length;
  // Nobody is promoted by itself while Patroni is paused, nor without a store; in failsafe mode the leader then steps down with any loss.
  const isHeld = snapshot.view?.isPaused === true || storeSaid(snapshot).isLost;
  const tolerates = isHeld ? 0 : candidates;
  const service: Tolerance = {
    object: sentence("patroni/tolerance.service"),
    needs: 1,
    has: candidates === null ? null : candidates + 1,
    tolerates,
    limitingDomain: leader?.node ?? null,
    evidence,
  };
  const store: Tolerance = {
    object: sentence("patroni/tolerance.store", { kind: snapshot.members[0]?.site.settings.storeKind ?? "" }),
    // Its own cluster, where it is kept, says how many of its members may fail.
    needs: 1,
    has: null,
    tolerates: null,
    limitingDomain: null,
    evidence: snapshot.members.map(({ store: reading }) => reading.evidence.id),
  };
  if (leader === null || snapshot.settings?.isSynchronous !== true) return [service, store];
  const synchronous = snapshot.members.filter(isSynchronous).length;
  const isKnown = untold(snapshot).length === 0;
  const data: Tolerance = {
    object: sentence("patroni/tolerance.data"),
    needs: 1,
    has: synchronous + 1,
    tolerates: isKnown || synchronous > 0 ? synchronous : null,
    limitingDomain: null,
    evidence,
  };
  return [service, data, store];
}
