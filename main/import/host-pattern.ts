/** More hosts than this from one line are taken for a slip of the pen. */
const mostHosts = 10_000;
/** In one name. */
const mostRanges = 100;
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

export interface HostPattern {
  readonly names: readonly string[];
  readonly port: number | null;
}

/**
 * The hosts of one entry, with the port behind them; null where a range is none.
 * ```
 * db[01:12].example.org    web[a:c]:2222    r[1:2]n[0:9:3]    [2001:db8::5]:22    10.0.0.[1:9]
 * ```
 */
export function hostsOf(written: string): HostPattern | null {
  const { address, port } = splitPort(written);
  const names = expand(address);
  return names === null ? null : { names, port };
}

function splitPort(written: string): { readonly address: string; readonly port: number | null } {
  const bracketed = /^\[(.+)\]:(\d+)$/.exec(written);
  const plain = /^((?:[^:[\]]|\[[^\]]*\])*):(\d+)$/.exec(bracketed?.[1] ?? written);
  const found = plain ?? bracketed;
  // What is no host name or address is taken as it stands, port and all.
  if (found === null || !isAddress(found[1] ?? "")) return { address: written, port: null };
  return { address: found[1] ?? "", port: Number(found[2]) };
}

const numericRange = String.raw`\[(?:\d+:\d+)(?::\d+)?\]`;
const hexRange = String.raw`\[(?:[\da-f]{1,4}:[\da-f]{1,4})(?::\d+)?\]`;
const anyRange = String.raw`\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]`;
const label = String.raw`(?:[\p{L}\p{N}_]|${anyRange})(?:[\p{L}\p{N}_-]|${anyRange})*(?<![_-])`;
const ipv4Part = String.raw`(?:[01]?\d{1,2}|2[0-4]\d|25[0-5]|${numericRange})`;
const hostName = new RegExp(`^${label}(?:\\.${label})*$`, "iu");
const ipv4 = new RegExp(`^(?:${ipv4Part}\\.){3}${ipv4Part}$`, "i");
const ipv6 = new RegExp(`^(?=[^:]*:[^:]*:)(?!\\.)(?:[\\da-f:.]|${hexRange})+$`, "i");

function isAddress(text: string): boolean {
  return hostName.test(text) || ipv4.test(text) || ipv6.test(text);
}

function expand(pattern: string, ranges = 0): readonly string[] | null {
  if (!pattern.includes("[")) return [pattern];
  if (ranges === mostRanges) return null;
  const parts = /^([^[|]*)\[([^\][|]*)\]([^|]*)$/.exec(pattern);
  if (parts === null) return null;
  const [, head = "", range = "", tail = ""] = parts;
  const sequence = sequenceOf(range);
  const rest = expand(tail, ranges + 1);
  if (sequence === null || rest === null || sequence.length * rest.length > mostHosts) return null;
  return sequence.flatMap((one) => rest.map((more) => `${head}${one}${more}`));
}

/** `1:10`, `01:10:2`, `a:f`, `:5`; letters run on from small to capital ones. */
function sequenceOf(range: string): readonly string[] | null {
  const [first = "", last = "", step = "1", ...more] = range.split(":");
  const begin = first === "" ? "0" : first;
  if (!range.includes(":") || more.length > 0 || last === "" || !/^\d+$/.test(step) || Number(step) === 0) return null;
  const isPadded = begin.length > 1 && begin.startsWith("0");
  if (isPadded && begin.length !== last.length) return null;
  const from = letters.indexOf(begin);
  const to = letters.indexOf(last);
  if (begin.length === 1 && last.length === 1 && from >= 0 && to >= 0)
    return from > to ? null : counted(from, to, Number(step), (at) => letters[at] ?? "");
  if (!/^\d+$/.test(begin) || !/^\d+$/.test(last)) return null;
  return counted(Number(begin), Number(last), Number(step), (at) =>
    isPadded ? String(at).padStart(begin.length, "0") : String(at),
  );
}

function counted(from: number, to: number, step: number, name: (at: number) => string): readonly string[] | null {
  const count = to < from ? 0 : Math.floor((to - from) / step) + 1;
  if (count > mostHosts) return null;
  return Array.from({ length: count }, (_, at) => name(from + at * step));
}
