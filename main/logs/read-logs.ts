import type { LogLine, Logs } from "../../contract/logs";
import type { Member } from "../../contract/inventory";
import { sentence } from "../../contract/sentence";
import type { AnyEngine, EngineLogs, LogSource, SettingFields, Site } from "../engine/engine";
import type { Access, Command, NodeAccess } from "../ssh/access";
import { explainLines, mergeLines } from "./explain-lines";

export interface ReadLogsParts {
  readonly access: Access;
  readonly siteOf: (engine: { readonly settings: SettingFields }, member: Member) => Site<SettingFields>;
  /** How far a node's clock is ahead of the desktop's, or null where it was not read. */
  readonly clockOffsetMs: (node: string) => number | null;
  readonly nowMs: () => number;
}

const deadlineMs = 20_000;
const mostBytes = 2 << 20;

type Source = Logs["sources"][number];
interface Read {
  readonly source: Source;
  readonly lines: readonly LogLine[];
}

/** Reads the end of every member's log, because a person asks; it starts processes on the nodes and is never part of a cycle. */
export async function readLogs(
  parts: ReadLogsParts,
  engine: AnyEngine,
  members: readonly Member[],
  mostLines: number,
): Promise<Logs> {
  const perMember = Math.ceil(mostLines / Math.max(1, members.length));
  const reads = await engine.open((opened) =>
    Promise.all(members.map((member) => readMember(parts, opened.logs, parts.siteOf(opened, member), perMember))),
  );
  return {
    takenAt: parts.nowMs(),
    sources: reads.map(({ source }) => source),
    lines: [
      ...mergeLines(
        reads.map(({ lines }) => lines),
        mostLines,
      ),
    ],
  };
}

async function readMember(
  parts: ReadLogsParts,
  logs: EngineLogs<SettingFields> | null,
  site: Site<SettingFields>,
  lineCount: number,
): Promise<Read> {
  const { member, node } = site;
  const sources = logs?.sources(site) ?? [];
  let last: Read = {
    source: { member, node, ask: "", reason: sentence("logs/no-source", { member }) },
    lines: [],
  };
  for (const source of logs === null ? [] : sources)
    for (const command of commandsFor(source, lineCount)) {
      const access = parts.access.node(node);
      const answer = await attempt(access, command);
      const ask = access.state().state === "ready" ? access.shown(command) : command.argv.join(" ");
      if ("text" in answer && logs !== null) {
        const origin = { member, node, kind: source.kind, clockOffsetMs: parts.clockOffsetMs(node) };
        return { source: { member, node, ask, reason: null }, lines: explainLines(answer.text, logs, origin) };
      }
      const problem = "problem" in answer ? answer.problem : "";
      last = { source: { member, node, ask, reason: sentence("logs/not-read", { member, problem }) }, lines: [] };
    }
  return last;
}

/** As the login first; logs are often for root and the engine's own account alone. */
function commandsFor(source: LogSource, lineCount: number): readonly Command[] {
  const count = String(lineCount);
  const argv: Command["argv"] =
    source.kind === "file"
      ? ["tail", "-n", count, "--", source.path]
      : ["journalctl", "--no-pager", "--quiet", "-o", "short-unix", "-n", count, ...unitWords(source.unit)];
  return [{ argv }, { argv, runAs: "root" }];
}

/** An empty unit is the kernel. */
function unitWords(unit: string): readonly string[] {
  return unit === "" ? ["-k"] : ["-u", unit];
}

async function attempt(
  access: NodeAccess,
  command: Command,
): Promise<{ readonly text: string } | { readonly problem: string }> {
  try {
    const { stdout, stderr, ending } = await access.run(command, { deadlineMs, maxBytes: mostBytes });
    const said = stderr.trim().split("\n").at(-1) ?? "";
    if (ending.kind === "exited" && ending.code === 0 && stdout !== "") return { text: stdout };
    return { problem: said === "" ? `${ending.kind}, nothing written` : said };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
