import { sentence } from "../../contract/sentence";
import { NotThere, ParseError, type Reading } from "../probe/probe";
import { countOf } from "../probe/parse/key-values";
import { quote } from "../ssh/quote";
import { controlOf } from "./service";

/** Whether a member's process runs, by its host's own word, whatever the service answers. */
export type Liveness =
  | { readonly kind: "not-running" }
  | {
      readonly kind: "running";
      readonly pid: number;
      /** Stopped by a signal: it holds its ports and answers nobody. */
      readonly isStopped: boolean;
      /** Null where the host tells no age. */
      readonly ageMs: number | null;
    };

export interface WantedProcess {
  /** As in /proc/<pid>/comm. */
  readonly name: string;
  /** Each must stand in its command line. */
  readonly words: readonly string[];
  /** What starts and stops it, as kept in the member's settings; tells processes of one name apart. */
  readonly control: string;
}

/** Builtins only. The command line reads as one word, because a shell's `read` drops the zero bytes between arguments. */
export function livenessScript({ name, words, control }: WantedProcess): string {
  const kept = controlOf(control);
  const wanted = kept?.kind === "plain" ? [...words, kept.argv.join("")] : words;
  const lines = wanted.map(
    (word) => `line=; read -r line <"$p/cmdline"; case $line in *${quote([word])}*) ;; *) continue;; esac`,
  );
  const unit = kept?.kind === "systemd" ? quote([kept.unit]) : null;
  return `for p in /proc/[0-9]*; do
 name=; read -r name <"$p/comm" || continue; [ "$name" = ${quote([name])} ] || continue
${lines.map((line) => ` ${line}\n`).join("")}${
    unit === null
      ? ""
      : ` own=; while read -r line; do case $line in */${unit}|*/${unit}/*) own=1;; esac; done <"$p/cgroup"; [ "$own" ] || continue\n`
  } line=; read -r line <"$p/stat" && echo "process $line"
done 2>/dev/null
${uptimeScript}`;
}

/** What ages of processes are told by; `hidden` where the login does not see those of others. */
export const uptimeScript = `read -r line </proc/uptime; echo "uptime $line"
if [ -r /proc/1/stat ]; then read -r line </proc/1/stat; echo "first $line"; else echo hidden; fi`;

/**
 * ```
 * process 214 (etcd) S 1 214 214 0 -1 4194560 3471 0 9 0 12 6 0 0 20 0 9 0 81253 11194412 8102 …
 * uptime 812.90 1603.12
 * first 1 (systemd) S 0 1 1 0 -1 4194560 …
 * ```
 */
export function parseLiveness(text: string): Liveness {
  const lines = text.trim().split("\n");
  if (uptimeTicks(lines) === null) throw new ParseError("whether the process runs", text);
  const found = lines.map((line) => /^process (\d+) \(.*\) (\w) /.exec(line)).find((one) => one !== null);
  if (found == null) {
    if (lines.includes("hidden")) throw new NotThere(sentence("probe/processes-hidden"));
    return { kind: "not-running" };
  }
  return {
    kind: "running",
    pid: countOf("process id", found[1]),
    isStopped: found[2] === "T" || found[2] === "t",
    ageMs: processAgeMs(found.input, lines),
  };
}

/** How long the process of a stat line runs, by the `uptime` and `first` lines that were read with it; null where they tell nothing. */
export function processAgeMs(statLine: string, lines: readonly string[]): number | null {
  const uptime = uptimeTicks(lines);
  return uptime === null ? null : ageOf(uptime, startedTicks(statLine), firstTicks(lines));
}

function uptimeTicks(lines: readonly string[]): number | null {
  const found = lines.map((line) => /^uptime (\d+)\.(\d\d) /.exec(line)).find((one) => one !== null);
  return found == null ? null : Number(`${found[1] ?? ""}${found[2] ?? ""}`);
}

/** The 22nd field of a stat line: when the process started, in hundredths of a second since the boot. */
function startedTicks(line: string): number {
  return countOf("when the process started", /\) (.*)$/.exec(line)?.[1]?.split(" ")[19]);
}

function firstTicks(lines: readonly string[]): number | null {
  const line = lines.find((one) => one.startsWith("first "));
  return line === undefined ? null : startedTicks(line);
}

/** In a container that has an uptime of its own, processes still count from the machine's boot: there its first process tells the difference. */
function ageOf(uptimeTicks: number, started: number, first: number | null): number | null {
  if (uptimeTicks >= started) return (uptimeTicks - started) * 10;
  const age = first === null ? -1 : uptimeTicks - (started - first);
  return age < 0 ? null : age * 10;
}

const youngMs = 60_000;

type Process =
  { readonly kind: "not-running" } | { readonly kind: "running"; readonly pid: number; readonly ageMs: number | null };

/** Two looks in a row saw different processes, and each was young: it ends and is started again and again. */
export function keepsRestarting(before: Reading<Process> | undefined, now: Reading<Process>): boolean {
  if (before?.kind !== "value" || now.kind !== "value") return false;
  const [one, other] = [before.value, now.value];
  if (one.kind !== "running" || other.kind !== "running" || one.pid === other.pid) return false;
  return one.ageMs !== null && other.ageMs !== null && one.ageMs < youngMs && other.ageMs < youngMs;
}
