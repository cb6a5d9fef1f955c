import type { Answer, Question } from "../../contract/inventory";
import type { SecretName } from "../../contract/secrets";
import type { Asker } from "../ssh/asker";
import type { SecretVault } from "../store/secrets";

export interface KeptSecretsAsker extends Asker {
  /** Keeps what a person answered, when they said so. Rejects with StoreError; the answer itself is good all the same. */
  keep(question: Question, answer: Answer): Promise<void>;
}

/**
 * Answers with what is kept before a person is asked, once for each name until it is typed anew. One that turns out wrong is asked for, and
 * forgotten then: tried again at each start it would lock the account in the end.
 */
export function answerFromKept(person: Asker, vault: SecretVault): KeptSecretsAsker {
  /** Names whose kept secret was given out, or was just typed: the next question for one of them says that it was wrong. */
  const given = new Map<string, SecretName>();

  async function keptFor(names: readonly SecretName[]): Promise<Answer | null> {
    for (const name of names) {
      const secret = await vault.find(name);
      if (secret === null) continue;
      given.set(JSON.stringify(name), name);
      const text = secret.toString("utf8");
      secret.fill(0);
      return { kind: "secret", secret: text, keep: false, forAllHosts: name.kind === "password" && name.node === null };
    }
    return null;
  }

  return {
    ask: async (question, signal) => {
      const names = namesOf(question);
      if (names.length === 0 || !("attempt" in question)) return person.ask(question, signal);
      if (question.attempt === 1) return (await keptFor(names)) ?? person.ask(question, signal);
      for (const name of names) {
        if (!given.delete(JSON.stringify(name))) continue;
        // Whether or not the file can be written now: it is asked for, and would be forgotten the next time it is wrong.
        await vault.forget(name).catch(() => undefined);
      }
      return person.ask(question, signal);
    },
    keep: async (question, answer) => {
      if (answer.kind !== "secret" || !answer.keep) return;
      const names = namesOf(question);
      const name = answer.forAllHosts === true ? names.at(-1) : names[0];
      if (name === undefined) return;
      const secret = Buffer.from(answer.secret, "utf8");
      try {
        await vault.keep(name, secret);
        given.set(JSON.stringify(name), name);
      } finally {
        secret.fill(0);
      }
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
