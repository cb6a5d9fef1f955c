import { messageFormats } from "./format";
import type { Catalogue, Fact, Language, Sentence } from "./sentence";

/** A code among the facts may be said by words that take facts themselves; a code among those is not looked for. */
const deepest = 1;

/**
 * The words of a sentence. A template names its facts as `{{fact}}` or `{{fact, format}}`; a fact that is itself a code of the catalogue
 * (a role, an action, why something is so) is said by that code's own words, filled with the same facts; an empty one, such as a list of
 * nobody, is said as "none". A code without a template is shown as it is: wrong, but never silent.
 */
export function say(catalogue: Catalogue, language: Language, { code, facts }: Sentence): string {
  const fill = (template: string, depth: number): string =>
    template.replace(
      /\{\{\s*([A-Za-z0-9]+)\s*(?:,\s*([A-Za-z]+)\s*)?\}\}/g,
      (whole, name: string, format: string | undefined) => {
        const fact = facts[name];
        if (fact === undefined) return whole;
        const words = typeof fact === "string" ? wordsOf(catalogue, fact === "" ? "assess/none" : fact) : undefined;
        if (words === undefined) return sayFact(language, fact, format);
        return depth < deepest ? fill(words, depth + 1) : words;
      },
    );
  const template = wordsOf(catalogue, code);
  return template === undefined ? `${code} ${JSON.stringify(facts)}` : fill(template, 0);
}

/** The words of a code. A slot may be called `constructor`, which every object has a property of. */
export function wordsOf(catalogue: Catalogue, code: string): string | undefined {
  return Object.hasOwn(catalogue, code) ? catalogue[code] : undefined;
}

function sayFact(language: Language, fact: Fact, format: string | undefined): string {
  const formatted = format === undefined ? undefined : messageFormats[format];
  return typeof fact === "number" && formatted !== undefined ? formatted(fact, language) : String(fact);
}
