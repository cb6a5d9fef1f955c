/** One server of the ensemble as a configuration names it. */
export interface ListedServer {
  readonly id: number;
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
  readonly role: "participant" | "observer";
  /** Where votes are counted by groups and weights, its own; null where a configuration names none. */
  readonly group: number | null;
  readonly weight: number | null;
}

/** The servers that somebody counts. */
export interface ServerList {
  readonly servers: readonly ListedServer[];
  /** False where who tells it leaves out observers, groups and weights. */
  readonly isWhole: boolean;
  /** Of two lists that are reconfigured by the ensemble itself, servers take the newer; null for one that is not, or where it is not told. */
  readonly version: number | null;
}

/** The transaction that made a list, as a running server tells it and the name of its file ends: `version=100000000`, `zoo.cfg.dynamic.100000000`. */
export function versionOf(digits: string): number | null {
  const version = /^[0-9a-f]{1,16}$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
  return Number.isSafeInteger(version) ? version : null;
}

/** A server that is started with the one hears of the other from those that run, and takes it before it votes (3.5). */
export function isOutdated(own: ServerList, running: ServerList): boolean {
  return own.version !== null && running.version !== null && own.version < running.version;
}

/**
 * ```
 * server.1=10.77.0.51:2888:3888:participant;0.0.0.0:2181
 * server.2=zoo2.example.com:2888:3888
 * server.3=[2001:db8::3]:2888:3888:observer
 * ```
 * Null for any other line. Of several addresses joined by `|` the first counts.
 */
export function parseServerLine(line: string): ListedServer | null {
  const found = /^server\.(\d+)\s*=\s*(\[[^\]]+\]|[^:\s|;]+):(\d+):(\d+)([^;]*)/.exec(line.trim());
  const [, id, host, quorumPort, electionPort, rest = ""] = found ?? [];
  if (id === undefined || host === undefined) return null;
  return {
    id: Number(id),
    host: host.replace(/^\[|\]$/g, ""),
    quorumPort: Number(quorumPort),
    electionPort: Number(electionPort),
    role: /:observer\b/.test(rest) ? "observer" : "participant",
    group: null,
    weight: null,
  };
}

/**
 * The servers named in a text, in the order of their ids, with what further lines say of their votes.
 * ```
 * group.1=1:2:3
 * weight.2=0
 * ```
 */
export function serversIn(text: string): readonly ListedServer[] {
  const lines = text.split("\n").map((line) => line.trim());
  const groups = new Map<number, number>();
  const weights = new Map<number, number>();
  for (const line of lines) {
    const [, group, ids] = /^group\.(\d+)\s*=\s*([\d:]+)$/.exec(line) ?? [];
    for (const id of ids?.split(":") ?? []) groups.set(Number(id), Number(group));
    const [, id, weight] = /^weight\.(\d+)\s*=\s*(\d+)$/.exec(line) ?? [];
    if (id !== undefined) weights.set(Number(id), Number(weight));
  }
  // Where there are groups, a voter whose weight is left out has one (QuorumHierarchical), which a running server tells.
  const leftOut = ({ role }: ListedServer): number | null => (groups.size > 0 && role === "participant" ? 1 : null);
  return lines
    .flatMap((line) => parseServerLine(line) ?? [])
    .map((server) => ({
      ...server,
      group: groups.get(server.id) ?? null,
      weight: weights.get(server.id) ?? leftOut(server),
    }))
    .sort((one, other) => one.id - other.id);
}

/** Names all that tells two lists apart: the servers, their roles and how their votes are counted. */
export function listText({ servers }: ServerList): string {
  return servers.map(serverText).join(" ");
}

function serverText({ id, host, quorumPort, electionPort, role, group, weight }: ListedServer): string {
  const address = `${id}=${host}:${quorumPort}:${electionPort}`;
  return [
    role === "observer" ? `${address}:observer` : address,
    ...(group === null ? [] : [`(group ${group})`]),
    ...(weight === null ? [] : [`(weight ${weight})`]),
  ].join(" ");
}

/** Equal for equal lists, in their order. Where one of them is not whole, what it leaves out is compared in none. */
export function comparedTexts(lists: readonly ServerList[]): readonly string[] {
  if (lists.every(({ isWhole }) => isWhole)) return lists.map(listText);
  return lists.map(({ servers }) =>
    servers
      .filter(({ role }) => role === "participant")
      .map((server) => serverText({ ...server, group: null, weight: null }))
      .join(" "),
  );
}
