import type { Balance } from "../../../contract/balance";
import type { Figure, Unit } from "../../../contract/figure";
import { sentence } from "../../../contract/sentence";
import { figureOf, known } from "../figure-of";
import { judgeShares } from "../shares";
import { activityFigure } from "./members";
import type { Server, ServersSnapshot } from "./snapshot";

/** Replication gives every server the whole of the data, so only the work around it can be shared out; none of it is a must. */
export function postgresqlBalance({ servers }: ServersSnapshot): readonly Balance[] {
  return [
    shareOut("postgresql/balance.connections", "count", servers, (server) =>
      activityFigure(server, "count", (activity) => activity.connectionCount),
    ),
    shareOut("postgresql/balance.databaseBytes", "bytes", servers, (server) =>
      figureOf(server.sizes, "bytes", (sizes) => sizes.databaseBytes),
    ),
    shareOut("postgresql/balance.walRate", "bytes-per-second", servers, walRate),
  ];
}

function walRate(server: Server): Figure {
  const { id } = server.state.evidence;
  if (server.walBytesPerSecond !== null) return known(server.walBytesPerSecond, "bytes-per-second", id);
  return figureOf(server.state, "bytes-per-second", () => sentence("postgresql/needs-two-readings"));
}

function shareOut(
  measure: string,
  unit: Unit,
  servers: readonly Server[],
  amountOf: (server: Server) => Figure,
): Balance {
  const shares = servers.map((server) => ({ member: server.member, amount: amountOf(server) }));
  return judgeShares({ measure, unit, goal: "shown", tolerance: null, shares });
}
