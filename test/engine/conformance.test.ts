import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { explainedBy, worstFirst } from "../../contract/findings";
import type { Step } from "../../main/engine/engine";
import { engines, hostEngine } from "../../main/engine/registry";
import { NotThere, ParseError } from "../../main/probe/probe";
import { siteOf } from "../../main/monitor/gather";
import { casesOf, casesRoot, neutralRoot, rawFile, readCase, replay } from "./case";
import { assessCase, judge, type Judged } from "./judged";

const needed = ["healthy", "one-node-silent", "refused", "garbled"];
/** Writes what the engines say now as the expectation, to be read before it is kept: `EVENKEEL_EXPECT=write`. */
const writes = process.env.EVENKEEL_EXPECT === "write";

/** Findings and recoveries that no recording shows, each with the reason. */
function notRecorded(engine: string): Readonly<Record<string, string>> {
  const file = join(casesRoot, engine, "not-recorded.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Record<string, string>) : {};
}

function expectedFile(engine: string, name: string): string {
  return join(casesRoot, engine, name, "expected.json");
}

describe.each([hostEngine, ...engines].map((engine) => ({ id: engine.id, engine })))("$id", ({ id, engine }) => {
  const names = casesOf(id);

  it("has the cases every engine needs", () => {
    expect(needed.filter((name) => !names.includes(name))).toEqual([]);
  });

  it.each(names)("%s is judged as expected", (name) => {
    const judged = engine.open((opened) => judge(opened, name));
    const file = expectedFile(id, name);
    if (writes) writeFileSync(file, `${JSON.stringify(judged, null, 2)}\n`);
    expect(JSON.parse(JSON.stringify(judged))).toEqual(JSON.parse(readFileSync(file, "utf8")));
  });

  it.each(names)("%s loses no finding where one explains another: all are shown or stand under one that is", (name) => {
    const { findings } = engine.open((opened) => assessCase(opened, name));
    const told = new Set(worstFirst(findings).flatMap((one) => [one, ...explainedBy(one, findings)]));
    expect(findings.filter((one) => !told.has(one))).toEqual([]);
  });

  it.each(names)("%s names no folder of the machine it was recorded on", (name) => {
    const folder = join(casesRoot, id, name);
    const paths = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .map((file) => join(folder, file))
      .filter((file) => statSync(file).isFile())
      .flatMap((file) => readFileSync(file, "utf8").match(/[^\s"'=]*\/node_modules\//g) ?? []);
    expect(paths.filter((path) => !path.startsWith(neutralRoot))).toEqual([]);
  });

  it("is green on nothing but a healthy recording", () => {
    const green = names.filter((name) => (expected(id, name)?.level ?? "") === "ok");
    expect(green.filter((name) => !name.startsWith("healthy") && !name.startsWith("after-"))).toEqual([]);
  });

  it("has a case for every finding and every recovery, or says why not", () => {
    const seen = new Set<string>();
    for (const name of names) {
      const judged = expected(id, name);
      for (const { code } of judged?.findings ?? []) seen.add(code);
      for (const [action, targets] of Object.entries(judged?.recoveries ?? {}))
        if (targets["*"] === undefined && Object.values(targets).some((objections) => objections.length === 0))
          seen.add(action);
    }
    const excused = notRecorded(id);
    const all = [...engine.findings, ...engine.recoveries];
    expect(all.filter((code) => !seen.has(code) && excused[code] === undefined)).toEqual([]);
    // An excuse that is no longer needed must go.
    expect(Object.keys(excused).filter((code) => seen.has(code))).toEqual([]);
  });

  it.each(names)("%s: no step of a plan is taken for done by what must be so before it", (name) => {
    const judgedBefore = engine.open((opened) => {
      const snapshot = opened.snapshot(replay(opened, name));
      return opened.recoveries.flatMap((recovery) =>
        recovery.objections(snapshot).length > 0
          ? []
          : recovery
              .targets(snapshot)
              .filter(({ objections }) => objections.length === 0)
              .flatMap(({ target }) => recovery.plan(snapshot, target).steps)
              .flatMap((step) => [
                ...(leavesSomething(step) ? [step] : []),
                ...(step.undo.kind === "by" ? [step.undo] : []),
              ])
              .filter(({ stillSafe, achieved }) => {
                const before = new Set(stillSafe.map((claim) => JSON.stringify(claim)));
                return achieved.every((claim) => before.has(JSON.stringify(claim)));
              })
              .map(({ title }) => title.code),
      );
    });
    expect(judgedBefore).toEqual([]);
  });

  it("reads every recording cut short at any place without a fault of its own", () => {
    for (const name of names) {
      for (const { member, probes } of readCase(id, name).members) {
        engine.open((opened) => {
          for (const [probe, { parse }] of Object.entries(opened.probes(siteOf(opened, member)))) {
            if (probes[probe] === undefined || probes[probe].reason !== undefined) continue;
            const raw = readFileSync(rawFile(join(casesRoot, id, name), member.member, probe), "utf8");
            for (const at of cuts(raw.length)) parseSafely(parse, raw.slice(0, at));
          }
        });
      }
    }
  });
});

/** What leaves nothing to take back may leave nothing to see. */
function leavesSomething({ changes, undo }: Step): boolean {
  return changes && undo.kind !== "needless";
}

function expected(engine: string, name: string): Judged | null {
  const file = expectedFile(engine, name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Judged) : null;
}

/** Every place in a short text; two hundred spread over a long one. */
function cuts(length: number): readonly number[] {
  const step = Math.max(1, Math.floor(length / 200));
  return Array.from({ length: Math.ceil(length / step) }, (_, at) => at * step);
}

function parseSafely(parse: (text: string) => unknown, text: string): void {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof ParseError) && !(error instanceof NotThere)) throw error;
  }
}
