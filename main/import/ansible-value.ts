import type { Position } from "./found";

/** A variable of an inventory. What is sealed, or no plain value, stays so: it is never guessed. */
export type Value =
  | { readonly kind: "plain"; readonly value: string | number | boolean | null; readonly at: Position }
  | { readonly kind: "vault"; readonly at: Position }
  | { readonly kind: "structure"; readonly at: Position };

export type Variables = ReadonlyMap<string, Value>;

const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  a: "\u0007",
  b: "\b",
  f: "\f",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/**
 * A value of an INI inventory, which Ansible reads as a literal of Python and takes as text where it is none.
 * ```
 * 22      "a b"      'x'      True      None      [1, 2]      022 (text)      yes (text)
 * ```
 */
export function iniValue(text: string, at: Position): Value {
  const plain = (value: string | number | boolean | null): Value => ({ kind: "plain", value, at });
  // ast.literal_eval strips blanks and tabs in front; a comment behind a literal is Python's own.
  const literal = text.replace(/^[ \t]+/, "").trimEnd();
  if (literal === "True") return plain(true);
  if (literal === "False") return plain(false);
  if (literal === "None") return plain(null);
  const number = numberOf(literal);
  if (number !== null) return plain(number);
  const quoted = quotedText(literal);
  if (quoted !== null) return plain(quoted);
  // Whether what looks like a list, a dictionary or bytes is one decides nothing here: none of them says how to log in. A template is text.
  const isBracketed = /^(?:\[.*\]|\(.*\)|\{(?!\{).*\})$/s.test(literal);
  if (isBracketed || /^[rRuUbB]{1,2}["']/.test(literal)) return { kind: "structure", at };
  return plain(text);
}

function numberOf(literal: string): number | null {
  // A literal may carry Python's own comment: `22 # the port`.
  const [before = ""] = literal.split("#", 1);
  const bare = before.trimEnd().replace(/^([+-])\s*/, "$1");
  if (/^[+-]?(?:0(?:_?0)*|[1-9](?:_?\d)*)$/.test(bare)) return Number(bare.replaceAll("_", ""));
  const based = /^([+-]?)(0[xX](?:_?[\da-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)$/.exec(bare);
  if (based !== null) return Number((based[2] ?? "").replaceAll("_", "")) * (based[1] === "-" ? -1 : 1);
  if (/^[+-]?(?:\d(?:_?\d)*\.(?:\d(?:_?\d)*)?|\.\d(?:_?\d)*|\d(?:_?\d)*(?=[eE]))(?:[eE][+-]?\d(?:_?\d)*)?$/.test(bare))
    return Number(bare.replaceAll("_", ""));
  return null;
}

function quotedText(literal: string): string | null {
  const quoted = /^(["'])((?:\\[\s\S]|(?!\1)[^\\\n])*)\1(?:\s*#.*)?$/.exec(literal);
  if (quoted === null) return null;
  return (quoted[2] ?? "").replace(
    /\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|[\s\S])/g,
    (whole, code: string) =>
      escapes[code] ?? (code.length > 1 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : whole),
  );
}
