import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { reachabilitySchema } from "../../contract/health";
import { memberSchema } from "../../contract/inventory";
import { sentence, sentenceSchema } from "../../contract/sentence";
import type { Engine, MemberReadings, SettingFields } from "../../main/engine/engine";
import type { Evidence } from "../../contract/figure";
import { evidenceId, type Probes, type Reading, type Readings } from "../../main/probe/probe";
import { readingOf } from "../../main/probe/run-probes";
import { siteOf } from "../../main/monitor/gather";

/**
 * One recorded look at a cluster: `case.json` beside `<member>/<probe>.out`, the raw answers. Written by the recorder from a real
 * cluster and never by hand; `expected.json` says what the engine must make of it.
 */
export const caseSchema = z.object({
  engine: z.string(),
  /** What was done to the cluster, in a sentence. */
  what: z.string(),
  /** The engine's own version string and where the recording was made. */
  version: z.string(),
  origin: z.string(),
  recordedAt: z.string(),
  members: z.array(
    z.object({
      member: memberSchema,
      reachability: reachabilitySchema,
      probes: z.record(
        z.string(),
        z.object({
          takenAt: z.number(),
          tookMs: z.number(),
          /** Present where no answer came: the raw file is then absent. */
          reason: sentenceSchema.optional(),
        }),
      ),
    }),
  ),
});
export type RecordedCase = z.infer<typeof caseSchema>;

export const casesRoot = join(import.meta.dirname);
/** The look before, which rates are made from, lies in a folder of its own inside the case. */
export const previousFolder = "previous";

export function casesOf(engine: string): readonly string[] {
  const directory = join(casesRoot, engine);
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

export function readCase(engine: string, name: string): RecordedCase {
  return caseSchema.parse(JSON.parse(readFileSync(join(casesRoot, engine, name, "case.json"), "utf8")));
}

export function rawFile(directory: string, member: string, probe: string): string {
  return join(directory, member.replaceAll("/", "_"), `${probe}.out`);
}

export function writeCase(directory: string, recorded: RecordedCase, raws: ReadonlyMap<string, string>): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "case.json"), neutral(`${JSON.stringify(recorded, null, 2)}\n`));
  for (const { member, probes } of recorded.members)
    for (const probe of Object.keys(probes)) {
      const raw = raws.get(`${member.member} ${probe}`);
      if (raw === undefined) continue;
      const file = rawFile(directory, member.member, probe);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, neutral(raw));
    }
}

/** Where this checkout stands is no part of what a cluster answered. */
function neutral(text: string): string {
  return text.replaceAll(process.cwd(), neutralRoot);
}

/** What stands in recordings for the folder they were made in. */
export const neutralRoot = "/opt/evenkeel";

/** The readings of a case as the monitor would hand them to the engine, parsed anew from the raw answers. */
export function replay<F extends SettingFields, P extends Probes>(
  engine: Engine<F, P, unknown>,
  name: string,
): readonly MemberReadings<F, P>[] {
  const directory = join(casesRoot, engine.id, name);
  const before = existsSync(join(directory, previousFolder, "case.json"))
    ? replayFolder(engine, join(directory, previousFolder))
    : [];
  return replayFolder(engine, directory).map((now) => {
    const previous = before.find(({ site }) => site.node === now.site.node && site.member === now.site.member);
    return previous === undefined ? now : { ...now, previous: previous.readings };
  });
}

function replayFolder<F extends SettingFields, P extends Probes>(
  engine: Engine<F, P, unknown>,
  directory: string,
): readonly MemberReadings<F, P>[] {
  const recorded = caseSchema.parse(JSON.parse(readFileSync(join(directory, "case.json"), "utf8")));
  return recorded.members.map(({ member, reachability, probes }) => {
    const site = siteOf(engine, member);
    const readings = Object.entries(engine.probes(site)).map(([name, probe]): readonly [string, Reading<unknown>] => {
      const taken = probes[name];
      if (taken === undefined) return [name, notAsked(member.node, member.member, name)];
      const raw = taken.reason === undefined ? readFileSync(rawFile(directory, member.member, name), "utf8") : "";
      const evidence = (outcome: Evidence["outcome"]): Evidence => ({
        id: evidenceId(member.node, member.member, name),
        node: member.node,
        ask: name,
        outcome,
        takenAt: taken.takenAt,
        tookMs: taken.tookMs,
        rawBytes: Buffer.byteLength(raw),
      });
      return [
        name,
        taken.reason === undefined
          ? readingOf(probe, raw, evidence)
          : { kind: "failed", reason: taken.reason, evidence: evidence("failed") },
      ];
    });
    return { site, reachability, readings: Object.fromEntries(readings) as Readings<P> };
  });
}

/** A recording older than the probe does not tell, as a host that does not answer does not: missing, with a reason, and never a value. */
function notAsked(node: string, member: string, probe: string): Reading<unknown> {
  const id = evidenceId(node, member, probe);
  return {
    kind: "failed",
    reason: sentence("probe/not-told"),
    evidence: { id, node, ask: probe, outcome: "failed", takenAt: 0, tookMs: 0, rawBytes: 0 },
  };
}
