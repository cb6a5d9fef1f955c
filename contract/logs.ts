import { z } from "zod";
import { levelSchema } from "./health";
import { sentenceSchema } from "./sentence";

/** One line of a member's log. */
export const logLineSchema = z.object({
  member: z.string(),
  node: z.string(),
  /** On the desktop's clock, corrected by the node's own offset; null where the line tells no time. */
  at: z.number().nullable(),
  text: z.string(),
  /** The pattern it matches, whose message says what it means and what to do; null for a line without one. */
  explanation: z.object({ code: z.string(), level: levelSchema }).nullable(),
});
export type LogLine = z.infer<typeof logLineSchema>;

/** The last lines of the members' logs, merged by time, with what became of each source. */
export const logsSchema = z.object({
  takenAt: z.number(),
  lines: z.array(logLineSchema),
  sources: z.array(
    z.object({
      member: z.string(),
      node: z.string(),
      /** The command, byte for byte. */
      ask: z.string(),
      /** Why it gave nothing; null where it was read. */
      reason: sentenceSchema.nullable(),
    }),
  ),
});
export type Logs = z.infer<typeof logsSchema>;
