import { chmodSync, existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NodeAccess } from "../../main/ssh/access";
import { framed } from "../../main/ssh/launch";
import { quote } from "../../main/ssh/quote";
import { connectTo } from "./person";
import type { Sshd } from "../lab/sshd";
import { canMakeAccounts, makeAccount, type Account } from "./accounts";
import { cannotRun, kindOf, realSsh, type RealSsh } from "./real-node";
import { createWords } from "./words";

const limits = { deadlineMs: 60_000, maxBytes: 64 << 20 };
/** Strings through each login shell; a thirtieth as many again as bytes that are no UTF-8. */
const strings = Number(process.env.EVENKEEL_STRINGS ?? 20_000);
const wordsACommand = 2_500;
const seed = 20_261_124;

interface LoginShell {
  readonly name: string;
  readonly program: string;
  /** The file of the account that it reads before it runs a command for sshd; null where it reads none. */
  readonly startFile: string | null;
  readonly language: "posix" | "fish" | "csh";
}

const shells: readonly LoginShell[] = [
  { name: "dash", program: "/bin/dash", startFile: null, language: "posix" },
  { name: "bash", program: "/bin/bash", startFile: ".bashrc", language: "posix" },
  { name: "zsh", program: "/usr/bin/zsh", startFile: ".zshenv", language: "posix" },
  { name: "fish", program: "/usr/bin/fish", startFile: ".config/fish/config.fish", language: "fish" },
  { name: "tcsh", program: "/usr/bin/tcsh", startFile: ".tcshrc", language: "csh" },
  { name: "mksh", program: "/bin/mksh", startFile: null, language: "posix" },
  { name: "busybox ash", program: "/usr/bin/busybox", startFile: null, language: "posix" },
];
const present = shells.filter(({ program }) => existsSync(program));

describe.skipIf((cannotRun || !canMakeAccounts || present.length < shells.length) && process.env.CI !== "true")(
  "an account's login shell",
  () => {
    let ssh: RealSsh;
    let sshd: Sshd;
    const accounts = new Map<string, Account>();

    beforeAll(async () => {
      ssh = realSsh();
      chmodSync(ssh.directory, 0o755);
      sshd = await ssh.sshd(["MaxStartups 200"]);
      chmodSync(sshd.directory, 0o755);
      // busybox is the shell it is called by.
      const ash = join(ssh.directory, "ash");
      symlinkSync("/usr/bin/busybox", ash);
      for (const { name, program } of shells)
        accounts.set(name, await makeAccount(name === "busybox ash" ? ash : program));
    });
    afterAll(async () => {
      await ssh.close();
      for (const account of accounts.values()) await account.remove();
    });

    const accountOf = (name: string): Account => {
      const account = accounts.get(name);
      if (account === undefined) throw new Error(`no account has ${name}`);
      return account;
    };
    const nodeOf = (name: string): NodeAccess => ssh.node(ssh.login(sshd.port, { user: accountOf(name).name }));

    /** The first words that came back as another one. */
    function mismatches(sent: readonly string[], got: string): readonly unknown[] {
      if (got === sent.map((word) => `${word}\0`).join("")) return [];
      const came = got.split("\0");
      return sent.flatMap((word, at) => (came[at] === word ? [] : [{ word, came: came[at] }])).slice(0, 3);
    }

    async function textThrough(shell: string, at: number, mark: string): Promise<readonly unknown[]> {
      const node = nodeOf(shell);
      const words = createWords(seed + at, mark);
      const wrong: unknown[] = [];
      for (let sent = 0; sent < strings && wrong.length === 0; sent += wordsACommand) {
        const argv = Array.from({ length: Math.min(wordsACommand, strings - sent) }, words.text);
        const { stdout, ending, droppedBytes } = await node.run(
          { argv: ["/usr/bin/printf", "%s\\0", ...argv] },
          limits,
        );
        if (ending.kind !== "exited" || ending.code !== 0 || droppedBytes > 0) wrong.push({ ending, droppedBytes });
        wrong.push(...mismatches(argv, stdout));
      }
      return wrong;
    }

    /** Text cannot hold what is no UTF-8, so the bytes go one a character through the quoting and as they are to the launcher. */
    async function bytesThrough(shell: string, at: number, mark: string): Promise<readonly unknown[]> {
      const words = createWords(seed - at, mark);
      const connection = await connectTo(ssh.login(sshd.port, { user: accountOf(shell).name }));
      const wrong: unknown[] = [];
      const all = Math.ceil(strings / 30);
      for (let sent = 0; sent < all && wrong.length === 0; sent += wordsACommand) {
        const argv = Array.from({ length: Math.min(wordsACommand, all - sent) }, words.bytes);
        const channel = await connection.openShell();
        const pieces: Buffer[] = [];
        channel.on("data", (piece: Buffer) => pieces.push(piece));
        channel.stderr.resume();
        const closed = new Promise((resolve) => channel.once("close", resolve));
        channel.end(Buffer.from(framed(`${quote(["/usr/bin/printf", "%s\\0", ...argv])}\n`, "mark"), "latin1"));
        await closed;
        const framedAnswer = Buffer.concat(pieces).toString("latin1");
        wrong.push(...mismatches(argv, framedAnswer.replace(/^[^]*?\nmark\+\n/, "").replace(/\nmark- 0\n$/, "")));
      }
      connection.close();
      return wrong;
    }

    it(
      "takes any string as the argument it was, whichever shell it is",
      { timeout: 60_000 + strings * 2 },
      async () => {
        const mark = join(ssh.directory, "was-run");
        const wrong = await Promise.all(
          shells.map(async ({ name }, at) => [
            name,
            [...(await textThrough(name, at, mark)), ...(await bytesThrough(name, at, mark))],
          ]),
        );
        console.log(
          `strings: ${strings} and ${Math.ceil(strings / 30)} of bytes through each of ${shells.length} login shells`,
        );
        expect(wrong).toEqual(shells.map(({ name }) => [name, []]));
        expect(existsSync(mark)).toBe(false);
      },
    );

    /** Every answer a node gives, and how it got there. */
    async function answers(shell: string): Promise<unknown> {
      const node = nodeOf(shell);
      const said = await kindOf(node.ready());
      if (said !== "no error") return said;
      const read = await node.read('echo "$LC_ALL $TZ $PWD"', limits);
      const run = await node.run(
        { argv: ["bash", "-c", 'echo "$LC_ALL $TZ $PWD $(umask)"; ls / >/dev/null; echo "it\'s" >&2; exit 3'] },
        limits,
      );
      return [read.stdout.split(" ").slice(0, 2).join(" "), run.stdout, run.stderr, run.ending];
    }
    const right = (umask = "0022"): unknown => ["C UTC", `C UTC / ${umask}\n`, "it's\n", { kind: "exited", code: 3 }];

    /** What stands in the start file, and what comes of it; `others` is for shells other than POSIX ones, where it differs. */
    const start: readonly {
      readonly title: string;
      readonly posix: string;
      readonly fish: string;
      readonly csh: string;
      readonly expected: unknown;
      readonly others?: unknown;
    }[] = [
      {
        title: "may print on both streams when it starts",
        posix: `printf 'Welcome\\n0123-  0\\n\\n\\033[31m%s' "$-"; printf 'noise\\377' >&2; echo unfinished | tr -d '\\n'\n`,
        fish: `printf 'Welcome\\n0123-  0\\n\\n\\033[31m'; printf 'noise\\377' >&2; printf unfinished\n`,
        csh: `printf 'Welcome\\n0123-  0\\n\\n\\033[31m'; sh -c 'echo noise >&2'; printf unfinished\n`,
        expected: right(),
      },
      {
        title: "may print a megabyte when it starts",
        posix: "yes noise | head -c 500000; yes noise | head -c 500000 >&2\n",
        fish: "yes noise | head -c 500000; yes noise | head -c 500000 >&2\n",
        csh: "yes noise | head -c 500000; sh -c 'yes noise | head -c 500000 >&2'\n",
        expected: right(),
      },
      {
        title: "may change directory, file mode, aliases and language",
        posix: `cd /tmp; umask 027; alias ls='ls --color=always' sh=false printf=false echo=false; export LC_ALL=de_DE.UTF-8 LANG=ja_JP.eucJP TZ=Asia/Tokyo GREP_OPTIONS=-v\n`,
        fish: `cd /tmp; umask 027; alias ls 'ls --color=always'; function sh; false; end; set -gx LC_ALL de_DE.UTF-8; set -gx TZ Asia/Tokyo\n`,
        csh: `cd /tmp; umask 027; alias ls 'ls --color=always'; alias sh false; setenv LC_ALL de_DE.UTF-8; setenv TZ Asia/Tokyo\n`,
        expected: right("0027"),
      },
      {
        title: "may lose its search path",
        posix: "unset PATH; export PATH=.\n",
        fish: "set -e PATH; set -gx PATH .\n",
        csh: "unsetenv PATH; setenv PATH .\n",
        expected: right(),
      },
      {
        title: "may hand start files of other shells on",
        posix: "export ENV=$HOME/more BASH_ENV=$HOME/more CDPATH=/usr; set -u; set -f\n",
        fish: "set -gx ENV $HOME/more; set -gx BASH_ENV $HOME/more; set -gx CDPATH /usr\n",
        csh: "setenv ENV $HOME/more; setenv BASH_ENV $HOME/more; setenv CDPATH /usr; set noglob\n",
        expected: right(),
      },
      {
        title: "is told as unusable when its start file ends it",
        posix: "echo this account is closed; exit 0\n",
        fish: "echo this account is closed; exit 0\n",
        csh: "echo this account is closed; exit 0\n",
        expected: "shell-unusable",
        // For these two it ends the file alone.
        others: right(),
      },
      {
        title: "is told as unusable when its start file runs another program in its place",
        posix: "exec true\n",
        fish: "exec true\n",
        csh: "exec true\n",
        expected: "shell-unusable",
      },
      {
        title: "gives no answer that was never asked for when another program reads in its place",
        posix: "exec cat\n",
        fish: "exec cat\n",
        csh: "exec cat\n",
        expected: "deadline",
      },
    ];

    for (const { title, expected, others = expected, ...files } of start)
      it(title, async () => {
        const told = await Promise.all(
          shells.flatMap(({ name, startFile, language }) => {
            if (startFile === null) return [];
            const account = accountOf(name);
            account.write("more", "echo more noise\nexit 1\n");
            account.write(startFile, files[language]);
            return [answers(name).then((answer) => [name, answer])];
          }),
        );
        const reading = shells.filter(({ startFile }) => startFile !== null);
        expect(told).toEqual(reading.map(({ name, language }) => [name, language === "posix" ? expected : others]));
      });

    it("may be one that reads no start file, with noise of sshd's own", async () => {
      const silent = shells.filter(({ startFile }) => startFile === null);
      for (const { name } of silent) accountOf(name).write(".ssh/rc", "echo Welcome; echo noise >&2; exit 1\n");
      const told = await Promise.all(silent.map(async ({ name }) => [name, await answers(name)]));
      expect(told).toEqual(silent.map(({ name }) => [name, right()]));
    });
  },
);
