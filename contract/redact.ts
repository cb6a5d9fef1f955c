/** `'it''s'`, `"a\"b"`, `\"in JSON within JSON\"`, or what goes on to the next space or quote. */
const value = String.raw`(?:''[^']*''|'(?:[^'\\]|\\.)*'|\\"(?:(?!\\").)*\\"|"(?:[^"\\]|\\.)*"|[^\s'"\\]+)`;
/** The last word of a name, as in `PGPASSWORD`, `db_password`, `AWS_SECRET_ACCESS_KEY`; what goes on after it, as in `password_encryption`, is another. */
const named = String.raw`(?<![\w-])[\w-]{0,64}?(?:password|(?<!no)passwd|passphrase|(?<![a-z])pass|secret|token|(?:api|access|secret)[_-]?key)`;

/** Forms in which secrets turn up in answers of hosts; what follows the name is taken out. */
const secretForms: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  new RegExp(String.raw`(${named}\\?["']?\s*[=:]\s*)${value}`, "gi"),
  // `requirepass foobared` of redis.conf, and the pair CONFIG GET answers.
  new RegExp(String.raw`(\b(?:requirepass|masterauth)["']?[\s,=:]+)${value}`, "gi"),
  new RegExp(String.raw`(\bauth-pass\s+\S+\s+)${value}`, "gi"),
  new RegExp(String.raw`(\bredis-cli\b[^\n]{0,500}?\s(?:-a|--pass)\s+)${value}`, "g"),
  /(\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/'"]{0,200}:)[^\s@/'"]+(?=@)/gi,
  /(\bAuthorization:\s*)[^\r\n]+/gi,
];

/** A text with every secret it shows replaced by a mark, so that a reader sees that something stood there. */
export function redact(text: string): string {
  return secretForms.reduce(
    (rest, form) => rest.replace(form, (_whole, name: unknown) => `${typeof name === "string" ? name : ""}[removed]`),
    text,
  );
}

/** The same for every text within a value. */
export function redactAll<T>(value: T): T;
export function redactAll(value: unknown): unknown {
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return value.map((one: unknown) => redactAll(one));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, redactAll(one)]));
}
