import { isLoopback } from "../loopback";
import { soleLeader, type PatroniMember, type PatroniSnapshot } from "./snapshot";

/** The store as those tell who could be asked for it. */
export function storeSaid(snapshot: PatroniSnapshot): {
  readonly asked: number;
  readonly lost: number;
  readonly isLost: boolean;
} {
  const told = snapshot.members.filter(
    ({ store, site, reachability }) =>
      site.settings.storeHost !== "" && reachability.state === "reachable" && isSaid(store),
  );
  // Each is asked at the first address it knows. Where that is one for all, its silence is not the store's: Patroni goes on to the next.
  const isOneAddress =
    new Set(told.map(addressOfStore)).size === 1 && told.every(({ store }) => store.kind !== "value");
  const lost = told.filter(({ store }) => isStoreGone(store)).length;
  return {
    asked: told.length,
    lost,
    isLost: lost > 0 && lost === told.length && !(isOneAddress && told.length > 1 && soleLeader(snapshot) !== null),
  };
}

function addressOfStore({ node, site }: PatroniMember): string {
  const { storeHost, storePort } = site.settings;
  return `${isLoopback(storeHost) ? node : storeHost}:${storePort}`;
}

/** A store that cannot be reached from its host, or does not answer there, counts as one that is lost to Patroni too. */
function isSaid(store: PatroniMember["store"]): boolean {
  return (
    store.kind === "value" ||
    (store.kind === "failed" &&
      ["wire/silent", "ssh/dial-refused", "ssh/deadline", "wire/connection-lost"].includes(store.reason.code))
  );
}

/** To Patroni on that host: it does not answer there, or has no majority. */
export function isStoreGone(store: PatroniMember["store"]): boolean {
  return isSaid(store) && (store.kind !== "value" || store.value === "no-majority");
}
