import { targetName, type PasswordSource, type ServiceLogin } from "../probe/wire/wire";
import type { Asker, Judged } from "../ssh/asker";

/** Two wrong passwords are enough to lock an account; after them nobody is asked until the person says so. */
const attempts = 2;

export interface Passwords extends PasswordSource {
  /** The person's act: every password may be asked for again. */
  askAgain(): void;
}

/** Passwords of databases, asked of the person once and kept for as long as the app runs, in memory only. */
export function createPasswords(asker: Asker): Passwords {
  const known = new Map<string, { readonly secret: string; readonly judged: Judged | undefined }>();
  const refusals = new Map<string, number>();
  const asking = new Map<string, Promise<string | null>>();
  const keyOf = (node: string, login: ServiceLogin): string =>
    `${login.service} ${login.user}@${node} ${targetName(login.target)}`;

  async function ask(key: string, node: string, login: ServiceLogin): Promise<string | null> {
    const attempt = (refusals.get(key) ?? 0) + 1;
    const { service: engine, user } = login;
    const target = targetName(login.target);
    const answer = await asker.ask({ kind: "engine-password", node, engine, user, target, attempt });
    if (answer.kind !== "secret") {
      refusals.set(key, attempts);
      return null;
    }
    known.set(key, { secret: answer.secret, judged: answer.judged });
    return answer.secret;
  }

  return {
    password: async (node, login) => {
      const key = keyOf(node, login);
      const remembered = known.get(key);
      if (remembered !== undefined) return remembered.secret;
      if ((refusals.get(key) ?? 0) >= attempts) return null;
      const asked = asking.get(key) ?? ask(key, node, login).finally(() => asking.delete(key));
      asking.set(key, asked);
      return asked;
    },
    accepted: (node, login) => {
      const key = keyOf(node, login);
      refusals.delete(key);
      known.get(key)?.judged?.(true);
    },
    refused: (node, login) => {
      const key = keyOf(node, login);
      known.get(key)?.judged?.(false);
      known.delete(key);
      refusals.set(key, (refusals.get(key) ?? 0) + 1);
    },
    askAgain: () => refusals.clear(),
  };
}
