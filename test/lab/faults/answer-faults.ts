import type { RunOn } from "../clusters/cluster-recipe";

export interface AnswerFaults {
  /**
   * Lets `date` tell a time that is so many seconds ahead, or behind when negative. Other programs see the machine's clock,
   * which all hosts share and none can set.
   */
  skewClock(host: string, seconds: number): Promise<void>;
  restoreClock(host: string): Promise<void>;
  /** Puts a program's answer behind some text and bytes that are no text at all. */
  garble(host: string, program: string): Promise<void>;
  ungarble(host: string, program: string): Promise<void>;
  /** Lets the login shells of root and admin greet everyone, also those who only run a command. */
  greetLogins(host: string): Promise<void>;
  greetNobody(host: string): Promise<void>;
}

const greetingFiles = ["/root/.bashrc", "/home/admin/.bashrc"];
const greeting = "Welcome, this host is watched.";

export function answerFaults(run: RunOn): AnswerFaults {
  const inEach = (command: (file: string) => string): string => greetingFiles.map(command).join("\n");
  return {
    skewClock: async (host, seconds) => {
      const ahead = `${seconds < 0 ? "" : "+"}${seconds}s`;
      await run(host, standIn("date", `exec faketime -f '${ahead}' "$real" "$@"`));
    },
    restoreClock: async (host) => void (await run(host, original("date"))),
    garble: async (host, program) =>
      void (await run(
        host,
        standIn(program, `printf 'error: \\377\\376\\200\\n'; head -c 64 /dev/urandom; exec "$real" "$@"`),
      )),
    ungarble: async (host, program) => void (await run(host, original(program))),
    // First in the file: Debian's ends itself early for shells that nobody types in.
    greetLogins: async (host) =>
      void (await run(
        host,
        inEach((file) => `sed -i '1i echo "${greeting}"' ${file}`),
      )),
    greetNobody: async (host) =>
      void (await run(
        host,
        inEach((file) => `sed -i '/${greeting}/d' ${file}`),
      )),
  };
}

/** Puts a script in a program's place; $real is the program, under its own name, since some act by the name they have. */
function standIn(program: string, script: string): string {
  return `path=$(readlink -f "$(dirname "$(command -v ${program})")")/${program}
[ ! -e "$path.original" ] || { echo "${program} is replaced already" >&2; exit 1; }
mkdir -p /opt/original
if [ -L "$path" ]; then ln -s "$(readlink -f "$path")" /opt/original/${program}; else cp -p "$path" /opt/original/; fi
mv "$path" "$path.original"
cat > "$path" <<'END'
#!/bin/sh
real=/opt/original/${program}
${script}
END
chmod 755 "$path"`;
}

function original(program: string): string {
  return `path=$(readlink -f "$(dirname "$(command -v ${program})")")/${program}
mv "$path.original" "$path"
rm /opt/original/${program}`;
}
