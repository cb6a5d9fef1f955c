import { messageFormats } from "./format";
import type { Catalogue, Fact, Language, Sentence } from "./sentence";

/**
 * The words of a sentence. A template names its facts as `{{fact}}` or `{{fact, format}}`; a fact that is itself a code of the catalogue
 * (a role, an action) is said by that code's own words. A code without a template is shown as it is: wrong, but never silent.
 */
export function say(catalogue: Catalogue, language: Language, { code, facts }: Sentence): string {
  const template = catalogue[code];
  if (template === undefined) return `${code} ${JSON.stringify(facts)}`;
  return template.replace(
    /\{\{\s*([A-Za-z0-9]+)\s*(?:,\s*([A-Za-z]+)\s*)?\}\}/g,
    (whole, name: string, format: string | undefined) => {
      const fact = facts[name];
      return fact === undefined ? whole : sayFact(catalogue, language, fact, format);
    },
  );
}

function sayFact(catalogue: Catalogue, language: Language, fact: Fact, format: string | undefined): string {
  if (typeof fact === "string") return catalogue[fact] ?? fact;
  const formatted = format === undefined ? undefined : messageFormats[format];
  return typeof fact === "number" && formatted !== undefined ? formatted(fact, language) : String(fact);
}
