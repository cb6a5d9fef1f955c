/** What losing whole hosts would mean for a majority. */
export interface HostsToLose {
  /** Hosts that hold at least one voter. */
  readonly has: number;
  readonly needs: number;
  /** How many may go, the ones with most voters first. */
  readonly tolerates: number;
  /** The host with most voters, where one holds more than the others; null where all hold alike. */
  readonly greatest: string | null;
}

/** Pure. `voters` names the host of each voter that is proven to take part; `needs` is the majority of those configured. */
export function hostsToLose(voters: readonly string[], needs: number): HostsToLose {
  const counts = new Map<string, number>();
  for (const host of voters) counts.set(host, (counts.get(host) ?? 0) + 1);
  const hosts = [...counts.entries()].sort(([, one], [, other]) => other - one);
  let left = voters.length;
  let tolerates = left < needs ? -1 : 0;
  for (const [, count] of hosts) {
    left -= count;
    if (left < needs) break;
    tolerates += 1;
  }
  const [first, second] = hosts;
  const greatest = first !== undefined && first[1] > (second?.[1] ?? 0) ? first[0] : null;
  return { has: hosts.length, needs: hosts.length - tolerates, tolerates, greatest };
}
