import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { casesOf, casesRoot } from "../../engine/case";
import type { Judged } from "../../engine/judged";
import type { EngineRecordings } from "./depth-table";

/** What the recorded cases of an engine cover: cases named for a fault, recoveries offered in one, and what every judged case tells. */
export function recordingsOf(engine: string, actions: readonly string[]): EngineRecordings {
  const recorded = new Set<string>();
  for (const name of casesOf(engine)) {
    recorded.add(name);
    const file = join(casesRoot, engine, name, "expected.json");
    if (!existsSync(file)) continue;
    const judged = JSON.parse(readFileSync(file, "utf8")) as Judged;
    for (const [action, targets] of Object.entries(judged.recoveries))
      if (targets["*"] === undefined && Object.values(targets).some((objections) => objections.length === 0))
        recorded.add(withoutEngine(action));
    if (judged.findings.length > 0) recorded.add("B");
    if (Object.keys(judged.balances).length > 0) recorded.add("C");
    if (Object.keys(judged.witnesses).length > 0) recorded.add("D");
    if (judged.tolerances.length > 0) recorded.add("E");
  }
  return { engine, recoveries: actions.map(withoutEngine), recorded };
}

function withoutEngine(action: string): string {
  return action.slice(action.indexOf("/") + 1);
}
