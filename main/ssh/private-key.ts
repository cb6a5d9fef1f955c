import { readFile } from "node:fs/promises";
import ssh2, { type ParsedKey } from "ssh2";
import type { Asker } from "./asker";
import { SshError } from "./ssh-error";

/** The passphrases a person gave, by identity file, for as long as the app runs; never written anywhere. */
export type Passphrases = Map<string, string>;

const passphraseAttempts = 2;

/**
 * Reads a private key, asking for its passphrase where it has one. Null when the file is not there: OpenSSH passes over
 * default identity files that do not exist, and so does this.
 */
export async function loadPrivateKey(
  node: string,
  identityFile: string,
  asker: Asker,
  passphrases: Passphrases,
): Promise<ParsedKey | null> {
  const text = await readKeyFile(node, identityFile);
  if (text === null) return null;
  const remembered = passphrases.get(identityFile);
  const first = ssh2.utils.parseKey(text, remembered);
  if (!(first instanceof Error)) return single(first);
  if (!isEncrypted(first)) throw new SshError("key-unreadable", node, { file: identityFile, problem: first.message });

  for (let attempt = 1; attempt <= passphraseAttempts; attempt += 1) {
    const answer = await asker.ask({ kind: "passphrase", node, identityFile, attempt });
    if (answer.kind !== "secret") throw new SshError("passphrase-missing", node, { file: identityFile });
    const parsed = ssh2.utils.parseKey(text, answer.secret);
    if (!(parsed instanceof Error)) {
      passphrases.set(identityFile, answer.secret);
      return single(parsed);
    }
  }
  throw new SshError("passphrase-wrong", node, { file: identityFile });
}

async function readKeyFile(node: string, path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new SshError("key-unreadable", node, { file: path, problem: (error as Error).message });
  }
}

function isEncrypted(problem: Error): boolean {
  return /passphrase|encrypted|bad decrypt|integrity/i.test(problem.message);
}

// ssh2 gives a list for formats that may hold several keys; OpenSSH writes one a file.
function single(parsed: ParsedKey | ParsedKey[]): ParsedKey | null {
  return Array.isArray(parsed) ? (parsed[0] ?? null) : parsed;
}
