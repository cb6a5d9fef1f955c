import { z } from "zod";
import { loginSchema } from "./inventory";
import { sentenceSchema } from "./sentence";

/** A host taken from a file; its name is used like an alias of ssh_config. */
export const importedHostSchema = z.object({
  name: z.string().min(1).max(255),
  login: loginSchema,
  groups: z.array(z.string()),
  /** Absolute path of the file it was last taken from. */
  source: z.string(),
});
export type ImportedHost = z.infer<typeof importedHostSchema>;

export const importFormats = ["ansible-ini", "ansible-yaml", "csv", "ssh-config"] as const;
export const importFormatSchema = z.enum(importFormats);
export type ImportFormat = z.infer<typeof importFormatSchema>;

/** Something in the file that is not taken as it stands there; `what` says also what to do. */
export const importProblemSchema = z.object({
  file: z.string(),
  /** Null where the whole file is meant. */
  line: z.number().nullable(),
  what: sentenceSchema,
});
export type ImportProblem = z.infer<typeof importProblemSchema>;

export const hostChangeSchema = z.object({
  field: z.enum(["host", "user", "port", "identityFile", "jump", "groups", "source"]),
  /** Null: left to ssh_config and its defaults. */
  before: z.string().nullable(),
  after: z.string().nullable(),
});
export type HostChange = z.infer<typeof hostChangeSchema>;

export const goneHostSchema = z.object({
  host: importedHostSchema,
  /** Why it stays although the file no longer names it; null: it is taken out. */
  kept: sentenceSchema.nullable(),
});
export type GoneHost = z.infer<typeof goneHostSchema>;

/** What accepting a file would change; nothing is changed by looking. */
export const importPreviewSchema = z.object({
  importId: z.string(),
  path: z.string(),
  format: importFormatSchema,
  added: z.array(importedHostSchema),
  changed: z.array(z.object({ host: importedHostSchema, changes: z.array(hostChangeSchema) })),
  gone: z.array(goneHostSchema),
  unchangedCount: z.number(),
  /** What could not be read: no host of these is added, changed or taken out. */
  unreadable: z.array(importProblemSchema),
  /** What was read and is not taken over, though the host is. */
  notTaken: z.array(importProblemSchema),
});
export type ImportPreview = z.infer<typeof importPreviewSchema>;

export const importOutcomeSchema = z.object({ added: z.number(), changed: z.number(), removed: z.number() });
export type ImportOutcome = z.infer<typeof importOutcomeSchema>;
