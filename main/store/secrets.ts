import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { secretNameSchema, type KeptSecrets, type KeyStorageState, type SecretName } from "../../contract/secrets";
import { sentence, type Sentence } from "../../contract/sentence";
import { openDocument, StoreError, type Document } from "./durable-file";

/** The operating system's storage of keys, as the desktop offers it. */
export interface KeyStorage {
  /** Asked anew each time: a person may unlock it, or log in with another, while the app runs. */
  state(): Promise<KeyStorageState>;
  /** Seals bytes so that only this person's own login on this machine opens them. Rejects where `state` is not `real`. */
  protect(plain: Buffer): Promise<Buffer>;
  /** Rejects where the bytes were sealed by another storage. */
  unprotect(sealed: Buffer): Promise<Buffer>;
}

/** Where there is no desktop to ask. */
export const noKeyStorage: KeyStorage = {
  state: () => Promise.resolve({ kind: "none", why: "no-desktop" }),
  protect: () => Promise.reject(new Error("there is no key storage")),
  unprotect: () => Promise.reject(new Error("there is no key storage")),
};

/** Secrets a person chose to keep. Their names stand in clear in the file, the secrets do not. */
export interface SecretVault {
  /** Never rejects; a file that cannot be used is told as `problem`. */
  read(): Promise<KeptSecrets>;
  /** Null when it is not kept, or cannot be opened here and now. */
  find(name: SecretName): Promise<Buffer | null>;
  /** Rejects with StoreError, and then nothing was kept: there is no key storage worth the name, or the file cannot be written. */
  keep(name: SecretName, secret: Buffer): Promise<void>;
  /** Null: all of them, with the key. Rejects with StoreError. */
  forget(name: SecretName | null): Promise<void>;
  /** Overwrites the key it holds. */
  close(): void;
}

const base64 = z.string().regex(/^[A-Za-z0-9+/]+=*$/);
const fileSchema = z
  .object({
    format: z.literal(1),
    /** The key of all entries, sealed by the key storage; null when nothing is kept. */
    key: base64.nullable(),
    entries: z.array(
      z.object({ name: secretNameSchema, keptAt: z.number(), nonce: base64, sealed: base64, tag: base64 }).strict(),
    ),
  })
  .strict();
type VaultFile = z.infer<typeof fileSchema>;
type Entry = VaultFile["entries"][number];

const empty: VaultFile = { format: 1, key: null, entries: [] };
const cipher = "aes-256-gcm";
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * One file of AES-256-GCM entries under a random key that the operating system's key storage seals. Each entry is bound to its name, so
 * that none can be put in the place of another. Whatever is wrong with the file stands in nobody's way: the app starts, asks, and says why.
 */
export function createSecretVault(parts: {
  readonly path: string;
  readonly storage: KeyStorage;
  readonly nowMs: () => number;
}): SecretVault {
  const { path, storage, nowMs } = parts;
  let document: Document<VaultFile> | null = null;
  /** The opened key, and the sealed one it came from. */
  let opened: { readonly sealed: string; readonly key: Buffer } | null = null;
  let moved: Sentence | null = null;

  function file(): Document<VaultFile> {
    return (document ??= openDocument(path, fileSchema, empty, {
      nowMs,
      noted: ({ standIn }) => {
        if (standIn === "nothing")
          moved = sentence("store/secrets-damaged", { path, aside: join(dirname(path), "damaged") });
      },
    }));
  }

  function contents(): VaultFile {
    return file().read();
  }

  /** The key of what is kept; null when there is none yet. Rejects with StoreError when it cannot be opened here. */
  async function keyOf({ key: sealed }: VaultFile): Promise<Buffer | null> {
    if (sealed === null) return null;
    if (opened?.sealed === sealed) return opened.key;
    await demandStorage();
    let key: Buffer;
    try {
      key = await storage.unprotect(Buffer.from(sealed, "base64"));
    } catch {
      // The storage gives no reason that a person could use; whose key it is, is the reason.
      throw new StoreError("secrets-foreign", { path });
    }
    if (key.length !== keyBytes) throw new StoreError("secrets-foreign", { path });
    opened?.key.fill(0);
    opened = { sealed, key };
    return key;
  }

  async function demandStorage(): Promise<void> {
    const state = await storage.state();
    if (state.kind === "none") throw new StoreError(`secrets-${state.why}`, {});
  }

  /** The key to seal a new entry with. What another storage sealed is moved aside first, whole: its own storage still opens it. */
  async function keyToKeep(): Promise<{ readonly key: Buffer; readonly sealed: string }> {
    await demandStorage();
    const now = contents();
    try {
      const key = await keyOf(now);
      if (key !== null && now.key !== null) return { key, sealed: now.key };
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== "secrets-foreign") throw error;
      moveAside();
    }
    const key = randomBytes(keyBytes);
    const sealed = (await storage.protect(key)).toString("base64");
    if (!(await storage.unprotect(Buffer.from(sealed, "base64"))).equals(key))
      throw new StoreError("secrets-unavailable", {});
    opened?.key.fill(0);
    opened = { sealed, key };
    return opened;
  }

  /** What the file system itself says, in the store's words. */
  async function orUnwritable<T>(work: () => Promise<T> | T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new StoreError("unwritable", { path, problem: (error as Error).message });
    }
  }

  function moveAside(): void {
    const directory = join(dirname(path), "damaged");
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const one of [path, `${path}.bak`])
      if (existsSync(one)) renameSync(one, join(directory, `${basename(one)}.${nowMs()}`));
    document = null;
  }

  async function problemOf(now: VaultFile): Promise<Sentence | null> {
    if (now.entries.length === 0) return null;
    try {
      await keyOf(now);
      return null;
    } catch (error) {
      if (error instanceof StoreError) return error.sentence;
      throw error;
    }
  }

  return {
    read: async () => {
      const state = await storage.state();
      try {
        const now = contents();
        const kept = now.entries.map(({ name, keptAt }) => ({ name, keptAt }));
        return { storage: state, kept, problem: moved ?? (await problemOf(now)) };
      } catch (error) {
        const problem =
          error instanceof StoreError
            ? error.sentence
            : sentence("store/secrets-unreadable", { path, problem: (error as Error).message });
        return { storage: state, kept: [], problem };
      }
    },
    find: async (name) => {
      try {
        const now = contents();
        const entry = now.entries.find((one) => isSame(one.name, name));
        if (entry === undefined) return null;
        const key = await keyOf(now);
        return key === null ? null : unseal(key, entry);
      } catch {
        // Whatever it is, `read` tells it; here it means that the person is asked.
        return null;
      }
    },
    keep: async (name, secret) => {
      const { key, sealed } = await orUnwritable(keyToKeep);
      const entry = seal(key, name, secret, nowMs());
      await orUnwritable(() =>
        file().update((now) => ({
          ...now,
          key: sealed,
          // Entries under a key that was replaced meanwhile could not be opened by this one.
          entries: [...now.entries.filter((one) => now.key === sealed && !isSame(one.name, name)), entry],
        })),
      );
      moved = null;
    },
    forget: (name) => {
      const change = (now: VaultFile): VaultFile => {
        const entries = name === null ? [] : now.entries.filter((one) => !isSame(one.name, name));
        return { ...now, entries, key: entries.length === 0 ? null : now.key };
      };
      return orUnwritable(() => {
        contents();
        file().update(change);
        // Once more, so that the copy before has forgotten too.
        file().update(change);
        moved = null;
      });
    },
    close: () => {
      opened?.key.fill(0);
      opened = null;
    },
  };
}

/** Names with the same words in the same order; the schema gives the order. */
function textOf(name: SecretName): string {
  return JSON.stringify(secretNameSchema.parse(name));
}

function isSame(one: SecretName, other: SecretName): boolean {
  return textOf(one) === textOf(other);
}

function seal(key: Buffer, name: SecretName, secret: Buffer, keptAt: number): Entry {
  const nonce = randomBytes(nonceBytes);
  const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(textOf(name)));
  const sealed = Buffer.concat([sealing.update(padded(secret)), sealing.final()]);
  const text = (bytes: Buffer): string => bytes.toString("base64");
  return { name, keptAt, nonce: text(nonce), sealed: text(sealed), tag: text(sealing.getAuthTag()) };
}

/** Throws when the entry, or its name, is not what was sealed. */
function unseal(key: Buffer, entry: Entry): Buffer {
  const [nonce, sealed, tag] = [entry.nonce, entry.sealed, entry.tag].map((text) => Buffer.from(text, "base64"));
  if (nonce === undefined || sealed === undefined || tag === undefined) throw new TypeError("an entry is not whole");
  const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes })
    .setAAD(Buffer.from(textOf(entry.name)))
    .setAuthTag(tag);
  const plain = Buffer.concat([opening.update(sealed), opening.final()]);
  return plain.subarray(4, 4 + plain.readUInt32BE(0));
}

/** To a multiple of 64 bytes, so that the file does not tell how long a secret is. */
function padded(secret: Buffer): Buffer {
  const bytes = Buffer.alloc(Math.ceil((4 + secret.length) / 64) * 64);
  bytes.writeUInt32BE(secret.length, 0);
  secret.copy(bytes, 4);
  return bytes;
}
