import type { Balance } from "../../../contract/balance";
import type { Figure, Unit } from "../../../contract/figure";
import { sentence } from "../../../contract/sentence";
import { figureOf } from "../figure-of";
import { judgeShares } from "../shares";
import { measuredFigure } from "./members";
import type { EnsembleSnapshot, Server } from "./snapshot";

/** Clients stay where they are after a rolling restart, so some servers carry more of them than others. */
const connectionsTolerance = 1.5;
/** Below this many an uneven share says nothing. */
const fewConnections = 30;

/** Every server holds all data, so only the clients can be shared out. */
export function zookeeperBalance({ servers }: EnsembleSnapshot): readonly Balance[] {
  const shareOut = (
    measure: string,
    unit: Unit,
    tolerance: number | null,
    amountOf: (server: Server) => Figure,
  ): Balance =>
    judgeShares({
      measure,
      unit,
      goal: tolerance === null ? "shown" : "better",
      tolerance,
      shares: servers.map((server) => ({ member: server.member, amount: amountOf(server) })),
    });
  const connections = servers.reduce(
    (sum, { measured }) =>
      sum + (measured.kind === "value" ? (measured.value.number("num_alive_connections") ?? 0) : 0),
    0,
  );
  return [
    shareOut(
      "zookeeper/balance.connections",
      "count",
      connections < fewConnections ? null : connectionsTolerance,
      (server) => measuredFigure(server, "count", "num_alive_connections"),
    ),
    shareOut("zookeeper/balance.watches", "count", null, (server) => measuredFigure(server, "count", "watch_count")),
    shareOut("zookeeper/balance.packets", "per-second", null, ({ since, measured }) =>
      figureOf(measured, "per-second", () => {
        if (since === null) return sentence("zookeeper/needs-two-readings");
        const received = since.grown("packets_received");
        return received === null ? sentence("zookeeper/not-measured") : received / since.seconds;
      }),
    ),
  ];
}
