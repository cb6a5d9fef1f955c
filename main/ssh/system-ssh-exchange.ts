import { readFile } from "node:fs/promises";
import type { Answer } from "../../contract/inventory";
import type { Asker, Judged } from "./asker";
import { readKeyFile } from "./key-file";
import type { ResolvedLogin } from "./resolved-login";
import type { SessionSecrets } from "./session-secrets";
import { SshError } from "./ssh-error";
import type { OpenQuestion } from "./system-ssh-askpass";
import { errorOf, hopsLoggedIn } from "./system-ssh-error";
import { createPasswordTurns } from "./system-ssh-passwords";
import type { SshProcess } from "./system-ssh-process";
import { questionOf, type SshQuestion } from "./system-ssh-question";

export interface SystemSshAsks {
  readonly asker: Asker;
  readonly secrets: SessionSecrets;
  readonly unwanted: AbortSignal;
}

/** The questions of one login and what came of them. */
export interface Exchange {
  /** Puts one to the person and hands the answer on. Throws SshError when it was refused: ssh itself would go on with an empty answer. */
  put(question: OpenQuestion): Promise<void>;
  /** The better reason for a refused login, where the questions tell one. */
  explain(error: SshError): SshError;
  /** The login holds: the last that was given for it was right. */
  keep(): Promise<void>;
  /** The login came to nothing. */
  close(): void;
}

/** Settings of ssh allow two tries (NumberOfPasswordPrompts). */
const passphraseAttempts = 2;

export function createExchange(login: ResolvedLogin, asks: SystemSshAsks, master: SshProcess): Exchange {
  const counts = new Map<string, number>();
  /** Whom to tell of the last passphrase once the login holds; null where it is told already. */
  let lastPassphrase: Promise<Judged | null> = Promise.resolve(null);
  const { secrets } = asks;
  const over = new AbortController();
  /** A question is withdrawn with its login. */
  const asker: Asker = { ask: (question) => asks.asker.ask(question, over.signal) };
  const turns: (() => void)[] = [];
  const passwords = createPasswordTurns(login, { asker, secrets, said: master.stderr });

  async function put(open: OpenQuestion): Promise<void> {
    if (open.wants === "none") {
      notify(open.prompt);
      return;
    }
    const earlier = counts.get(open.prompt) ?? 0;
    counts.set(open.prompt, earlier + 1);
    const question = questionOf(open.prompt, earlier, login, hopsLoggedIn(master.stderr()));
    const { asked } = question;
    // ssh would go on to ask about the plain key of a host whose certificate is void.
    if (asked.kind === "host-key-unknown" && /^Certificate invalid: /m.test(master.stderr()))
      throw errorOf(master.stderr(), login);
    if (asked.kind === "password") {
      await open.answer(await passwords.next(asked));
      return;
    }
    const line =
      asked.kind === "passphrase"
        ? await passphrase(question, asked.identityFile, earlier)
        : lineOf(question, await asker.ask(asked), login);
    await open.answer(line);
  }

  async function passphrase(question: SshQuestion, file: string, earlier: number): Promise<string> {
    const known = await passphraseKnown(file, earlier);
    if (known !== null) return known;
    const answer = await asker.ask(question.asked);
    const line = lineOf(question, answer, login);
    const judged: Judged = (isRight) => {
      if (isRight) secrets.keepPassphrase(file, line);
      answer.judged?.(isRight);
    };
    lastPassphrase = opens(file, line).then((isRight) => {
      if (isRight === null) return judged;
      judged(isRight);
      return null;
    });
    return line;
  }

  /** One login at a time asks for the passphrase of a file; the others wait, and are given what was right. */
  async function passphraseKnown(file: string, earlier: number): Promise<string | null> {
    if (earlier > 0) return null;
    const done = await secrets.passphraseTurn(file);
    turns.push(done);
    if (over.signal.aborted) {
      end();
      throw new SshError("closed", login.host);
    }
    const known = secrets.passphraseOf(file);
    if (known !== null) done();
    return known;
  }

  function end(): void {
    passwords.close();
    for (const done of turns.splice(0)) done();
    over.abort();
  }

  /** Something to do at a key or a card; ssh goes on by itself when it is done, so nobody waits for the answer, and it is withdrawn then. */
  function notify(text: string): void {
    void asker.ask({ kind: "prompts", node: login.host, title: "", instruction: text, prompts: [] });
  }

  return {
    put,
    explain: (error) => {
      if (error.kind === "login-refused") passwords.settle("refused");
      const spent = [...counts].find(
        ([prompt, count]) => count >= passphraseAttempts && fileOf(prompt, login) !== null,
      );
      if (error.kind !== "login-refused" || spent === undefined) return error;
      return new SshError("passphrase-wrong", login.host, { file: fileOf(spent[0], login) ?? "" }, error);
    },
    keep: async () => {
      passwords.settle("accepted");
      (await lastPassphrase)?.(true);
      end();
    },
    close: end,
  };
}

/** Whether this passphrase opens the file, which ssh does not say; null where only ssh can try it. */
async function opens(file: string, passphrase: string): Promise<boolean | null> {
  try {
    const reading = await readKeyFile(await readFile(file, "utf8"), Buffer.from(passphrase, "utf8"));
    return reading.kind === "key" ? true : reading.kind === "wrong-passphrase" ? false : null;
  } catch {
    // Whatever keeps this side from reading the file, ssh tells what it makes of it.
    return null;
  }
}

function fileOf(prompt: string, login: ResolvedLogin): string | null {
  const { asked } = questionOf(prompt, 0, login, 0);
  return asked.kind === "passphrase" ? asked.identityFile : null;
}

/** The line ssh reads. A line feed in a secret would end it early, so such an answer is none. */
function lineOf({ asked, acceptance }: SshQuestion, answer: Answer, login: ResolvedLogin): string {
  const line =
    answer.kind === "accept"
      ? acceptance
      : answer.kind === "secret"
        ? answer.secret
        : answer.kind === "replies"
          ? (answer.replies[0] ?? "")
          : null;
  if (line !== null && !line.includes("\n")) return line;
  switch (asked.kind) {
    case "host-key-unknown":
      throw new SshError("host-key-unknown", asked.node, { fingerprint: asked.fingerprint, keyType: asked.keyType });
    case "passphrase":
      throw new SshError("passphrase-missing", login.host, { file: asked.identityFile });
    default:
      throw new SshError("login-cancelled", login.host, { user: login.user });
  }
}
