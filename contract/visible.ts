/**
 * Makes text of hosts inert: characters that draw nothing, or turn the direction of others, are shown by their number.
 * Tabs and line feeds stay.
 */
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
