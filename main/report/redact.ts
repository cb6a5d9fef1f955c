/** Forms in which secrets turn up in answers of hosts; what follows the name is taken out. */
const secretForms: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /(\b(?:password|passwd|secret|token|api[_-]?key)\b["']?\s*[=:]\s*)(?:'[^']*'|"[^"]*"|[^\s,;}]+)/gi,
  /(\bAuthorization:\s*)[^\r\n]+/gi,
];

/** A text with every secret it shows replaced by a mark, so that a reader sees that something stood there. */
export function redact(text: string): string {
  return secretForms.reduce(
    (rest, form) => rest.replace(form, (_whole, name: unknown) => `${typeof name === "string" ? name : ""}[removed]`),
    text,
  );
}

/** Characters that draw nothing, or turn the direction of others, made visible. */
export function visible(text: string): string {
  return Array.from(text)
    .map((character) =>
      isInvisible(character.codePointAt(0) ?? 0) ? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}` : character,
    )
    .join("");
}

function isInvisible(code: number): boolean {
  if (code === 9 || code === 10) return false;
  if (code < 32 || (code >= 127 && code < 160)) return true;
  return (
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069) ||
    code === 0xfeff
  );
}
