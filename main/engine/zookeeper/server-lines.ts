/** One server of the ensemble as a configuration names it. */
export interface ListedServer {
  readonly id: number;
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
  readonly role: "participant" | "observer";
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
  };
}

/** The servers named in a text, in the order of their ids. */
export function serversIn(text: string): readonly ListedServer[] {
  return text
    .split("\n")
    .flatMap((line) => parseServerLine(line) ?? [])
    .sort((one, other) => one.id - other.id);
}

/** Equal for lists that name the same servers in the same roles. */
export function listText(servers: readonly ListedServer[]): string {
  return servers
    .map(
      ({ id, host, quorumPort, electionPort, role }) =>
        `${id}=${host}:${quorumPort}:${electionPort}${role === "observer" ? ":observer" : ""}`,
    )
    .join(" ");
}
