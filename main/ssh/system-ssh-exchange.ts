import type { Answer } from "../../contract/inventory";
import type { Asker } from "./asker";
import type { Passphrases } from "./private-key";
import type { ResolvedLogin } from "./resolved-login";
import { SshError } from "./ssh-error";
import type { OpenQuestion } from "./system-ssh-askpass";
import { errorOf } from "./system-ssh-error";
import type { SshProcess } from "./system-ssh-process";
import { questionOf, type SshQuestion } from "./system-ssh-question";

export interface SystemSshAsks {
  readonly asker: Asker;
  readonly passphrases: Passphrases;
}

/** The questions of one login and what came of them. */
export interface Exchange {
  /** Puts one to the person and hands the answer on. Throws SshError when it was refused: ssh itself would go on with an empty answer. */
  put(question: OpenQuestion): Promise<void>;
  /** The better reason for a refused login, where the questions tell one. */
  explain(error: SshError): SshError;
  /** The login holds: passphrases given for it were right. */
  keep(): void;
}

/** Settings of ssh allow two tries (NumberOfPasswordPrompts). */
const passphraseAttempts = 2;

export function createExchange(
  login: ResolvedLogin,
  { asker, passphrases }: SystemSshAsks,
  master: SshProcess,
): Exchange {
  const counts = new Map<string, number>();
  const given = new Map<string, string>();

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
    const remembered = asked.kind === "passphrase" && earlier === 0 ? passphrases.get(asked.identityFile) : undefined;
    const line = remembered ?? lineOf(question, await asker.ask(asked), login);
    if (asked.kind === "passphrase") given.set(asked.identityFile, line);
    await open.answer(line);
  }

  /** Something to do at a key or a card; ssh goes on by itself when it is done, so nobody waits for the answer. */
  function notify(text: string): void {
    void asker.ask({ kind: "prompts", node: login.host, title: "", instruction: text, prompts: [] });
  }

  return {
    put,
    explain: (error) => {
      const spent = [...counts].find(
        ([prompt, count]) => count >= passphraseAttempts && fileOf(prompt, login) !== null,
      );
      if (error.kind !== "login-refused" || spent === undefined) return error;
      return new SshError("passphrase-wrong", login.host, { file: fileOf(spent[0], login) ?? "" }, error);
    },
    keep: () => {
      for (const [file, passphrase] of given) passphrases.set(file, passphrase);
    },
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
