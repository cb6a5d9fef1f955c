import type { Figure } from "../../contract/figure";
import { formatUnit } from "../../contract/format";
import { say, wordsOf } from "../../contract/say";
import { sentence, type Catalogue, type Fact, type Language, type Sentence } from "../../contract/sentence";
import { visible } from "../../contract/visible";
import { useStore } from "../state/store";
import en from "./en.json";
import zhCN from "./zh-CN.json";

const own: Readonly<Record<Language, Catalogue>> = { en, "zh-CN": zhCN };

export interface Words {
  readonly language: Language;
  readonly word: (code: string, facts?: Readonly<Record<string, Fact>>) => string;
  readonly said: (one: Sentence) => string;
  /** A known figure's text; a text that is a code of the catalogue (a role) is said in its words. */
  readonly known: (figure: Figure & { state: "known" }) => string;
  readonly has: (code: string) => boolean;
}

/** The view's own words and the core's, in the language chosen. */
export function useWords(): Words {
  const language = useStore((state) => state.preferences.language);
  const ofCore = useStore((state) => state.catalogue);
  const catalogue: Catalogue = { ...ofCore, ...own[language] };
  return {
    language,
    word: (code, facts = {}) => visible(say(catalogue, language, sentence(code, facts))),
    said: (one) => visible(say(catalogue, language, one)),
    known: (figure) =>
      visible(
        typeof figure.value === "string"
          ? (wordsOf(catalogue, figure.value) ?? figure.value)
          : formatUnit(figure.value, figure.unit, language),
      ),
    has: (code) => wordsOf(catalogue, code) !== undefined,
  };
}
