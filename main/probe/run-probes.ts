import type { Evidence, EvidenceId } from "../../contract/figure";
import { sentence, type Sentence } from "../../contract/sentence";
import type { Clock } from "../clock";
import type { Ending, NodeAccess } from "../ssh/access";
import { SshError } from "../ssh/ssh-error";
import { evidenceId, NotThere, ParseError, type Ask, type Probe, type Probes, type Reading, type Taken } from "./probe";
import { showAsk } from "./show-ask";
import { WireError } from "./wire-error";
import { OutcomeUnknown, type Wire } from "./wire/wire";

/** Puts an engine's probes to one member and gives a reading for each; never rejects. */
export type TakeReadings = (
  access: NodeAccess,
  member: string,
  probes: Probes,
  previous: ReadonlyMap<EvidenceId, Taken>,
  /** `routine` leaves out what is asked seldom. */
  which?: "all" | "routine",
) => Promise<Readonly<Record<string, Taken>>>;

/** The reason where an answer came that its parser does not know. */
const unreadable = "probe/unreadable";
const keptWithoutValueMs = 60_000;

const standardDeadlineMs = 5_000;
const standardMaxBytes = 4 << 20;
/** Of a raw answer this much is kept for a person to look at. */
const keptRawBytes = 64 << 10;

export interface TakeParts {
  readonly clock: Clock;
  readonly wire: Wire;
  /** Of a raw answer this much is kept; a recorder keeps all. */
  readonly keptRawBytes?: number;
}

export function createTakeReadings(parts: TakeParts): TakeReadings {
  return async (access, member, probes, previous, which = "all") => {
    const asked = Object.entries(probes).map(async ([name, probe]): Promise<readonly [string, Taken]> => {
      const id = evidenceId(access.node, member, name);
      const earlier = previous.get(id);
      // A desktop's clock that was set back leaves a reading of the future: its age is not known, so it is read anew.
      const ageMs = parts.clock.nowMs() - (earlier?.reading.evidence.takenAt ?? 0);
      const isFresh = earlier !== undefined && ageMs >= 0 && ageMs < keptMs(earlier.reading, probe.everyMs ?? 0);
      if (which === "routine" && probe.seldom === true) return [name, leftOut(parts, access, id, probe)];
      return [name, isFresh ? earlier : await take(parts, access, id, probe)];
    });
    return Object.fromEntries(await Promise.all(asked));
  };
}

/**
 * An answer without a value is as dear to ask again as one with it, so it is kept too, but never for long: what a service could not tell
 * while it changed its leader is told a moment later. Where no answer came, it is asked again at once.
 */
function keptMs(reading: Reading<unknown>, everyMs: number): number {
  if (reading.kind === "value") return everyMs;
  const isAnswered = reading.kind === "not-there" || reading.reason.code === unreadable;
  return isAnswered ? Math.min(everyMs, keptWithoutValueMs) : 0;
}

function leftOut(parts: TakeParts, access: NodeAccess, id: EvidenceId, probe: Probe<unknown>): Taken {
  const evidence: Evidence = {
    id,
    node: access.node,
    ask: showAsk(access, probe.ask),
    outcome: "not-there",
    takenAt: parts.clock.nowMs(),
    tookMs: 0,
    rawBytes: 0,
  };
  return { reading: { kind: "not-there", reason: sentence("probe/asked-seldom"), evidence }, raw: "" };
}

async function take(parts: TakeParts, access: NodeAccess, id: EvidenceId, probe: Probe<unknown>): Promise<Taken> {
  const startedAt = parts.clock.monotonicMs();
  const evidence = (outcome: Evidence["outcome"], raw: string): Evidence => ({
    id,
    node: access.node,
    ask: showAsk(access, probe.ask),
    outcome,
    takenAt: parts.clock.nowMs(),
    tookMs: parts.clock.monotonicMs() - startedAt,
    rawBytes: Buffer.byteLength(raw),
  });
  let raw: string;
  try {
    raw = await put(parts, access, probe);
  } catch (error) {
    return {
      reading: { kind: "failed", reason: reasonOf(error, access.node), evidence: evidence("failed", "") },
      raw: "",
    };
  }
  const reading = readingOf(probe, raw, (outcome) => evidence(outcome, raw));
  return { reading, raw: raw.slice(0, parts.keptRawBytes ?? keptRawBytes) };
}

/** Pure. What an answer's text says, in the words of its probe. */
export function readingOf<T>(
  probe: Probe<T>,
  raw: string,
  evidence: (outcome: Evidence["outcome"]) => Evidence,
): Reading<T> {
  try {
    return { kind: "value", value: probe.parse(raw), evidence: evidence("value") };
  } catch (error) {
    if (error instanceof NotThere)
      return { kind: "not-there", reason: error.sentence, evidence: evidence("not-there") };
    const failed = evidence("failed");
    return { kind: "failed", reason: reasonOf(error, failed.node), evidence: failed };
  }
}

/** Why an ask gave no value, for people. */
export function reasonOf(error: unknown, node: string): Sentence {
  if (error instanceof SshError || error instanceof WireError) return error.sentence;
  if (error instanceof OutcomeUnknown) return error.problem.sentence;
  if (error instanceof ParseError)
    return sentence(unreadable, { node, what: error.what, line: error.line.slice(0, 200) });
  return sentence("probe/fault", { node, problem: error instanceof Error ? error.message : String(error) });
}

async function put(parts: TakeParts, access: NodeAccess, probe: Probe<unknown>): Promise<string> {
  const limits = { deadlineMs: probe.deadlineMs ?? standardDeadlineMs, maxBytes: probe.maxBytes ?? standardMaxBytes };
  const ask: Ask = probe.ask;
  switch (ask.kind) {
    case "read": {
      const output = await access.read(ask.script, limits);
      return whole(output.stdout, output.droppedBytes, access.node);
    }
    case "run": {
      const output = await access.run(ask.command, limits);
      if (output.ending.kind !== "exited" && output.ending.kind !== "start-failed")
        throw unread(output.ending, limits.deadlineMs, access.node);
      return whole(output.stdout, output.droppedBytes, access.node);
    }
    case "postgres":
    case "redis":
    case "http":
    case "words":
      return parts.wire.call(access, ask, limits.deadlineMs);
  }
}

function whole(text: string, droppedBytes: number, node: string): string {
  if (droppedBytes > 0) throw new SshError("garbled", node, { problem: `${droppedBytes} bytes more than can be read` });
  return text;
}

/** Why an answer whose end was not seen, or that was cut short, is not read. */
function unread(
  ending: Exclude<Ending, { kind: "exited" | "start-failed" }>,
  deadlineMs: number,
  node: string,
): SshError {
  switch (ending.kind) {
    case "timed-out":
      return new SshError("deadline", node, { deadlineMs });
    case "lost":
      return new SshError("link-lost", node, { problem: "the command's end was not seen" });
    case "no-frame":
      return new SshError("shell-unusable", node, { problem: "the answer has no end" });
    case "killed":
      return new SshError("garbled", node, { problem: `the command was ended by the signal ${ending.signal}` });
    case "truncated":
      return new SshError("garbled", node, { problem: "the answer was without end" });
  }
}
