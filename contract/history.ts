import { z } from "zod";
import type { Level } from "./health";
import { sentenceSchema } from "./sentence";

/** What a series is of: one figure of a member or node, the skew of one balance, or the level of the whole cluster. */
export type SeriesOf =
  | { readonly kind: "member" | "node"; readonly name: string; readonly figure: string }
  | { readonly kind: "skew"; readonly measure: string }
  | { readonly kind: "level" };

export function seriesId(of: SeriesOf): string {
  switch (of.kind) {
    case "member":
    case "node":
      return `${of.kind}/${of.figure}/${of.name}`;
    case "skew":
      return `skew/${of.measure}`;
    case "level":
      return "level";
  }
}

/** Levels are kept as their place in this list; of several within one step the highest place is the one that is shown. */
export const levelPlaces: readonly Level[] = ["ok", "watch", "unknown", "degraded", "critical"];

/** What was read within one step that begins at `atMs`. A step in which nothing was read has no point: a gap, never zero. */
export const historyPointSchema = z.object({ atMs: z.number(), low: z.number(), mean: z.number(), high: z.number() });
export type HistoryPoint = z.infer<typeof historyPointSchema>;

export const historySchema = z.object({
  /** Length of a step; points further apart than `gapMs` have a gap between them. */
  stepMs: z.number(),
  gapMs: z.number(),
  untilMs: z.number(),
  series: z.array(z.object({ series: z.string(), points: z.array(historyPointSchema) })),
  /** Why figures are not being kept, or null when they are. */
  problem: sentenceSchema.nullable(),
});
export type History = z.infer<typeof historySchema>;

export const historyRequestSchema = z
  .object({ clusterId: z.string().max(64), series: z.array(z.string().max(600)).max(200), fromMs: z.number() })
  .strict();
