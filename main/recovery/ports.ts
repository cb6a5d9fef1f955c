import type { Cluster } from "../../contract/inventory";
import type { PlanStep } from "../../contract/recovery";
import type { Sentence } from "../../contract/sentence";
import type { Effect, Engine, SettingFields } from "../engine/engine";
import type { Probes } from "../probe/probe";

/** One look at a whole cluster with nothing taken from an earlier cycle. */
export interface Observation<S> {
  readonly snapshot: S;
  /** When the oldest reading in it was taken, desktop wall clock. */
  readonly takenAt: number;
}

export interface Observer {
  observe<F extends SettingFields, P extends Probes, S>(
    engine: Engine<F, P, S>,
    cluster: Cluster,
  ): Promise<Observation<S>>;
}

/** What became of something that was to change a node. */
export type Performed =
  /** The node's end was seen. `problem` is what it says went wrong; success is still for fresh readings to tell. */
  | { readonly kind: "answered"; readonly output: string; readonly problem: Sentence | null }
  /** Proven that nothing reached the node. */
  | { readonly kind: "not-sent"; readonly reason: Sentence }
  /** It may or may not have happened. */
  | { readonly kind: "unknown"; readonly reason: Sentence };

export interface Performer {
  /** The bytes `perform` would send, for showing and for the fingerprint. */
  show(node: string, effect: Effect): string;
  /** The account it runs as. */
  account(node: string, effect: Effect): string;
  /**
   * Sends once and never again: `id` names this step of this run for ever, and a command's node remembers it. Refuses (not-sent)
   * when what it would send is not byte for byte `shown`, and sends and asks by the way `reachedAs` alone, also after a lost link.
   */
  perform(id: string, step: SentStep, effect: Effect): Promise<Performed>;
  /**
   * What became of a command sent under `id`, as its node tells within `withinMs`; sends nothing that changes the cluster. Not for calls
   * to a service: the node would tell that it never had one.
   */
  recall(id: string, step: Pick<SentStep, "node" | "reachedAs">, withinMs: number): Promise<Performed>;
}

/** What was approved of a step that is of matter to who sends it. */
export type SentStep = Pick<PlanStep, "node" | "reachedAs" | "shown" | "deadlineMs">;
