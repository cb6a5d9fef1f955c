import type { Cluster } from "../../contract/inventory";
import { sentence, type Sentence } from "../../contract/sentence";
import type { Clock } from "../clock";
import type { AnyEngine, Claim, Engine, SettingFields } from "../engine/engine";
import type { Probes } from "../probe/probe";
import type { Observer } from "./ports";
import { RecoveryError } from "./recovery-error";
import type { Trust } from "./trust";

export interface LookParts {
  readonly observer: Observer;
  readonly engineOf: (cluster: Cluster) => AnyEngine;
  readonly clock: Clock;
  readonly trust: Trust;
}

/** A fresh look at a cluster that claims can be held against. */
export interface Look {
  /** What the first claim that is not shown meets instead; null when all are shown. */
  missing(claims: readonly Claim[]): Sentence | null;
}

/** Older readings decide nothing. A look itself takes a few seconds at most. */
export const readingsLiveMs = 30_000;
const retakes = 3;

/** Takes fresh readings; takes them again when the desktop was away in between. Throws RecoveryError when none can be had. */
export async function observeFresh<F extends SettingFields, P extends Probes, S>(
  { observer, clock, trust }: LookParts,
  engine: Engine<F, P, S>,
  cluster: Cluster,
): Promise<S> {
  for (let take = 0; take < retakes; take += 1) {
    const count = trust.count();
    const seen = await observer.observe(engine, cluster);
    const ageMs = clock.nowMs() - seen.takenAt;
    if (ageMs >= 0 && ageMs <= readingsLiveMs && trust.count() === count) return seen.snapshot;
  }
  throw new RecoveryError("refused", sentence("recovery/readings-old"));
}

export function lookAt(parts: LookParts, cluster: Cluster): Promise<Look> {
  return parts.engineOf(cluster).open(async (engine) => lookFrom(engine, await observeFresh(parts, engine, cluster)));
}

/** Pure. */
export function lookFrom<F extends SettingFields, P extends Probes, S>(engine: Engine<F, P, S>, snapshot: S): Look {
  return {
    missing: (claims) => claims.map((claim) => engine.judge(snapshot, claim)).find((reason) => reason !== null) ?? null,
  };
}
