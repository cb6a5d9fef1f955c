import type { HostProcess } from "../engine/engine";
import type { ServiceControl } from "../engine/service";
import type { NodeAccess } from "../ssh/access";

/**
 * Tells of the processes with the given names and of no other: each costs five short commands, and a host may have thousands.
 * A newline inside an argument becomes a space, so that a line is an argument.
 */
const listScript = `
for p in /proc/[0-9]*; do
 name=; read -r name <"$p/comm" || continue
 wanted=; for one in "$@"; do case $name in $one) wanted=1;; esac; done; [ "$wanted" ] || continue
 read -r line <"$p/stat" || continue
 set -f; rest=\${line##*) }; parent=\${rest#* }; parent=\${parent%% *}; set +f
 echo "process \${p#/proc/} $parent $name"
 keeper=; read -r keeper <"/proc/$parent/comm"; echo "keeper $keeper"
 case $keeper in runsv) echo "directory $(readlink "/proc/$parent/cwd")";; esac
 echo "account $(stat -c %U "$p")"; echo "program $(readlink "$p/exe")"; echo "cwd $(readlink "$p/cwd")"; echo "output $(readlink "$p/fd/1")"
 while read -r line; do echo "cgroup $line"; done <"$p/cgroup"
 tr '\\n\\0' ' \\n' <"$p/environ" | grep '^SUPERVISOR_\\(PROCESS\\|GROUP\\)_NAME='
 tr '\\n\\0' ' \\n' <"$p/cmdline" | sed 's/^/arg /'
done 2>/dev/null
exit 0
`.trim();

/** Lists the processes of a host whose name matches one of the shell patterns. Throws SshError. */
export async function listProcesses(access: NodeAccess, names: readonly string[]): Promise<readonly HostProcess[]> {
  const output = await access.run(
    { argv: ["/bin/sh", "-c", listScript, "sh", ...names] },
    { deadlineMs: 20_000, maxBytes: 4 << 20 },
  );
  return parseProcesses(output.stdout);
}

/**
 * ```
 * process 214 1 redis-server
 * keeper systemd
 * account redis
 * program /usr/bin/redis-check-rdb
 * cwd /var/lib/redis
 * output /dev/null
 * cgroup 0::/system.slice/redis-server.service
 * arg /usr/bin/redis-server 0.0.0.0:6379 [cluster]
 * ```
 * A process that ended while it was read lacks lines and is left out.
 */
export function parseProcesses(text: string): readonly HostProcess[] {
  const blocks = text.split(/^(?=process \d+ \d+ )/m);
  return blocks.flatMap((block): readonly HostProcess[] => {
    const lines = block.split("\n");
    const head = /^process (\d+) (\d+) (.*)$/.exec(lines[0] ?? "");
    if (head === null) return [];
    const all = (word: string): readonly string[] =>
      lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
    const one = (word: string): string => all(word)[0] ?? "";
    const argv = all("arg");
    if (argv.length === 0) return [];
    const output = one("output");
    return [
      {
        pid: Number(head[1]),
        parentPid: Number(head[2]),
        name: head[3] ?? "",
        argv,
        account: one("account"),
        program: one("program"),
        workingDirectory: one("cwd"),
        // A pipe or a socket is no file to read.
        outputFile: output.startsWith("/") && !output.startsWith("/dev/") ? output : "",
        service: serviceOf(lines, argv, one),
      },
    ];
  });
}

function serviceOf(lines: readonly string[], argv: readonly string[], one: (word: string) => string): ServiceControl {
  const supervised = (name: string): string | null =>
    lines.find((line) => line.startsWith(`SUPERVISOR_${name}_NAME=`))?.split("=")[1] ?? null;
  const program = supervised("PROCESS");
  if (program !== null) {
    const group = supervised("GROUP");
    return { kind: "supervisor", program: group === null || group === program ? program : `${group}:${program}` };
  }
  if (one("keeper") === "runsv" && one("directory") !== "") return { kind: "runit", directory: one("directory") };
  const unit = lines
    .filter((line) => line.startsWith("cgroup "))
    .map((line) => /\/([^/]+\.service)(?:\/|$)/.exec(line)?.[1])
    .find((found) => found !== undefined && !isSession(found));
  if (unit !== undefined) return { kind: "systemd", unit };
  const [first = "", ...rest] = argv;
  return { kind: "plain", argv: [first, ...rest], workingDirectory: one("cwd") === "" ? "/" : one("cwd") };
}

/** Units that hold what somebody started from a login, not a service. */
function isSession(unit: string): boolean {
  return /^(user@\d+|ssh(d)?(@.*)?|cron|crond|containerd|docker)\.service$/.test(unit);
}
