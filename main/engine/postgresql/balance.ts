import type { Balance } from "../../../contract/balance";
import type { Figure, Unit } from "../../../contract/figure";
import { sentence } from "../../../contract/sentence";
import { figureOf, known, missing, numberOf } from "../figure-of";
import type { Server, ServersSnapshot } from "./snapshot";

/** Replication gives every server the whole of the data, so only the work around it can be shared out; none of it is a must. */
export function postgresqlBalance({ servers }: ServersSnapshot): readonly Balance[] {
  return [
    shareOut("postgresql/balance.connections", "count", servers, (server) =>
      figureOf(server.state, "count", (state) => state.connectionCount),
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
  return {
    measure,
    unit,
    goal: "shown",
    tolerance: null,
    shares,
    skew: skewOf(shares.map(({ amount }) => amount)),
    verdict: "no-goal",
  };
}

/** Greatest share over mean. A share that is missing makes the skew missing: it could be the greatest. */
function skewOf(amounts: readonly Figure[]): Figure {
  const numbers = amounts.map(numberOf);
  const gap = amounts.find((amount) => amount.state === "missing");
  const first = amounts.find((amount) => amount.state === "known");
  if (gap?.state === "missing") return missing(sentence("postgresql/share-missing"), gap.evidence);
  const sum = numbers.reduce<number>((total, number) => total + (number ?? 0), 0);
  if (first?.state !== "known" || sum === 0) return missing(sentence("postgresql/nothing-to-share"), null);
  return known((Math.max(...numbers.map((number) => number ?? 0)) * numbers.length) / sum, "count", first.evidence);
}
