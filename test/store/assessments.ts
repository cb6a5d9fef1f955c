import type { Assessment } from "../../contract/assessment";
import type { Figure } from "../../contract/figure";
import { seriesId } from "../../contract/history";
import { sentence } from "../../contract/sentence";

export const lag = seriesId({ kind: "member", name: "db-2", figure: "postgresql/figure.lagBytes" });
export const cpu = seriesId({ kind: "node", name: "db-2", figure: "linux/figure.cpu" });

/** An assessment with one member's lag, missing when null, and one node's processor figure that is always there. */
export function assessmentAt(takenAt: number, lagBytes: number | null, clusterId = "one"): Assessment {
  const known = (value: number, unit: "bytes" | "ratio"): Figure => ({ state: "known", value, unit, evidence: "e" });
  return {
    clusterId,
    name: "db",
    engine: "postgresql",
    cycle: 1,
    takenAt,
    tookMs: 5,
    staleAfterMs: 10_000,
    level: lagBytes === null ? "unknown" : "ok",
    unknowns: 0,
    nodes: [
      {
        node: "db-2",
        address: "db-2",
        level: "ok",
        reachability: { state: "reachable", roundTripMs: 1, certifiedUntil: null },
        transport: null,
        figures: [{ name: "linux/figure.cpu", figure: known(0.5, "ratio") }],
      },
    ],
    members: [
      {
        member: "db-2",
        node: "db-2",
        level: "ok",
        role: { state: "known", value: "postgresql/role.standby", unit: "text", evidence: "e" },
        figures: [
          {
            name: "postgresql/figure.lagBytes",
            figure:
              lagBytes === null
                ? { state: "missing", reason: sentence("postgresql/no-receiver"), evidence: "e" }
                : known(lagBytes, "bytes"),
          },
        ],
      },
    ],
    findings: [],
    balances: [],
    consistency: { witnesses: [], tables: [], maps: [] },
    tolerances: [],
    recoveries: [],
    evidence: [],
  };
}
