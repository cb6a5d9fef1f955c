import { z } from "zod";
import { languageSchema } from "./sentence";

export const preferencesSchema = z.object({
  language: languageSchema,
  colours: z.enum(["light", "dark", "system"]),
  /** While true no recovery may start, whoever asks. */
  readOnly: z.boolean(),
  cycleSeconds: z.number().int().min(2).max(600),
});
export type Preferences = z.infer<typeof preferencesSchema>;
export const standardPreferences: Preferences = { language: "en", colours: "system", readOnly: false, cycleSeconds: 5 };
