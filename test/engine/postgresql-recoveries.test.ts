import { describe, expect, it } from "vitest";
import type { Claim, Engine, MemberReadings } from "../../main/engine/engine";
import { postgresqlConsistency } from "../../main/engine/postgresql/consistency";
import { postgresqlHealth } from "../../main/engine/postgresql/health";
import { synchronousNeed } from "../../main/engine/postgresql/health/replication";
import { postgresqlProbes, type PostgresqlProbes, type ServerState } from "../../main/engine/postgresql/probes";
import { failover, failoverOnAttestation } from "../../main/engine/postgresql/recovery/failover";
import { postgresqlJudges } from "../../main/engine/postgresql/recovery/judges";
import { rejoin } from "../../main/engine/postgresql/recovery/rejoin";
import { repoint } from "../../main/engine/postgresql/recovery/repoint";
import { rebuild, rewind } from "../../main/engine/postgresql/recovery/rewind";
import { commitPrepared } from "../../main/engine/postgresql/recovery/settle-prepared";
import { postgresqlSettings } from "../../main/engine/postgresql/settings";
import { snapshotServers, type ServersSnapshot } from "../../main/engine/postgresql/snapshot";
import { say } from "../../contract/say";
import { sentence } from "../../contract/sentence";
import { catalogues } from "../../main/catalogue";
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

/** With what another recording has of a server, put in the place of one. */
function withReadingsOf(members: Members, name: string, other: Members, otherName: string): Members {
  const from = other.find(({ site }) => site.member === otherName);
  if (from === undefined) throw new Error(`no ${otherName} in the recording`);
  return members.map((one) => (one.site.member === name ? { ...one, readings: from.readings } : one));
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

  it("is stopped before the promotion when the old primary was started meanwhile, and only begins to", () => {
    const claims = beforePromotion(failover, seen, "pg-2");
    const refusals = (members: Members): readonly (string | null)[] =>
      claims.map((claim) => judged(snapshotServers(members), claim)).filter((one) => one !== null);
    const back = refusals(withReadingsOf(killed, "pg-1", recorded("healthy"), "pg-1"));
    expect(new Set(back)).toEqual(new Set(["postgresql/a-primary-is-there", "postgresql/not-proven-stopped"]));
    expect(refusals(withReadingsOf(killed, "pg-1", recorded("refused"), "pg-3"))).toEqual([
      "postgresql/not-proven-stopped",
      "postgresql/may-be-primary",
    ]);
  });

  it("is stopped between its steps once two primaries are seen: each step after the promotion wants the new one alone", () => {
    const { steps } = failover.plan(seen, "pg-2");
    const after = steps.slice(steps.findIndex(({ title }) => title.code === "postgresql/step.promote") + 1);
    expect(after.length).toBeGreaterThan(1);
    const promoted = saying(killed, "pg-2", { isInRecovery: false });
    const two = snapshotServers(withReadingsOf(promoted, "pg-1", recorded("healthy"), "pg-1"));
    for (const { title, stillSafe } of after)
      expect([title.code, stillSafe.map((claim) => judged(two, claim))]).toEqual([
        title.code,
        expect.arrayContaining(["postgresql/not-the-one-primary"]),
      ]);
  });

  it("names what keeps the old primary from being started again, as a command for its host", () => {
    const told = (members: Members): unknown =>
      failover
        .plan(snapshotServers(members), "pg-2")
        .warnings.find(({ code }) => code === "postgresql/warning.may-be-started")?.facts;
    const with_ = (settings: object): Members =>
      killed.map((one): Members[number] => ({
        ...one,
        site: { ...one.site, settings: { ...one.site.settings, ...settings } },
      }));
    expect(told(with_({ control: "postgresql@15-main.service" }))).toEqual({
      primary: "pg-1",
      node: "pg-1",
      command: "systemctl mask postgresql@15-main.service",
      back: "systemctl unmask postgresql@15-main.service",
    });
    expect(told(with_({ control: "pg_ctl", dataDirectory: "/data/it's here" }))).toEqual({
      primary: "pg-1",
      node: "pg-1",
      command: "touch '/data/it'\\''s here/recovery.conf'",
      back: "rm '/data/it'\\''s here/recovery.conf'",
    });
    const { warnings } = failoverOnAttestation.plan(snapshotServers(without(killed, "pg-1")), "pg-2");
    expect(codes(warnings)).toContain("postgresql/warning.starts-when-switched-on");
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

  it("is for no person's word where a server beside is seen to run and does not tell what it is", () => {
    for (const [recording, kind] of [
      ["server-hung", "hung"],
      ["refused", "refusing"],
    ] as const) {
      const running = snapshotServers(withReadingsOf(killed, "pg-3", recorded(recording), "pg-3"));
      expect(running.servers.map(({ standing }) => standing.kind)).toEqual(["stopped", "standby", kind]);
      expect(failoverOnAttestation.objections(running)).toMatchObject([
        { code: "postgresql/may-be-primary", facts: { members: "pg-3" } },
        { code: "postgresql/stop-it-first", facts: { members: "pg-3" } },
      ]);
      // It was out of sight when the person gave their word, and is seen right before the promotion.
      const claims = beforePromotion(failoverOnAttestation, unseen, "pg-2");
      expect(claims.map((claim) => judged(running, claim)).filter((one) => one !== null)).toEqual([
        "postgresql/may-be-primary",
      ]);
    }
  });

  it("ends a primary that hangs before a person's word stands for another server that is not seen", () => {
    const hung = withReadingsOf(killed, "pg-1", recorded("server-hung"), "pg-3");
    const seenAll = snapshotServers(hung);
    expect(codes(failover.objections(seenAll))).toEqual([]);
    const blind = snapshotServers(without(hung, "pg-3"));
    expect(codes(failover.objections(blind))).toEqual(["postgresql/may-be-primary"]);
    expect(codes(failoverOnAttestation.objections(blind))).toEqual([]);
    const { steps } = failoverOnAttestation.plan(blind, "pg-2");
    expect(codes(steps.map(({ title }) => title)).slice(0, 2)).toEqual([
      "postgresql/step.kill",
      "postgresql/step.promote",
    ]);
    const claims = beforePromotion(failoverOnAttestation, blind, "pg-2");
    const refusals = (snapshot: ServersSnapshot): readonly (string | null)[] =>
      claims.map((claim) => judged(snapshot, claim)).filter((one) => one !== null);
    expect(refusals(blind)).toContain("postgresql/not-proven-stopped");
    expect(refusals(unseen)).toEqual([]);
  });

  it("is for no person's word while it is hidden whether a standby still receives", () => {
    const hidden = snapshotServers(saying(without(killed, "pg-1"), "pg-2", { activity: null }));
    expect(codes(failoverOnAttestation.objections(hidden))).toEqual(["postgresql/sessions-not-seen"]);
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

  it("is the one of its name where an earlier version wrote down the name alone", () => {
    const claims = ["postgresql/holds.prepared", "postgresql/holds.not-prepared"].map((code) =>
      sentence(code, { member: "pg-1", gid: "order-4711", database: "postgres" }),
    );
    const told = (snapshot: ServersSnapshot): readonly (string | null)[] =>
      claims.map((claim) => judged(snapshot, claim));
    expect(told(snapshotServers(old))).toEqual([null, "postgresql/still-prepared"]);
    expect(told(changed({ gid: "order-4712" }))).toEqual(["postgresql/not-prepared", null]);
    // What is not known of it is not said of it.
    for (const language of ["en", "zh-CN"] as const)
      expect(claims.map((claim) => say(catalogues[language], language, claim)).join()).not.toContain("{{");
  });

  it("is said with its number and time where the claim has them", () => {
    const { restsOn, goal } = commitPrepared.plan(snapshotServers(old), "order-4711");
    const said = [...restsOn, ...goal].map((claim) => say(catalogues.en, "en", claim)).join("\n");
    expect(said).toMatch(
      /order-4711 in postgres that was prepared on pg-1 at \d{4}-.* UTC \(transaction \d+\) is still prepared/,
    );
    expect(said).not.toContain("{{");
  });

  it("is left to its manager while it is young", () => {
    const offered = (snapshot: ServersSnapshot): readonly unknown[] =>
      commitPrepared.targets(snapshot).map(({ objections }) => codes(objections));
    expect(offered(snapshotServers(old))).toEqual([[]]);
    expect(offered(changed({ ageMs: 5_000 }))).toEqual([["postgresql/prepared-young"]]);
  });
});

describe("a slot nobody reads that grows", () => {
  const filling = recorded("slot-fills-disk");
  const withSlot = (change: object, members: Members = filling): ServersSnapshot =>
    snapshotServers(
      members.map((one): Members[number] => {
        const { slots } = one.readings;
        if (slots.kind !== "value") return one;
        const value = slots.value.map((slot) => (slot.name === "abandoned" ? { ...slot, ...change } : slot));
        return { ...one, readings: { ...one.readings, slots: { ...slots, value } } };
      }),
    );
  const reason = sentence("postgresql/wal-directory-closed");
  const closed = filling.map((one): Members[number] => {
    const { walDisk } = one.readings;
    return {
      ...one,
      readings: { ...one.readings, walDisk: { kind: "not-there", reason, evidence: walDisk.evidence } },
    };
  });
  const sightings = (snapshot: ServersSnapshot): readonly unknown[] =>
    postgresqlHealth.find(({ code }) => code === "postgresql/WalFillsDisk")?.find(snapshot) ?? [];
  const timeLeft = (snapshot: ServersSnapshot): unknown =>
    postgresqlConsistency(snapshot)
      .tables.find(({ name }) => name === "postgresql/table.slots")
      ?.rows.find(({ subject }) => subject === "pg-1 / abandoned")
      ?.cells.at(-1);

  it("lasts until its disk is full where that comes before its limit", () => {
    const unlimited = timeLeft(withSlot({}));
    expect(unlimited).toMatchObject({ state: "known", unit: "duration" });
    expect(timeLeft(withSlot({ bytesUntilLost: 2 ** 50 }))).toEqual(unlimited);
    expect(timeLeft(withSlot({ bytesUntilLost: 0 }))).toMatchObject({ state: "known", value: 0 });
  });

  it("fills no disk once it is lost, for then it keeps nothing", () => {
    expect(sightings(withSlot({}))).toHaveLength(1);
    expect(sightings(withSlot({ walStatus: "lost" }))).toEqual([]);
    expect(sightings(withSlot({ walStatus: "lost" }, closed))).toEqual([]);
    expect(timeLeft(withSlot({ walStatus: "lost" }))).toMatchObject({ reason: { code: "postgresql/slot-is-lost" } });
  });

  it("is named where it could not be read how much room its disk has, unless it is lost before", () => {
    expect(sightings(withSlot({}, closed))).toMatchObject([{ subject: { object: "abandoned" }, cannotTell: reason }]);
    expect(timeLeft(withSlot({}, closed))).toMatchObject({ state: "missing", reason });
    expect(sightings(withSlot({ bytesUntilLost: 1 << 20 }, closed))).toEqual([]);
  });
});

describe("a lost slot of the name that a standby uses", () => {
  const gone = recorded("cascade-upstream-gone");
  const stepsFor = (recovery: typeof repoint, members: Members): readonly string[] =>
    codes(recovery.plan(snapshotServers(members), "p2").steps.map(({ title }) => title));
  const against = (recovery: typeof repoint, members: Members, name: string): readonly string[] =>
    codes(recovery.targets(snapshotServers(members)).find(({ target }) => target === name)?.objections ?? []);

  it("is left over where the standby receives from another server, and is made anew with a warning", () => {
    for (const recovery of [repoint, rewind]) {
      expect(against(recovery, gone, "p2")).toEqual([]);
      expect(codes(recovery.plan(snapshotServers(gone), "p2").warnings)).toContain(
        "postgresql/warning.lost-slot-left-over",
      );
    }
    const { steps } = repoint.plan(snapshotServers(gone), "p2");
    expect(codes(steps.map(({ title }) => title))).toEqual([
      "postgresql/step.dropSlot",
      "postgresql/step.createSlot",
      "postgresql/step.pointAt",
    ]);
    // It kept nothing: that it is dropped keeps nobody from taking the rest back.
    expect(steps.map(({ undo }) => undo.kind)).toEqual(["needless", "by", "by"]);
  });

  it("is left over where the standby is set to use none, and none is made that nobody would read", () => {
    const slotless = saying(gone, "p2", { primarySlotName: "", primaryConnection: "host=198.18.1.31 user=replicator" });
    expect(against(rewind, slotless, "p2")).toEqual([]);
    // Named for it, a slot would be made by a rewind, which writes its settings.
    expect(stepsFor(rewind, slotless).slice(1, 3)).toEqual(["postgresql/step.dropSlot", "postgresql/step.createSlot"]);
    expect(stepsFor(repoint, slotless)).toEqual(["postgresql/step.pointAt"]);
  });

  it("is refused where the standby receives by it, or may: with it the WAL went", () => {
    const there = { primaryConnection: "host=198.18.1.31 port=5432 user=replicator" };
    const elsewhere = { primaryConnection: "host=of.another.name port=5432 user=replicator" };
    for (const change of [there, elsewhere])
      for (const recovery of [repoint, rewind])
        expect(against(recovery, saying(gone, "p2", change), "p2")).toEqual(["postgresql/slot-is-lost-for"]);
    // Files of a stopped one name the slot and not whose it is.
    for (const recovery of [rejoin, rewind])
      expect(against(recovery, recorded("standby-slot-lost"), "pg-3")).toEqual(["postgresql/slot-is-lost-for"]);
    expect(against(rebuild, recorded("standby-slot-lost"), "pg-3")).toEqual([]);
  });

  it("is told of a standby's own slots in other words than of a primary's", () => {
    const told = (name: string): string =>
      (postgresqlHealth.find(({ code }) => code === "postgresql/SlotLost")?.find(snapshotServers(recorded(name))) ?? [])
        .map(({ facts }) => say(catalogues.en, "en", sentence("postgresql/SlotLost.remedy", facts)))
        .join("\n");
    expect(told("cascade-upstream-gone")).toMatch(/the slot is made anew with it; if there is none, drop the slot\.$/);
    expect(told("slot-of-standby-lost")).toMatch(/by hand on p3: SELECT pg_drop_replication_slot\('slot_p2'\)\.$/);
  });
});

it("leaves a standby without a slot as it is when another is promoted: a slot for it nobody would read", () => {
  const killed = recorded("primary-killed");
  const titles = (members: Members): readonly string[] =>
    failover.plan(snapshotServers(members), "pg-2").steps.map(({ title }) => title.code);
  expect(titles(killed)).toContain("postgresql/step.createSlot");
  const slotless = titles(saying(killed, "pg-3", { primarySlotName: "" }));
  expect(slotless).not.toContain("postgresql/step.createSlot");
  expect(slotless).toContain("postgresql/step.pointAt");
});

it("reads how many standbys commits wait for as PostgreSQL does", () => {
  const needs = ["FIRST 2 (a, b, c)", "any 3 (*)", " 2(a,b)", "a, b", "*", '"FIRST 3 (x)"', "2, b"];
  expect(needs.map(synchronousNeed)).toEqual([2, 3, 2, 1, 1, 1, 1]);
});
