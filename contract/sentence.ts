import { z } from "zod";

/** A value a sentence is filled with. Its unit is named by the message that shows it, as in `{{lagBytes, bytes}}`. */
export const factSchema = z.union([z.string(), z.number(), z.boolean()]);
export type Fact = z.infer<typeof factSchema>;

/**
 * What is said to a person: a code of the message catalogue and the facts it is filled with.
 * The words are made where they are read (view, report, command line), so that all say the same in the reader's language.
 */
export const sentenceSchema = z.object({ code: z.string(), facts: z.record(z.string(), factSchema) });
export type Sentence = z.infer<typeof sentenceSchema>;

export function sentence(code: string, facts: Readonly<Record<string, Fact>> = {}): Sentence {
  return { code, facts: { ...facts } };
}

export const languageSchema = z.enum(["en", "zh-CN"]);
export type Language = z.infer<typeof languageSchema>;

/** Message code to template, flat; the same codes in every language. */
export const catalogueSchema = z.record(z.string(), z.string());
export type Catalogue = z.infer<typeof catalogueSchema>;
