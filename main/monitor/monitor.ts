import type { Assessment } from "../../contract/assessment";
import type { EvidenceDetail, EvidenceId } from "../../contract/figure";
import type { Cluster } from "../../contract/inventory";
import { assess } from "../assess/assess";
import type { Clock } from "../clock";
import type { AnyEngine, Engine, SettingFields } from "../engine/engine";
import type { Probes, Taken } from "../probe/probe";
import type { TakeReadings } from "../probe/run-probes";
import type { Observation, Observer } from "../recovery/ports";
import type { Access } from "../ssh/access";
import { gather, type Gathered } from "./gather";
import { keepPace, lastKnown, type Pace } from "./pace";

/** Keeps one assessment of each watched cluster fresh, and takes observations for the recovery runner. */
export interface Monitor extends Observer {
  /** Begins cycles for a cluster; with `watch` false it is read only when asked. */
  add(cluster: Cluster): void;
  remove(clusterId: string): void;
  /** Reads the cluster now; resolves when an assessment begun after the call is there. */
  refresh(clusterId: string): Promise<void>;
  /** As `refresh`, where nobody waits for it: what it gives is announced, and what goes wrong ends nothing. */
  refreshSoon(clusterId: string): void;
  latest(clusterId: string): Assessment | null;
  evidence(clusterId: string, evidenceId: EvidenceId): EvidenceDetail | null;
  /** Makes every assessment stale at once: the desktop was away, and nothing it knows is of now. Each is read again. */
  distrust(): void;
  close(): void;
}

export interface MonitorParts {
  readonly clock: Clock;
  readonly access: Access;
  readonly take: TakeReadings;
  readonly engineOf: (cluster: Cluster) => AnyEngine;
  /** The engine that reads the hosts themselves, for every cluster. */
  readonly host: AnyEngine;
  readonly pauseMs: () => number;
  readonly watch: boolean;
  /** `begunAt`: when its readings began, by the monotonic clock; null when nothing new was read. */
  readonly announce: (assessment: Assessment, begunAt: number | null) => void;
}

interface Watched {
  readonly cluster: Cluster;
  readonly pace: Pace;
  assessment: Assessment | null;
  taken: ReadonlyMap<EvidenceId, Taken>;
}

/** Until the preferences could be read for the first time. */
const firstPauseMs = 5_000;

export function createMonitor(given: MonitorParts): Monitor {
  const watched = new Map<string, Watched>();
  const parts = { ...given, pauseMs: lastKnown(given.pauseMs, firstPauseMs, (error) => report("the pause", error)) };
  /** By the monotonic clock: what was begun before is not of now, however late it comes. */
  let distrustedAt = -Infinity;

  function add(cluster: Cluster): void {
    remove(cluster.clusterId);
    const cycle = cycleOf(parts, cluster);
    const entry: Watched = {
      cluster,
      assessment: null,
      taken: new Map(),
      pace: keepPace({
        pauseMs: parts.pauseMs,
        // One cluster that cannot be judged must not take the core, and with it all others, down.
        failed: (error) => report(cluster.name, error),
        turn: async () => {
          const { assessment, taken, begunAt } = await cycle();
          entry.assessment = begunAt > distrustedAt ? assessment : { ...assessment, staleAfterMs: 0 };
          entry.taken = taken;
          if (watched.get(cluster.clusterId) === entry) parts.announce(entry.assessment, begunAt);
        },
      }),
    };
    watched.set(cluster.clusterId, entry);
    if (parts.watch) entry.pace.start();
  }

  function remove(clusterId: string): void {
    watched.get(clusterId)?.pace.stop();
    watched.delete(clusterId);
  }

  return {
    add,
    remove,
    refresh: async (clusterId) => watched.get(clusterId)?.pace.now(),
    refreshSoon: (clusterId) => watched.get(clusterId)?.pace.soon(),
    latest: (clusterId) => watched.get(clusterId)?.assessment ?? null,
    evidence: (clusterId, evidenceId) => detailOf(watched.get(clusterId)?.taken.get(evidenceId)),
    observe: (engine, cluster) => observe(parts, engine, cluster),
    distrust: () => {
      distrustedAt = parts.clock.monotonicMs();
      for (const entry of watched.values()) {
        if (entry.assessment !== null) {
          entry.assessment = { ...entry.assessment, staleAfterMs: 0 };
          parts.announce(entry.assessment, null);
        }
        if (parts.watch) entry.pace.soon();
      }
    },
    close: () => [...watched.keys()].forEach(remove),
  };
}

function report(what: string, error: unknown): void {
  console.error(`${what}: ${error instanceof Error ? (error.stack ?? "") : String(error)}`);
}

interface Round {
  readonly assessment: Assessment;
  readonly taken: ReadonlyMap<EvidenceId, Taken>;
  readonly begunAt: number;
}

/** A function that reads and judges a cluster once, and remembers what the next reading is compared with. */
function cycleOf(parts: MonitorParts, cluster: Cluster): () => Promise<Round> {
  const hosts = cluster.nodes.map((node) => ({ member: "host", node: node.node, settings: {} }));
  return parts.engineOf(cluster).open((engine) =>
    parts.host.open((host) => {
      let previous: { engine: Gathered<never, never>; host: Gathered<never, never>; assessment: Assessment } | null =
        null;
      let count = 0;
      return async (): Promise<Round> => {
        const startedAt = parts.clock.monotonicMs();
        const [seen, hostsSeen] = await Promise.all([
          gather(parts, engine, cluster.members, previous?.engine ?? null),
          gather(parts, host, hosts, previous?.host ?? null),
        ]);
        count += 1;
        const taken = new Map([...seen.taken, ...hostsSeen.taken]);
        const assessment = assess({
          cluster,
          engine,
          members: seen.members,
          host,
          hosts: hostsSeen.members,
          transports: new Map(cluster.nodes.map(({ node }) => [node, parts.access.node(node).transport()])),
          evidence: [...taken.values()].map((one) => one.reading.evidence),
          previous: previous?.assessment ?? null,
          cycle: count,
          takenAt: parts.clock.nowMs(),
          tookMs: parts.clock.monotonicMs() - startedAt,
          staleAfterMs: 3 * parts.pauseMs() + 10_000,
        });
        previous = { engine: seen as never, host: hostsSeen as never, assessment };
        return { assessment, taken, begunAt: startedAt };
      };
    }),
  );
}

async function observe<F extends SettingFields, P extends Probes, S>(
  parts: MonitorParts,
  engine: Engine<F, P, S>,
  cluster: Cluster,
): Promise<Observation<S>> {
  const startedAt = parts.clock.nowMs();
  const { members } = await gather(parts, engine, cluster.members, null, "routine");
  return { snapshot: engine.snapshot(members), takenAt: startedAt };
}

function detailOf(taken: Taken | undefined): EvidenceDetail | null {
  if (taken === undefined) return null;
  const { reading, raw } = taken;
  return { ...reading.evidence, raw, problem: reading.kind === "value" ? null : reading.reason };
}
