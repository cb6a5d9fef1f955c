import { constants } from "node:fs";
import { chmod, open, readdir, readFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * The program ssh runs for every question. The question is left in a file of the connection's private directory; the answer comes
 * through a pipe with a name there, never through a file, an argument or the environment. A line that does not begin with `+` is a no.
 */
const helperText = `#!/bin/sh
umask 077
at="$EVENKEEL_ASKPASS/$$"
mkfifo "$at.answer" || exit 1
printf '%s' "$1" >"$at.writing" && mv "$at.writing" "$at.question-\${SSH_ASKPASS_PROMPT:-secret}" || exit 1
IFS= read -r answer <"$at.answer" || exit 1
rm -f "$at.answer"
case $answer in
  +*) printf '%s\\n' "\${answer#+}" ;;
  *) exit 1 ;;
esac
`;

/** A question that a helper waits on. */
export interface OpenQuestion {
  readonly prompt: string;
  /** `none`: something to be done elsewhere, such as touching a key; ssh ends the helper itself when it is done. */
  readonly wants: "secret" | "confirm" | "none";
  /** Hands the answer over; null is a no. */
  answer(line: string | null): Promise<void>;
}

export interface Askpass {
  /** What ssh must find in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** The questions put since the last look. */
  look(): Promise<readonly OpenQuestion[]>;
}

/** Puts the helper into `directory`, which nobody else may enter. */
export async function placeAskpass(directory: string): Promise<Askpass> {
  const helper = join(directory, "askpass");
  await writeFile(helper, helperText, { mode: 0o700 });
  await chmod(helper, 0o700);
  return {
    environment: { EVENKEEL_ASKPASS: directory, SSH_ASKPASS: helper, SSH_ASKPASS_REQUIRE: "force" },
    look: async () => {
      const names = (await readdir(directory)).filter((name) => /^\d+\.question-/.test(name));
      return Promise.all(names.map((name) => openQuestion(directory, name)));
    },
  };
}

// 4711.question-secret
async function openQuestion(directory: string, name: string): Promise<OpenQuestion> {
  const [pid = "", kind = ""] = name.split(".question-");
  const prompt = await readFile(join(directory, name), "utf8");
  await unlink(join(directory, name));
  return {
    prompt,
    wants: kind === "confirm" || kind === "none" ? kind : "secret",
    answer: async (line) => {
      // Opened for reading too, or the open would fail before the helper has opened its end.
      const handle = await open(join(directory, `${pid}.answer`), constants.O_RDWR | constants.O_NONBLOCK);
      await handle.write(line === null ? "-\n" : `+${line}\n`);
      // Closed only when the helper has read it: a pipe that nobody holds forgets.
      setTimeout(() => void handle.close(), answerHeldMs).unref();
    },
  };
}

const answerHeldMs = 10_000;
