import type { Balance } from "../../contract/balance";
import type { Consistency } from "../../contract/consistency";
import type { EvidenceId, Figure } from "../../contract/figure";
import type { FindingCode, Level, NamedFigure, Reachability, Subject } from "../../contract/health";
import type { Member, SettingValue } from "../../contract/inventory";
import type { Risk } from "../../contract/recovery";
import { sentence, type Catalogue, type Fact, type Language, type Sentence } from "../../contract/sentence";
import type { Tolerance } from "../../contract/tolerance";
import type { Call, HttpCall, PostgresCall, Probes, Readings, RedisCall } from "../probe/probe";
import type { Command, NodeAccess } from "../ssh/access";
import type { ServiceControl } from "./service";

/** A setting of one member, found by discovery and correctable by hand. */
export interface SettingField {
  readonly kind: "text" | "number" | "flag";
  /** Kept in the vault and never shown. */
  readonly secret?: true;
  /** Null: must be found or given. */
  readonly standard: SettingValue | null;
}
export type SettingFields = Readonly<Record<string, SettingField>>;

/** A member whose settings were checked against the engine's fields. */
export interface Site<F extends SettingFields> {
  readonly member: string;
  readonly node: string;
  readonly settings: {
    readonly [N in keyof F]: F[N]["kind"] extends "number" ? number : F[N]["kind"] extends "flag" ? boolean : string;
  };
}

/** One member with what was read of it in this cycle. */
export interface MemberReadings<F extends SettingFields, P extends Probes> {
  readonly site: Site<F>;
  readonly reachability: Reachability;
  readonly readings: Readings<P>;
  /** Of each probe the reading before this one, which rates of counters are made from: of the cycle before, or older where this one was kept. */
  readonly previous?: Readings<P>;
}

/** An engine: its settings `F`, the probes `P` put to a member, and the snapshot `S` of its cluster joined from all readings. */
export interface Engine<F extends SettingFields, P extends Probes, S> {
  readonly id: string;
  readonly settings: F;
  readonly messages: Readonly<Record<Language, Catalogue>>;
  /** Null for engines that are not discovered as clusters, such as the host itself. */
  readonly discovery: Discovery | null;
  probes(site: Site<F>): P;
  /** Pure. A reading that failed stays missing with its reason; it never becomes zero. */
  snapshot(members: readonly MemberReadings<F, P>[]): S;
  /** One entry a member, in the order of the inventory. */
  members(snapshot: S): readonly EngineMember[];
  readonly health: readonly HealthRule<S>[];
  balance(snapshot: S): readonly Balance[];
  consistency(snapshot: S): Consistency;
  tolerance(snapshot: S): readonly Tolerance[];
  /** Null where the engine keeps none that is worth reading. */
  readonly logs: EngineLogs<F> | null;
  readonly recoveries: readonly RecoveryAction<S>[];
  /** Pure. Holds a claim of its recoveries against a snapshot; made by `judgeBy`. */
  judge(snapshot: S, claim: Claim): Sentence | null;
}

/** Where an engine's members write their logs, and what known lines mean. Read when a person asks, never in a cycle. */
export interface EngineLogs<F extends SettingFields> {
  /** Tried in order until one can be read. */
  sources(site: Site<F>): readonly LogSource[];
  /** Milliseconds since the Unix epoch on the node's clock, or null where a line tells none. Pure. */
  timeOf(line: string): number | null;
  /** The first that matches explains a line. Patterns must be linear in time. */
  readonly patterns: readonly LogPattern[];
}

export type LogSource =
  { readonly kind: "file"; readonly path: string } | { readonly kind: "journal"; readonly unit: string };

export interface LogPattern {
  /** `<engine>/log.<what-it-means>`; the message and its `.remedy` explain the line. */
  readonly code: string;
  readonly level: Level;
  readonly pattern: RegExp;
}

export interface EngineMember {
  readonly member: string;
  readonly node: string;
  readonly role: Figure;
  readonly figures: readonly NamedFigure[];
}

export interface HealthRule<S> {
  readonly code: FindingCode;
  readonly level: Exclude<Level, "ok" | "unknown">;
  /** Codes this finding explains; the view folds those under it. */
  readonly explains?: readonly FindingCode[];
  /**
   * Pure. Where it is seen: an empty list means it was looked for and is not so.
   * `cannot-tell` entries become findings of level unknown, with what is missing as a fact.
   */
  find(snapshot: S): readonly Sighting[];
}

export interface Sighting {
  readonly subject: Subject;
  readonly facts: Readonly<Record<string, Fact>>;
  readonly evidence: readonly EvidenceId[];
  /** Present when the readings that would tell are missing: the finding is then of level unknown. */
  readonly cannotTell?: Sentence;
  /** Raises or lowers the rule's own level for this sighting, by thresholds the rule states. */
  readonly level?: Exclude<Level, "ok" | "unknown">;
}

/** What a step of a recovery sends. */
export type Effect =
  | { readonly kind: "run"; readonly command: Command }
  | SentCall
  /** One after the other, each sent when the one before has succeeded. */
  | { readonly kind: "calls"; readonly calls: readonly [SentCall, ...SentCall[]] };
export type SentCall = PostgresCall | RedisCall | HttpCall;

/**
 * Something a snapshot shows or does not show. Its code names a judge of the engine and has words for people, its facts are plain data:
 * so it is shown before a run, kept in the journal, and held against fresh readings at any later time.
 */
export type Claim = Sentence;

/** Pure. Null when the snapshot shows the claim, else what it shows instead. A missing reading never shows anything. */
export type Judge<S> = (snapshot: S, facts: Readonly<Record<string, Fact>>) => Sentence | null;

/** Judges claims by their codes; a claim that no judge knows is never shown. */
export function judgeBy<S>(judges: Readonly<Record<string, Judge<S>>>): Engine<SettingFields, Probes, S>["judge"] {
  return (snapshot, claim) => {
    const judge = Object.hasOwn(judges, claim.code) ? judges[claim.code] : undefined;
    return judge === undefined
      ? sentence("recovery/claim-unknown", { claim: claim.code })
      : judge(snapshot, claim.facts);
  };
}

/** Something sent to a node, with what must be seen before it and after it. Plain data throughout. */
export interface Deed {
  readonly title: Sentence;
  readonly node: string;
  readonly effect: Effect;
  readonly deadlineMs: number;
  readonly stillSafe: readonly Claim[];
  readonly achieved: readonly Claim[];
}

export interface Step extends Deed {
  /** False for a step that only looks. */
  readonly changes: boolean;
  readonly undo: Undo;
}

export type Undo =
  | ({ readonly kind: "by" } & Deed)
  /** There is nothing to take back. */
  | { readonly kind: "needless"; readonly reason: Sentence }
  /** It cannot be taken back, and so neither can any step before it. */
  | { readonly kind: "none"; readonly reason: Sentence };

export interface RecoveryAction<S> {
  /** `<engine>/<what-is-done>` */
  readonly action: string;
  readonly risk: Risk;
  readonly answers: readonly FindingCode[];
  /** Pure. Whom it could act on, each with the reasons not to; an empty list with `objections` says why nobody. */
  targets(snapshot: S): readonly { readonly target: string; readonly objections: readonly Sentence[] }[];
  objections(snapshot: S): readonly Sentence[];
  /** Pure: the same snapshot gives the same steps. Called only where there are no objections. */
  plan(snapshot: S, target: string): PlannedSteps;
  /** How long fresh readings may take to show the goal. */
  readonly verifyWithinMs: number;
}

export interface PlannedSteps {
  readonly steps: readonly Step[];
  readonly warnings: readonly Sentence[];
  /** What the snapshot shows that the plan rests on; it is also what an undo has to bring back. */
  readonly restsOn: readonly Claim[];
  /** What will be so in the end. */
  readonly goal: readonly Claim[];
  /** Where this target makes the action riskier than it is in general. */
  readonly risk?: Risk;
}

/** From the processes and files of one host, and calls to what they serve, to members and to hosts that should be asked next. */
export interface Discovery {
  /** Names of processes, as shell patterns over /proc/<pid>/comm, that `processes` must list for this engine. */
  readonly processNames: readonly string[];
  /** Asks the host; throws SshError only for what befalls the link. What it cannot read it says in `problems`. */
  look(access: NodeAccess, ask: DiscoveryAsk): Promise<Sighted>;
}

/** The calls a discovery may make beyond the shell, given to it so that an engine stays free of libraries. */
export interface DiscoveryAsk {
  /** The address this desktop reaches the host at. */
  readonly address: string;
  /** The host's processes, listed once for all engines; those of other accounts may show less of themselves. */
  processes(): Promise<readonly HostProcess[]>;
  /** The raw answer, in the form `Call` tells. */
  call(call: Call): Promise<string>;
  /** What went wrong with a call, for people. */
  reasonOf(error: unknown): Sentence;
}

/** One process of a host; what the login may not see of it is empty. */
export interface HostProcess {
  readonly pid: number;
  readonly parentPid: number;
  /** As in /proc/<pid>/comm, at most 15 characters. */
  readonly name: string;
  readonly argv: readonly string[];
  readonly account: string;
  readonly program: string;
  readonly workingDirectory: string;
  /** Where its output goes, when that is a file. */
  readonly outputFile: string;
  /** What starts and stops it. */
  readonly service: ServiceControl;
}

export interface Sighted {
  /** Members found on this host. Those that share one of their `clusterKeys`, be it through others, belong together. */
  readonly members: readonly {
    readonly clusterKeys: readonly string[];
    readonly clusterName: string;
    /**
     * What the configuration of one that does not answer tells of its cluster. It counts among those that nobody lists: they belong together
     * that share one of the `places`, or the `name` where no two of it tell different places and no cluster of this `clusterName` answers.
     */
    readonly configured?: { readonly name: string; readonly places: readonly string[] };
    readonly member: Omit<Member, "member">;
  }[];
  /** Other hosts this one speaks of: names to try in order, the first that the user's own ssh_config knows is preferred. */
  readonly peers: readonly { readonly names: readonly string[] }[];
  readonly problems: readonly Sentence[];
}

/** An engine whose own types stay its own business; `open` hands them to code that is generic over them. */
export interface AnyEngine {
  readonly id: string;
  readonly settings: SettingFields;
  readonly messages: Readonly<Record<Language, Catalogue>>;
  readonly discovery: Discovery | null;
  readonly findings: readonly FindingCode[];
  readonly logCodes: readonly string[];
  readonly recoveries: readonly string[];
  open<R>(use: <F extends SettingFields, P extends Probes, S>(engine: Engine<F, P, S>) => R): R;
}

export function defineEngine<const F extends SettingFields, P extends Probes, S>(engine: Engine<F, P, S>): AnyEngine {
  return {
    id: engine.id,
    settings: engine.settings,
    messages: engine.messages,
    discovery: engine.discovery,
    findings: engine.health.map((rule) => rule.code),
    logCodes: engine.logs?.patterns.map(({ code }) => code) ?? [],
    recoveries: engine.recoveries.map((recovery) => recovery.action),
    open: (use) => use(engine),
  };
}
