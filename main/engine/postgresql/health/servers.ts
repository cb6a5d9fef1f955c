import type { EvidenceId } from "../../../../contract/figure";
import { sentence, type Sentence } from "../../../../contract/sentence";
import type { HealthRule, Sighting } from "../../engine";
import { primariesOf, type Server, type ServersSnapshot } from "../snapshot";
import { clusterSubject, each, memberSubject } from "./subjects";

const names = (servers: readonly Server[]): string => servers.map((server) => server.member).join(", ");

/** What each server is, and whether the cluster has one primary. */
export const serverRules: readonly HealthRule<ServersSnapshot>[] = [
  {
    code: "postgresql/NoPrimary",
    level: "critical",
    explains: ["postgresql/ServerStopped", "postgresql/ServerHung", "postgresql/StandbyNotStreaming"],
    find: (snapshot) => {
      if (primariesOf(snapshot).length > 0) return [];
      const evidence = snapshot.servers.flatMap((server) => [server.state.evidence.id, server.liveness.evidence.id]);
      const missing = untold(snapshot);
      const facts = {
        gone: names(snapshot.servers.filter(({ standing }) => standing.kind === "stopped" || standing.kind === "hung")),
      };
      if (missing.length === 0) return [{ subject: clusterSubject, facts, evidence }];
      return [
        {
          subject: clusterSubject,
          facts,
          evidence,
          cannotTell: sentence("postgresql/not-all-seen", { members: names(missing) }),
        },
      ];
    },
  },
  {
    code: "postgresql/TwoPrimaries",
    level: "critical",
    explains: ["postgresql/StandbyNotStreaming", "postgresql/TimelineDiffers"],
    find: (snapshot) => {
      const primaries = primariesOf(snapshot);
      if (primaries.length < 2) return [];
      return [
        {
          subject: clusterSubject,
          facts: { members: names(primaries) },
          evidence: primaries.map((server) => server.state.evidence.id),
        },
      ];
    },
  },
  {
    code: "postgresql/SystemIdentifierDiffers",
    level: "critical",
    find: ({ servers }) => {
      const told = servers.flatMap((server) =>
        server.state.kind === "value" ? [{ server, id: server.state.value.systemIdentifier }] : [],
      );
      if (new Set(told.map(({ id }) => id)).size < 2) return [];
      const facts = { members: told.map(({ server, id }) => `${server.member}: ${id}`).join(", ") };
      return [{ subject: clusterSubject, facts, evidence: told.map(({ server }) => server.state.evidence.id) }];
    },
  },
  {
    code: "postgresql/ServerStopped",
    level: "degraded",
    find: each((server) =>
      server.standing.kind === "stopped"
        ? [
            {
              subject: memberSubject(server),
              facts: { member: server.member },
              evidence: [server.liveness.evidence.id, server.state.evidence.id],
            },
          ]
        : [],
    ),
  },
  {
    code: "postgresql/ServerHung",
    level: "degraded",
    find: each((server) =>
      server.standing.kind === "hung"
        ? [
            {
              subject: memberSubject(server),
              facts: { member: server.member, pid: server.standing.pid },
              evidence: [server.liveness.evidence.id, server.state.evidence.id],
            },
          ]
        : [],
    ),
  },
  {
    code: "postgresql/ServerNotRead",
    level: "degraded",
    find: each((server) =>
      server.standing.kind === "refusing" || server.standing.kind === "unseen"
        ? [
            {
              subject: memberSubject(server),
              facts: { member: server.member },
              evidence: [server.state.evidence.id],
              cannotTell: server.standing.reason,
            },
          ]
        : [],
    ),
  },
  {
    code: "postgresql/ServerPartlyRead",
    level: "watch",
    // What was not read cannot be called well: a slot nobody saw may be filling the disk.
    find: each((server) =>
      server.state.kind !== "value"
        ? []
        : [
            ...(server.state.value.activity === null
              ? [partlyRead(server, server.state.evidence.id, sentence("postgresql/sessions-not-seen"))]
              : []),
            ...[server.replication, server.slots, server.prepared].flatMap((reading) =>
              reading.kind === "value" ? [] : [partlyRead(server, reading.evidence.id, reading.reason)],
            ),
          ],
    ),
  },
];

/** Servers of which it cannot be told whether they are a primary. A stopped or hung one was looked at. */
function untold({ servers }: ServersSnapshot): readonly Server[] {
  return servers.filter(({ standing }) => standing.kind === "unseen" || standing.kind === "refusing");
}

function partlyRead(server: Server, evidence: EvidenceId, cannotTell: Sentence): Sighting {
  return {
    subject: { kind: "object", object: evidence, member: server.member },
    facts: { member: server.member },
    evidence: [evidence],
    cannotTell,
  };
}
