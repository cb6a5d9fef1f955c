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
