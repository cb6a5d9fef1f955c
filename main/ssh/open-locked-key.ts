import type { Asker } from "./asker";
import { readKeyFile } from "./key-file";
import type { PrivateKey } from "./private-key";
import type { SessionSecrets } from "./session-secrets";
import { SshError } from "./ssh-error";

const passphraseAttempts = 2;

/** Opens a key with the passphrase the person gives, once a session however many hosts take the key. Rejects with SshError. */
export async function openLockedKey(
  node: string,
  identityFile: string,
  text: string,
  parts: { readonly asker: Asker; readonly secrets: SessionSecrets },
): Promise<PrivateKey> {
  try {
    return await parts.secrets.openKey(text, () => ask(node, identityFile, text, parts.asker));
  } catch (error) {
    // The work may have been another host's; the sentence names this one.
    if (error instanceof SshError) throw new SshError(error.kind, node, error.facts, error);
    throw error;
  }
}

async function ask(node: string, identityFile: string, text: string, asker: Asker): Promise<PrivateKey> {
  for (let attempt = 1; attempt <= passphraseAttempts; attempt += 1) {
    const answer = await asker.ask({ kind: "passphrase", node, identityFile, attempt });
    if (answer.kind !== "secret") throw new SshError("passphrase-missing", node, { file: identityFile });
    const passphrase = Buffer.from(answer.secret, "utf8");
    const reading = await readKeyFile(text, passphrase);
    passphrase.fill(0);
    switch (reading.kind) {
      case "key":
        answer.judged?.(true);
        return reading.key;
      case "wrong-passphrase":
        answer.judged?.(false);
        continue;
      case "unsupported":
        throw new SshError("key-unsupported", node, { file: identityFile, ...reading.facts });
      case "hardware":
        throw new SshError("key-needs-system-ssh", node, { file: identityFile, keyType: reading.keyType });
      case "broken":
        throw new SshError("key-unreadable", node, { file: identityFile, problem: reading.problem });
      case "locked":
        throw new SshError("passphrase-missing", node, { file: identityFile });
    }
  }
  throw new SshError("passphrase-wrong", node, { file: identityFile });
}
