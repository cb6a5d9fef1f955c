import { z } from "zod";
import { sentenceSchema } from "./sentence";

/** What a kept secret opens. It is named by the same words in which it is asked for. */
export const secretNameSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("passphrase"), identityFile: z.string().max(4096) }).strict(),
  /** Null: of every host that the account logs in to with a password. */
  z.object({ kind: z.literal("password"), user: z.string().max(255), node: z.string().max(255).nullable() }).strict(),
  z.object({ kind: z.literal("sudo-password"), user: z.string().max(255), node: z.string().max(255) }).strict(),
  z
    .object({
      kind: z.literal("engine-password"),
      engine: z.string().max(64),
      user: z.string().max(255),
      node: z.string().max(255),
      target: z.string().max(4096),
    })
    .strict(),
]);
export type SecretName = z.infer<typeof secretNameSchema>;

/** Where the operating system keeps keys, or why what it offers is not used. `backend` is its own name for it. */
export const keyStorageStateSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("real"), backend: z.string() }),
  z.object({ kind: z.literal("none"), why: z.enum(["no-desktop", "unavailable", "plain-text"]) }),
]);
export type KeyStorageState = z.infer<typeof keyStorageStateSchema>;

/** What is kept, by name only; the secrets themselves never come back to the view. */
export const keptSecretsSchema = z.object({
  storage: keyStorageStateSchema,
  kept: z.array(z.object({ name: secretNameSchema, keptAt: z.number() })),
  /** Why none of them can be used now; null when they can. */
  problem: sentenceSchema.nullable(),
});
export type KeptSecrets = z.infer<typeof keptSecretsSchema>;
