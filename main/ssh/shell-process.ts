/** Which process a shell is, as it said itself. Its number may be another's by now; with when it began, and in which run of the node, it is its own. */
export interface ShellProcess {
  readonly bootId: string;
  readonly pid: number;
  /** Clock ticks since the node started. */
  readonly startTicks: number;
}

/** A shell says who it is by builtins alone; one without /proc says nothing, nor does one whose /proc numbers processes of another namespace. */
export function introduction(mark: string): string {
  const read =
    'read -r ek_boot </proc/sys/kernel/random/boot_id && read -r ek_self </proc/self/stat && [ "${ek_self%% *}" = $$ ]';
  return `{ ${read}; } 2>/dev/null && printf '\\n%s=%s %s\\n' ${mark} "$ek_boot" "$ek_self"\n`;
}

/**
 * Pure. Finds the introduction in what a shell printed; null where it is not, or not whole.
 * ```
 * 5f0c…=0f1c2d3e-… 4711 (sh) S 4710 4711 4711 0 -1 4194560 118 0 0 0 0 0 0 0 20 0 1 0 8812345 2510848 …
 * ```
 */
export function introducedIn(text: string, mark: string): ShellProcess | null {
  const at = text.indexOf(`\n${mark}=`);
  const found =
    at < 0 ? null : /^([0-9a-f-]{36}) (\d+) \(.*\) \S (?:\S+ ){18}(\d+) .*\n/.exec(text.slice(at + mark.length + 2));
  return found === null ? null : { bootId: found[1] ?? "", pid: Number(found[2]), startTicks: Number(found[3]) };
}

/** Ends that shell, and says `ended`; says `gone` where its number is nobody's or another's. Builtins alone. */
export function endingScript({ bootId, pid, startTicks }: ShellProcess): string {
  return (
    "ek_boot= ek_self=\n" +
    `{ read -r ek_boot </proc/sys/kernel/random/boot_id && read -r ek_self </proc/${pid}/stat; } 2>/dev/null\n` +
    // After the name in brackets the state is the first word, and when it began the twentieth.
    "set -f; set -- ${ek_self##*) }\n" +
    `if [ "$ek_boot \${20-}" = "${bootId} ${startTicks}" ]; then kill -KILL ${pid} && echo ended; else echo gone; fi\n`
  );
}
