import { z } from "zod";
import { findingCodeSchema } from "./health";
import { visible } from "./visible";
import { sentenceSchema } from "./sentence";

/** A name is drawn in many places and may come from a host: what it holds of invisible characters is shown by number from the start. */
const nameSchema = z.string().overwrite(visible);
export const clusterNameSchema = nameSchema.min(1).max(80);

export const transports = ["auto", "built-in", "system"] as const;
export const transportSchema = z.enum(transports);
export type Transport = z.infer<typeof transportSchema>;

/** How to log in to a host, as a person gives it; what is left out comes from ssh_config and its defaults. */
export const loginSchema = z.object({
  /** An ssh_config alias, a host name or an address. */
  host: z.string().min(1).max(255),
  user: z.string().min(1).max(64).optional(),
  port: z.number().int().min(1).max(65535).optional(),
  identityFile: z.string().min(1).max(4096).optional(),
  /** `auto`, also when left out: the built-in client, or the system's `ssh` where the host's config asks for what only that can do. */
  transport: transportSchema.optional(),
  /** Hosts to go through, written as for ProxyJump: `ops@bastion:2222,inner`. */
  jump: z.string().min(1).max(1024).optional(),
});
export type Login = z.infer<typeof loginSchema>;

/** What a person sets anew of a kept host's login: null goes back to ssh_config and its defaults, what is left out stays. */
export const loginChangeSchema = z.object({
  user: loginSchema.shape.user.unwrap().nullable().optional(),
  port: loginSchema.shape.port.unwrap().nullable().optional(),
  transport: transportSchema.optional(),
});
export type LoginChange = z.infer<typeof loginChangeSchema>;

export const settingValueSchema = z.union([z.string(), z.number(), z.boolean()]);
export type SettingValue = z.infer<typeof settingValueSchema>;

/** One process of an engine on one node. */
export const memberSchema = z.object({
  member: nameSchema,
  node: nameSchema,
  settings: z.record(z.string(), settingValueSchema),
});
export type Member = z.infer<typeof memberSchema>;

export const nodeSchema = z.object({ node: nameSchema, login: loginSchema });
export type Node = z.infer<typeof nodeSchema>;

export const clusterSchema = z.object({
  clusterId: z.string(),
  name: clusterNameSchema,
  engine: z.string(),
  nodes: z.array(nodeSchema).min(1),
  members: z.array(memberSchema).min(1),
  addedAt: z.number(),
});
export type Cluster = z.infer<typeof clusterSchema>;

/** A host offered for picking, from the user's ssh_config or an imported file. */
export const knownHostSchema = z.object({
  alias: z.string(),
  hostName: z.string(),
  user: z.string().nullable(),
  port: z.number(),
});
export type KnownHost = z.infer<typeof knownHostSchema>;

export const discoveryProgressSchema = z.object({ discoveryId: z.string(), line: sentenceSchema });
export type DiscoveryProgress = z.infer<typeof discoveryProgressSchema>;

/** A cluster seen from a seed host, not yet kept. `problems` name the hosts it mentions that could not be read. */
export const discoveredClusterSchema = z.object({
  engine: z.string(),
  suggestedName: nameSchema,
  nodes: z.array(nodeSchema),
  members: z.array(memberSchema),
  problems: z.array(sentenceSchema),
});
export type DiscoveredCluster = z.infer<typeof discoveredClusterSchema>;

export const discoverySchema = z.object({
  discoveryId: z.string(),
  clusters: z.array(discoveredClusterSchema),
  problems: z.array(sentenceSchema),
});
export type Discovery = z.infer<typeof discoverySchema>;

/** Something only the person at the desktop can answer, raised while a connection is being made. */
export const questionSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("host-key-unknown"),
    questionId: z.string(),
    node: z.string(),
    address: z.string(),
    keyType: z.string(),
    fingerprint: z.string(),
  }),
  z.object({
    kind: z.literal("passphrase"),
    questionId: z.string(),
    node: z.string(),
    identityFile: z.string(),
    attempt: z.number(),
  }),
  z.object({
    kind: z.literal("password"),
    questionId: z.string(),
    node: z.string(),
    user: z.string(),
    attempt: z.number(),
    /** What the server says before a login, made inert; left out when it says nothing. */
    banner: z.string().optional(),
  }),
  z.object({
    kind: z.literal("sudo-password"),
    questionId: z.string(),
    node: z.string(),
    user: z.string(),
    attempt: z.number(),
  }),
  z.object({
    kind: z.literal("prompts"),
    questionId: z.string(),
    node: z.string(),
    title: z.string(),
    instruction: z.string(),
    prompts: z.array(z.object({ text: z.string(), echo: z.boolean() })),
    banner: z.string().optional(),
  }),
  z.object({
    kind: z.literal("engine-password"),
    questionId: z.string(),
    node: z.string(),
    engine: z.string(),
    user: z.string(),
    /** Where on the host it listens: `127.0.0.1:5432`, or the path of a socket. */
    target: z.string(),
    attempt: z.number(),
  }),
]);
export type Question = z.infer<typeof questionSchema>;

export const answerSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("accept") }),
  z.object({ kind: z.literal("refuse") }),
  z.object({
    kind: z.literal("secret"),
    secret: z.string().max(4096),
    /** In the key storage of the operating system, beyond this session. */
    keep: z.boolean(),
    /** Of a login's password: it is the account's on every host. */
    forAllHosts: z.boolean().optional(),
  }),
  z.object({ kind: z.literal("replies"), replies: z.array(z.string().max(4096)) }),
]);
export type Answer = z.infer<typeof answerSchema>;

/** What a view must know of an engine to draw it; everything else it shows comes with the assessment. */
export const engineDescriptionSchema = z.object({
  engine: z.string(),
  /** Message codes: `<engine>/title`, `<engine>/word.member`. */
  settings: z.array(z.object({ name: z.string(), kind: z.enum(["text", "number", "flag"]), secret: z.boolean() })),
  findings: z.array(findingCodeSchema),
  recoveries: z.array(z.string()),
});
export type EngineDescription = z.infer<typeof engineDescriptionSchema>;
