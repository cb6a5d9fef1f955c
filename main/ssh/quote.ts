/** Characters that mean nothing to a POSIX shell wherever they stand in a word. */
const plainWord = /^[A-Za-z0-9_@%+:,./-]+$/;

/**
 * A command line for POSIX sh whose words are exactly `argv`; the only place where words are joined into one.
 * Throws RangeError on NUL, which no argument can hold, and on half a surrogate pair, which no bytes stand for.
 */
export function quote(argv: readonly string[]): string {
  return argv.map(quoteWord).join(" ");
}

function quoteWord(word: string): string {
  if (word.includes("\0")) throw new RangeError("an argument holds a NUL byte");
  // It would arrive as U+FFFD: another argument than the one that was shown.
  if (/\p{Surrogate}/u.test(word)) throw new RangeError("an argument holds half a surrogate pair");
  // A plain word stays as a person would type it, because what is shown for approval is this very text.
  if (plainWord.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
