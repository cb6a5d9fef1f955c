import { z } from "zod";

export const hostKeySchema = z.object({
  keyType: z.string(),
  /** As `ssh-keygen -l` prints it. */
  fingerprint: z.string(),
});
export type HostKey = z.infer<typeof hostKeySchema>;

/** What is known of a host's keys, and what the host shows now. Nothing here is trusted by being shown. */
export const hostKeysSchema = z.object({
  /** The name its keys are filed under: `db-1`, or `[db-1]:2222`. */
  name: z.string(),
  known: z.array(hostKeySchema.extend({ where: z.string() })),
  presented: z.array(hostKeySchema),
});
export type HostKeys = z.infer<typeof hostKeysSchema>;

/** One line of the record of replaced host keys. `begun` stands before the file is touched. */
export const hostKeyRecordSchema = z.object({
  state: z.enum(["begun", "done", "failed"]),
  at: z.number(),
  operator: z.string(),
  name: z.string(),
  file: z.string(),
  oldFingerprint: z.string(),
  newFingerprint: z.string(),
  reason: z.string(),
});
export type HostKeyRecord = z.infer<typeof hostKeyRecordSchema>;

/** Logins by password that were stopped until the person acts. */
export const stoppedPasswordSchema = z.object({ user: z.string(), refusals: z.number() });
