import type { FactTable } from "../../../contract/consistency";
import type { Figure, Unit } from "../../../contract/figure";
import type { NamedFigure } from "../../../contract/health";
import { sentence, type Sentence } from "../../../contract/sentence";
import type { RedisInfo } from "../../probe/parse/redis-info";
import { figureOf, known, none, nothing } from "../figure-of";
import { gained, infoOf, type RedisServer } from "./server";

/** A figure of what a server tells of itself; `otherwise` says why one that answers has none. */
export function told(
  server: RedisServer,
  unit: Unit,
  otherwise: Sentence,
  pick: (info: RedisInfo) => string | number | boolean | null,
): Figure {
  return figureOf(server.info, unit, (info) => pick(info) ?? otherwise);
}

/** Per second since the reading before. */
export function rate(server: RedisServer, unit: Unit, counter: (info: RedisInfo) => number): Figure {
  const { id, takenAt } = server.info.evidence;
  const gain = gained(server, counter);
  const seconds = server.before === null ? 0 : (takenAt - server.before.takenAt) / 1000;
  if (gain !== null && seconds > 0) return known(gain / seconds, unit, id);
  return figureOf(server.info, unit, () => sentence("probe/needs-two-readings"));
}

/** Cache and concurrency of a data server, as named figures of the members table. */
export function workFigures(engine: string, server: RedisServer): readonly NamedFigure[] {
  const untold = sentence("probe/not-told");
  const of = (name: string, figure: Figure): NamedFigure => ({ name: `${engine}/figure.${name}`, figure });
  return [
    of(
      "usedMemory",
      told(server, "bytes", untold, (info) => info.memory?.usedBytes ?? null),
    ),
    of(
      "memoryLimit",
      figureOf(server.info, "bytes", ({ memory }) =>
        memory === null ? untold : memory.mostBytes === 0 ? nothing(sentence("probe/no-limit")) : memory.mostBytes,
      ),
    ),
    of(
      "fragmentation",
      told(server, "count", untold, (info) => info.memory?.fragmentation ?? null),
    ),
    of(
      "keys",
      told(server, "count", untold, (info) => info.keyCount),
    ),
    of(
      "commandRate",
      told(server, "per-second", untold, (info) => info.statistics.commandsPerSecond),
    ),
    of("hitRatio", hitRatio(server)),
    of(
      "evictionRate",
      rate(server, "per-second", (info) => info.statistics.evictedKeys),
    ),
    of(
      "clients",
      told(server, "count", untold, (info) => info.clients.connected),
    ),
    of(
      "clientLimit",
      told(server, "count", untold, (info) => info.clients.most),
    ),
    of(
      "blockedClients",
      told(server, "count", untold, (info) => info.clients.blocked),
    ),
    of(
      "forkTime",
      told(server, "duration", untold, (info) => forkMs(info)),
    ),
    of(
      "fullCopies",
      told(server, "count", untold, (info) => info.statistics.fullSyncs),
    ),
    of(
      "unsavedChanges",
      told(server, "count", untold, (info) => info.persistence?.changesSinceSave ?? null),
    ),
    of(
      "lastSave",
      told(server, "instant", untold, (info) => info.persistence?.lastSavedAt ?? null),
    ),
    of(
      "version",
      told(server, "text", untold, (info) => info.version),
    ),
    of(
      "uptime",
      told(server, "duration", untold, (info) => info.uptimeSeconds * 1000),
    ),
  ];
}

function forkMs({ statistics }: RedisInfo): number | null {
  return statistics.lastForkMicroseconds === null ? null : statistics.lastForkMicroseconds / 1000;
}

/** Over the time since the reading before; a cache's ratio since its start hides what it is now. */
function hitRatio(server: RedisServer): Figure {
  const hits = gained(server, (info) => info.statistics.hits);
  const misses = gained(server, (info) => info.statistics.misses);
  const { id } = server.info.evidence;
  if (hits === null || misses === null)
    return figureOf(server.info, "ratio", () => sentence("probe/needs-two-readings"));
  return hits + misses === 0 ? none(sentence("probe/nothing-read"), id) : known(hits / (hits + misses), "ratio", id);
}

/** The latest calls that the servers themselves found slow, without their arguments. */
export function slowCallTable(engine: string, servers: readonly RedisServer[]): FactTable {
  const column = (name: string, unit: Unit): FactTable["columns"][number] => ({
    name: `${engine}/column.${name}`,
    unit,
  });
  const asked = servers.filter(({ slowCalls }) => slowCalls !== null);
  return {
    name: `${engine}/table.slowCalls`,
    columns: [column("at", "instant"), column("took", "duration"), column("command", "text"), column("client", "text")],
    rows: asked.flatMap(({ member, slowCalls }) =>
      slowCalls?.kind !== "value"
        ? []
        : slowCalls.value.map(({ at, microseconds, command, client }) => {
            const { id } = slowCalls.evidence;
            return {
              subject: member,
              cells: [
                known(at, "instant", id),
                known(microseconds / 1000, "duration", id),
                known(command, "text", id),
                known(client, "text", id),
              ],
            };
          }),
    ),
    complete: asked.every((server) => server.slowCalls?.kind === "value" || infoOf(server) === null),
    evidence: asked.flatMap(({ slowCalls }) => (slowCalls === null ? [] : [slowCalls.evidence.id])),
  };
}
