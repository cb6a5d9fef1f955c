import type { Figure, Unit } from "../../../contract/figure";
import type { NamedFigure } from "../../../contract/health";
import { sentence } from "../../../contract/sentence";
import type { EngineMember } from "../engine";
import { figureOf, known, missing, nothing, type NothingOfTheKind } from "../figure-of";
import { hitRatio } from "../postgresql-server/blocks";
import type { Activity, ServerState } from "./probes";
import { solePrimary, whyNoReceiver, type Server, type ServersSnapshot } from "./snapshot";

/** One entry a server, with the figures of the members table. */
export function postgresqlMembers(snapshot: ServersSnapshot): readonly EngineMember[] {
  return snapshot.servers.map((server) => ({
    member: server.member,
    node: server.node,
    role: roleOf(server),
    figures: figuresOf(server, snapshot),
  }));
}

export function roleOf(server: Server): Figure {
  const { standing } = server;
  switch (standing.kind) {
    case "primary":
    case "standby":
      return known(`postgresql/role.${standing.kind}`, "text", server.state.evidence.id);
    case "stopped":
    case "hung":
      return known(`postgresql/role.${standing.kind}`, "text", server.liveness.evidence.id);
    case "refusing":
    case "unseen":
      return missing(standing.reason, server.state.evidence.id);
  }
}

function figuresOf(server: Server, snapshot: ServersSnapshot): readonly NamedFigure[] {
  const of = (unit: Unit, pick: (state: ServerState) => string | number): Figure => figureOf(server.state, unit, pick);
  return [
    {
      name: "postgresql/figure.timeline",
      figure: figureOf(server.state, "count", (state) => state.timeline ?? whyNoReceiver(state)),
    },
    { name: "postgresql/figure.lagBytes", charted: "bytes", figure: lagBytes(server, snapshot) },
    { name: "postgresql/figure.lagTime", charted: "duration", figure: lagTime(server) },
    {
      name: "postgresql/figure.connections",
      charted: "count",
      figure: activityFigure(server, "count", (activity) => activity.connectionCount),
    },
    { name: "postgresql/figure.connectionLimit", figure: of("count", (state) => state.maxConnections) },
    {
      name: "postgresql/figure.lockWaits",
      charted: "count",
      figure: activityFigure(server, "count", (activity) => activity.lockWaitCount),
    },
    {
      name: "postgresql/figure.idleInTransaction",
      charted: "count",
      figure: activityFigure(server, "count", (activity) => activity.idleInTransactionCount),
    },
    {
      name: "postgresql/figure.longestTransaction",
      charted: "duration",
      figure: activityFigure(
        server,
        "duration",
        (activity) => activity.longestTransactionMs ?? nothing(sentence("postgresql/no-open-transaction")),
      ),
    },
    {
      name: "postgresql/figure.commitWaits",
      charted: "count",
      figure: activityFigure(server, "count", (activity) => activity.commitWaitCount),
    },
    { name: "postgresql/figure.hitRatio", charted: "ratio", figure: hitRatio(server.state, server.blocks) },
    { name: "postgresql/figure.version", figure: of("text", (state) => versionText(state.versionNumber)) },
    { name: "postgresql/figure.startedAt", figure: of("instant", (state) => state.startedAt) },
  ];
}

export function activityFigure(
  server: Server,
  unit: Unit,
  pick: (activity: Activity) => number | NothingOfTheKind,
): Figure {
  return figureOf(server.state, unit, ({ activity }) =>
    activity === null ? sentence("postgresql/sessions-not-seen") : pick(activity),
  );
}

/** Behind the one primary, by what that primary has written; without one there is nothing to be behind of. */
export function lagBytes(server: Server, snapshot: ServersSnapshot): Figure {
  const written = solePrimary(snapshot)?.standing.state.writeBytes ?? null;
  return figureOf(server.state, "bytes", (state) => {
    if (!state.isInRecovery) return nothing(sentence("postgresql/is-the-primary"));
    if (written === null) return sentence("postgresql/no-primary-to-compare");
    if (state.replayBytes === null) return sentence("postgresql/nothing-replayed");
    // The primary was read a moment earlier or later; a standby cannot be ahead of it.
    return Math.max(0, written - state.replayBytes);
  });
}

export function lagTime(server: Server): Figure {
  return figureOf(server.state, "duration", (state) => {
    if (!state.isInRecovery) return nothing(sentence("postgresql/is-the-primary"));
    return state.replayLagMs ?? sentence("postgresql/nothing-replayed");
  });
}

// 180004 is 18.4; 90624 was 9.6.24.
function versionText(number: number): string {
  return number >= 100_000
    ? `${Math.floor(number / 10_000)}.${number % 10_000}`
    : `${Math.floor(number / 10_000)}.${Math.floor(number / 100) % 100}.${number % 100}`;
}
