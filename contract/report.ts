import { z } from "zod";
import { assessmentSchema } from "./assessment";
import { clusterSchema } from "./inventory";
import { runRecordSchema } from "./recovery";
import { evidenceDetailSchema } from "./figure";
import { levelSchema } from "./health";
import { languageSchema, sentenceSchema } from "./sentence";

export const reportFormatSchema = z.enum(["html", "json"]);
export type ReportFormat = z.infer<typeof reportFormatSchema>;

/** Everything a report says, as data; every format is drawn from this and from nothing else. */
export const reportSchema = z.object({
  schema: z.literal("evenkeel-report/1"),
  generatedAt: z.number(),
  operator: z.string(),
  appVersion: z.string(),
  language: languageSchema,
  cluster: clusterSchema,
  assessment: assessmentSchema,
  /** Of the cluster when the report was made: the level of `assessment` is of when it was read, which may be too long ago to be relied on. */
  levelNow: levelSchema,
  isStale: z.boolean(),
  runs: z.array(runRecordSchema),
  /** The digest of the journal's last line: kept outside the desktop it shows a journal that was cut or rewritten. */
  journalHead: z.string(),
  /** Why the journal does not tell all runs; null when it does. */
  journalProblem: sentenceSchema.nullable(),
  evidence: z.array(evidenceDetailSchema),
  /** Nodes that answered over nodes there are, and which did not. */
  coverage: z.object({ expected: z.number(), observed: z.number(), notObserved: z.array(z.string()) }),
});
export type Report = z.infer<typeof reportSchema>;
