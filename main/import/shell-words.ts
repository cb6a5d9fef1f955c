/** Splits a line into words as a POSIX shell would, without expanding anything; null where a quotation mark is not closed. */
export function shellWords(line: string, withComments: boolean): readonly string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < line.length; at += 1) {
    const letter = line[at] ?? "";
    if (letter === "'" || letter === '"') {
      const quoted = quotedFrom(line, at, letter);
      if (quoted === null) return null;
      word = (word ?? "") + quoted.text;
      at = quoted.end;
    } else if (letter === "\\") {
      if (at + 1 >= line.length) return null;
      at += 1;
      word = (word ?? "") + (line[at] ?? "");
    } else if (withComments && letter === "#") {
      // Python's shlex, which Ansible uses, begins a comment in the middle of a word too.
      break;
    } else if (/\s/.test(letter)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + letter;
  }
  return word === null ? words : [...words, word];
}

function quotedFrom(line: string, start: number, mark: string): { readonly text: string; readonly end: number } | null {
  let text = "";
  for (let at = start + 1; at < line.length; at += 1) {
    const letter = line[at] ?? "";
    if (letter === mark) return { text, end: at };
    const next = line[at + 1] ?? "";
    if (mark === '"' && letter === "\\" && (next === '"' || next === "\\")) {
      text += next;
      at += 1;
    } else text += letter;
  }
  return null;
}
