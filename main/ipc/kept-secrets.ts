import type { SecretName } from "../../contract/secrets";
import type { Sentence } from "../../contract/sentence";
import type { Asker, Given, Judged } from "../ssh/asker";
import { StoreError } from "../store/durable-file";
import type { SecretVault } from "../store/secrets";

export interface KeptSecretsAsker extends Asker {
  /** Resolves when what was to be kept or forgotten is; overwrites what nobody judged. */
  close(): Promise<void>;
}

/**
 * Answers with what is kept before a person is asked. What a person chose to keep is kept once it was right, and what turns out wrong is
 * forgotten: tried again at each start it would lock the account in the end. `notKept` is told why something right could not be kept.
 */
export function answerFromKept(person: Asker, vault: SecretVault, notKept: (why: Sentence) => void): KeptSecretsAsker {
  /** Typed to be kept, and not judged yet. */
  const unjudged = new Set<Buffer>();
  /** One after another, so that what was judged last stands. */
  let last: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): void => void (last = last.then(work));

  async function keptFor(names: readonly SecretName[]): Promise<Given | null> {
    for (const name of names) {
      const secret = await vault.find(name);
      if (secret === null) continue;
      const text = secret.toString("utf8");
      secret.fill(0);
      const forAllHosts = name.kind === "password" && name.node === null;
      return { kind: "secret", secret: text, keep: false, forAllHosts, judged: forgottenWhenWrong(name) };
    }
    return null;
  }

  /** Whether or not the file can be written now: it would be forgotten the next time it is wrong. */
  function forgottenWhenWrong(name: SecretName): Judged {
    return (isRight) => {
      if (!isRight) inTurn(() => vault.forget(name).catch(() => undefined));
    };
  }

  function keptWhenRight(name: SecretName, text: string): Judged {
    const secret = Buffer.from(text, "utf8");
    const forget = forgottenWhenWrong(name);
    let isKept = false;
    unjudged.add(secret);
    return (isRight) => {
      if (isKept) return forget(isRight);
      if (!unjudged.delete(secret)) return;
      isKept = isRight;
      if (isRight) inTurn(() => keep(name, secret));
      else secret.fill(0);
    };
  }

  async function keep(name: SecretName, secret: Buffer): Promise<void> {
    try {
      await vault.keep(name, secret);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      notKept(error.sentence);
    } finally {
      secret.fill(0);
    }
  }

  return {
    ask: async (question, signal) => {
      const names = namesOf(question);
      // Where one was wrong already, a person says what is tried next.
      const isFirst = "attempt" in question && question.attempt === 1;
      const kept = isFirst ? await keptFor(names) : null;
      if (kept !== null) return kept;
      const answer = await person.ask(question, signal);
      if (answer.kind !== "secret" || !answer.keep) return answer;
      const name = answer.forAllHosts === true ? names.at(-1) : names[0];
      return name === undefined ? answer : { ...answer, judged: keptWhenRight(name, answer.secret) };
    },
    close: async () => {
      for (const secret of unjudged) secret.fill(0);
      unjudged.clear();
      await last;
    },
  };
}

/** What a question asks for, the narrowest name first; nothing for what is never kept. */
export function namesOf(question: Parameters<Asker["ask"]>[0]): readonly SecretName[] {
  switch (question.kind) {
    case "passphrase":
      return [{ kind: "passphrase", identityFile: question.identityFile }];
    case "password":
      return [
        { kind: "password", user: question.user, node: question.node },
        { kind: "password", user: question.user, node: null },
      ];
    case "sudo-password":
      return [{ kind: "sudo-password", user: question.user, node: question.node }];
    case "engine-password": {
      const { engine, user, node, target } = question;
      return [{ kind: "engine-password", engine, user, node, target }];
    }
    // A code that is right once, and a key that is only confirmed: neither is a secret to keep.
    case "prompts":
    case "host-key-unknown":
      return [];
  }
}
