import { create } from "zustand";
import type { Assessment, ClusterSummary } from "../../contract/assessment";
import type { Gives } from "../../contract/channels";
import type { Damage } from "../../contract/damage";
import type { Question } from "../../contract/inventory";
import { standardPreferences, type Preferences } from "../../contract/preferences";
import type { RunRecord } from "../../contract/recovery";
import type { Catalogue, Sentence } from "../../contract/sentence";
import { listen, request } from "../api";

export type Page = "health" | "balance" | "consistency" | "logs" | "recovery" | "report";
export type Place =
  | { readonly kind: "fleet" }
  | { readonly kind: "settings" }
  | { readonly kind: "cluster"; readonly clusterId: string; readonly page: Page };

interface Known {
  readonly place: Place;
  /** Null until the core answered for the first time. */
  readonly fleet: readonly ClusterSummary[] | null;
  readonly assessments: Readonly<Record<string, Assessment>>;
  readonly runs: Readonly<Record<string, RunRecord>>;
  readonly journal: Gives<"recovery:journal">;
  readonly questions: readonly Question[];
  readonly progress: readonly Sentence[];
  readonly preferences: Preferences;
  readonly catalogue: Catalogue;
  readonly isCoreRunning: boolean;
  /** The last refusal, shown until it is closed. */
  readonly trouble: Sentence | null;
  /** Shown until a person acknowledges each. */
  readonly damage: readonly Damage[];
}

export const useStore = create<Known>(() => ({
  place: { kind: "fleet" },
  fleet: null,
  assessments: {},
  runs: {},
  journal: { barred: null, problem: null },
  questions: [],
  progress: [],
  preferences: standardPreferences,
  catalogue: {},
  isCoreRunning: true,
  trouble: null,
  damage: [],
}));

/** A refusal is about what was asked where it stands, and is not taken along. */
export function go(place: Place): void {
  useStore.setState({ place, trouble: null });
}

/** What the core says of a run takes the place of what it said before. */
export function keepRun(run: RunRecord): void {
  useStore.setState(({ runs }) => ({ runs: { ...runs, [run.runId]: run } }));
}

/** Takes a reply apart: its value, or null with the refusal shown. */
export async function ask<T>(
  reply: Promise<{ readonly ok: true; readonly value: T } | { readonly ok: false; readonly sentence: Sentence }>,
): Promise<T | null> {
  const answered = await reply;
  if (answered.ok) return answered.value;
  useStore.setState({ trouble: answered.sentence });
  return null;
}

/** Loads what is there and keeps it fresh by what the core announces. */
export async function begin(): Promise<void> {
  listen("fleet:changed", (fleet) => useStore.setState({ fleet }));
  listen("assessment:changed", (one) =>
    useStore.setState(({ assessments }) => ({ assessments: { ...assessments, [one.clusterId]: one } })),
  );
  listen("run:changed", keepRun);
  listen("question:raised", (question) =>
    useStore.setState(({ questions }) => ({ questions: [...questions, question] })),
  );
  listen("question:settled", ({ questionId }) =>
    useStore.setState(({ questions }) => ({ questions: questions.filter((one) => one.questionId !== questionId) })),
  );
  listen("secret:not-kept", (trouble) => useStore.setState({ trouble }));
  listen("discovery:progress", ({ line }) => useStore.setState(({ progress }) => ({ progress: [...progress, line] })));
  listen("preferences:changed", (preferences) => {
    useStore.setState({ preferences });
    void loadCatalogue();
  });
  // What stands in for a damaged file is other than what is shown.
  listen("damage:changed", () => void load());
  listen("core:state", ({ state }) => {
    useStore.setState({ isCoreRunning: state === "running" });
    if (state === "running") void load();
  });
  await load();
  // A run that is owed an answer is shown before anything else.
  const owed = useStore.getState().fleet?.find(({ openRunId }) => openRunId !== null);
  if (owed !== undefined) go({ kind: "cluster", clusterId: owed.clusterId, page: "recovery" });
}

export async function acknowledgeDamage(damageId: string): Promise<void> {
  const damage = await ask(request("damage:acknowledge", { damageId }));
  if (damage !== null) useStore.setState({ damage });
}

async function load(): Promise<void> {
  const preferences = await ask(request("preferences:read", undefined));
  if (preferences !== null) useStore.setState({ preferences });
  await loadCatalogue();
  const damage = await ask(request("damage:read", undefined));
  if (damage !== null) useStore.setState({ damage });
  const journal = await ask(request("recovery:journal", undefined));
  if (journal !== null) useStore.setState({ journal });
  const fleet = await ask(request("fleet:read", undefined));
  if (fleet === null) return;
  useStore.setState({ fleet });
  for (const { clusterId } of fleet) await loadCluster(clusterId);
  const questions = await ask(request("question:list", undefined));
  if (questions !== null) useStore.setState({ questions });
}

async function loadCluster(clusterId: string): Promise<void> {
  const assessment = await ask(request("cluster:read", { clusterId }));
  if (assessment !== null)
    useStore.setState(({ assessments }) => ({ assessments: { ...assessments, [clusterId]: assessment } }));
  const runs = await ask(request("recovery:runs", { clusterId }));
  if (runs !== null)
    useStore.setState((state) => ({
      runs: { ...state.runs, ...Object.fromEntries(runs.map((run) => [run.runId, run])) },
    }));
}

async function loadCatalogue(): Promise<void> {
  const { language } = useStore.getState().preferences;
  const catalogue = await ask(request("catalogue:read", { language }));
  if (catalogue !== null) useStore.setState({ catalogue });
}
