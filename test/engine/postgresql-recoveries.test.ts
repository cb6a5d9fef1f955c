import { describe, expect, it } from "vitest";
import type { Claim, Engine, MemberReadings } from "../../main/engine/engine";
import { synchronousNeed } from "../../main/engine/postgresql/health";
import { postgresqlProbes, type PostgresqlProbes, type ServerState } from "../../main/engine/postgresql/probes";
import { failover, failoverOnAttestation } from "../../main/engine/postgresql/recovery/failover";
import { postgresqlJudges } from "../../main/engine/postgresql/recovery/judges";
import { commitPrepared } from "../../main/engine/postgresql/recovery/settle-prepared";
import { postgresqlSettings } from "../../main/engine/postgresql/settings";
import { snapshotServers, type ServersSnapshot } from "../../main/engine/postgresql/snapshot";
import { sentence } from "../../contract/sentence";
import { replay } from "./case";

type Members = readonly MemberReadings<typeof postgresqlSettings, PostgresqlProbes>[];

const parts = { id: "postgresql", settings: postgresqlSettings, probes: postgresqlProbes };
/** Recordings of real servers; what is changed in them is what no lab shows on demand. */
const recorded = (name: string): Members =>
  replay(parts as unknown as Engine<typeof postgresqlSettings, PostgresqlProbes, unknown>, name);

const codes = (sentences: readonly { readonly code: string }[]): readonly string[] => sentences.map(({ code }) => code);

/** With one server not seen from here at all. */
function without(members: Members, name: string): Members {
  return members.map((one): Members[number] => {
    if (one.site.member !== name) return one;
    const reason = sentence("ssh/unreachable", { node: name });
    const { state, liveness } = one.readings;
    return {
      ...one,
      reachability: { state: "unreachable", reason, since: 0 },
      readings: {
        ...one.readings,
        state: { kind: "failed", reason, evidence: state.evidence },
        liveness: { kind: "failed", reason, evidence: liveness.evidence },
      },
    };
  });
}

function saying(members: Members, name: string, change: Partial<ServerState>): Members {
  return members.map((one): Members[number] => {
    const { state } = one.readings;
    if (one.site.member !== name || state.kind !== "value") return one;
    return { ...one, readings: { ...one.readings, state: { ...state, value: { ...state.value, ...change } } } };
  });
}

function judged(snapshot: ServersSnapshot, claim: Claim): string | null {
  return postgresqlJudges[claim.code]?.(snapshot, claim.facts)?.code ?? null;
}

/** What the promotion of a plan asks of fresh readings right before it. */
function beforePromotion(recovery: typeof failover, snapshot: ServersSnapshot, target: string): readonly Claim[] {
  const step = recovery.plan(snapshot, target).steps.find(({ title }) => title.code === "postgresql/step.promote");
  return step?.stillSafe ?? [];
}

describe("a failover after the primary was killed", () => {
  const killed = recorded("primary-killed");
  const seen = snapshotServers(killed);
  const unseen = snapshotServers(without(killed, "pg-3"));

  it("is refused while another server is not seen, which may have been promoted already", () => {
    expect(codes(failover.objections(seen))).toEqual([]);
    expect(failover.objections(unseen)).toMatchObject([
      { code: "postgresql/may-be-primary", facts: { members: "pg-3" } },
    ]);
  });

  it("is stopped before the promotion when another server is no longer seen, or was promoted meanwhile", () => {
    const claims = beforePromotion(failover, seen, "pg-2");
    const shown = (snapshot: ServersSnapshot): readonly (string | null)[] =>
      claims.map((claim) => judged(snapshot, claim)).filter((one) => one !== null);
    expect(shown(seen)).toEqual([]);
    expect(shown(unseen)).toEqual(["postgresql/may-be-primary"]);
    const promoted = snapshotServers(saying(killed, "pg-3", { isInRecovery: false }));
    expect(shown(promoted)).toContain("postgresql/a-primary-is-there");
  });

  it("is for a person's word where a server is not seen, and says what may be lost", () => {
    expect(codes(failoverOnAttestation.objections(seen))).toEqual(["postgresql/host-answers"]);
    expect(codes(failoverOnAttestation.objections(unseen))).toEqual([]);
    const { warnings } = failoverOnAttestation.plan(unseen, "pg-2");
    expect(codes(warnings)).toContain("postgresql/warning.attested-others");
    const claims = beforePromotion(failoverOnAttestation, unseen, "pg-2");
    expect(claims.map((claim) => judged(unseen, claim)).filter((one) => one !== null)).toEqual([]);
    const promoted = snapshotServers(saying(killed, "pg-3", { isInRecovery: false }));
    expect(claims.map((claim) => judged(promoted, claim))).toContain("postgresql/a-primary-is-there");
  });

  it("goes by what a standby replayed where it is said to have received less, as since its start", () => {
    const state = killed.find(({ site }) => site.member === "pg-2")?.readings.state;
    const replayBytes = state?.kind === "value" ? (state.value.replayBytes ?? 0) : 0;
    const started = snapshotServers(
      saying(saying(killed, "pg-2", { receiveBytes: 1 << 24, replayBytes }), "pg-3", {
        receiveBytes: replayBytes - 8,
        replayBytes: replayBytes - 8,
      }),
    );
    expect(failover.targets(started).map(({ target, objections }) => [target, codes(objections)])).toEqual([
      ["pg-2", []],
      ["pg-3", ["postgresql/another-has-more"]],
    ]);
  });
});

describe("a prepared transaction that is settled by hand", () => {
  const old = recorded("prepared-transaction-old");
  const changed = (change: object): ServersSnapshot =>
    snapshotServers(
      old.map((one): Members[number] => {
        const { prepared } = one.readings;
        if (prepared.kind !== "value") return one;
        const value = prepared.value.map((transaction) => ({ ...transaction, ...change }));
        return { ...one, readings: { ...one.readings, prepared: { ...prepared, value } } };
      }),
    );

  it("is the one that was seen: another under the same name since then is not settled, and not taken for it", () => {
    const plan = commitPrepared.plan(snapshotServers(old), "order-4711");
    const claims = [...plan.restsOn, ...(plan.steps[0]?.stillSafe ?? [])];
    const refused = (snapshot: ServersSnapshot): readonly (string | null)[] => [
      ...new Set(claims.map((claim) => judged(snapshot, claim)).filter((one) => one !== null)),
    ];
    const goal = (snapshot: ServersSnapshot): readonly (string | null)[] =>
      plan.goal.map((claim) => judged(snapshot, claim));
    expect(refused(snapshotServers(old))).toEqual([]);
    expect(goal(snapshotServers(old))).toEqual([null, "postgresql/still-prepared"]);
    for (const another of [{ transactionId: "999" }, { preparedAt: 1 }]) {
      expect(refused(changed(another))).toEqual(["postgresql/not-prepared"]);
      expect(goal(changed(another))).toEqual([null, null]);
    }
  });

  it("is left to its manager while it is young", () => {
    const offered = (snapshot: ServersSnapshot): readonly unknown[] =>
      commitPrepared.targets(snapshot).map(({ objections }) => codes(objections));
    expect(offered(snapshotServers(old))).toEqual([[]]);
    expect(offered(changed({ ageMs: 5_000 }))).toEqual([["postgresql/prepared-young"]]);
  });
});

it("reads how many standbys commits wait for as PostgreSQL does", () => {
  const needs = ["FIRST 2 (a, b, c)", "any 3 (*)", " 2(a,b)", "a, b", "*", '"FIRST 3 (x)"', "2, b"];
  expect(needs.map(synchronousNeed)).toEqual([2, 3, 2, 1, 1, 1, 1]);
});
