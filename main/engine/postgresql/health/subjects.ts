import type { Subject } from "../../../../contract/health";
import type { HealthRule, Sighting } from "../../engine";
import type { Server, ServersSnapshot } from "../snapshot";

export const clusterSubject: Subject = { kind: "cluster" };
export const memberSubject = (server: Server): Subject => ({ kind: "member", member: server.member });

/** Looks at each server alone. */
export function each(
  see: (server: Server, snapshot: ServersSnapshot) => readonly Sighting[],
): HealthRule<ServersSnapshot>["find"] {
  return (snapshot) => snapshot.servers.flatMap((server) => see(server, snapshot));
}
