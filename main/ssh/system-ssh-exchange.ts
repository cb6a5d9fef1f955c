import type { Answer } from "../../contract/inventory";
import type { Asker } from "./asker";
import type { ResolvedLogin } from "./resolved-login";
import type { SessionSecrets } from "./session-secrets";
import { SshError } from "./ssh-error";
import type { OpenQuestion } from "./system-ssh-askpass";
import { errorOf } from "./system-ssh-error";
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
  /** The login holds: what was given for it was right. */
  keep(): void;
  /** The login came to nothing. */
  close(): void;
}

/** Settings of ssh allow two tries (NumberOfPasswordPrompts). */
const passphraseAttempts = 2;

export function createExchange(login: ResolvedLogin, asks: SystemSshAsks, master: SshProcess): Exchange {
  const counts = new Map<string, number>();
  const given = new Map<string, string>();
  const { secrets } = asks;
  const over = new AbortController();
  /** A question is withdrawn with its login. */
  const asker: Asker = { ask: (question) => asks.asker.ask(question, over.signal) };
  const turns: (() => void)[] = [];
  const passwords = createPasswordTurns(login, { asker, secrets });

  async function put(open: OpenQuestion): Promise<void> {
    if (open.wants === "none") {
      notify(open.prompt);
      return;
    }
    const earlier = counts.get(open.prompt) ?? 0;
    counts.set(open.prompt, earlier + 1);
    const question = questionOf(open.prompt, earlier, login);
    const { asked } = question;
    // ssh would go on to ask about the plain key of a host whose certificate is void.
    if (asked.kind === "host-key-unknown" && /^Certificate invalid: /m.test(master.stderr()))
      throw errorOf(master.stderr(), login);
    if (asked.kind === "password") {
      await open.answer(await passwords.next(asked));
      return;
    }
    const remembered = asked.kind === "passphrase" ? await passphraseKnown(asked.identityFile, earlier) : null;
    const line = remembered ?? lineOf(question, await asker.ask(asked), login);
    if (asked.kind === "passphrase") given.set(asked.identityFile, line);
    await open.answer(line);
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
    keep: () => {
      for (const [file, passphrase] of given) secrets.keepPassphrase(file, passphrase);
      passwords.settle("accepted");
      end();
    },
    close: end,
  };
}

function fileOf(prompt: string, login: ResolvedLogin): string | null {
  const { asked } = questionOf(prompt, 0, login);
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
