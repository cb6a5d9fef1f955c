import { visible } from "../../contract/visible";

/** Characters kept of all that a server says before a login; law texts are shorter, floods are not. */
const mostCharacters = 16_384;

/** What a server says before a login (banner), bounded and made inert. It is shown to a person and never read by anything. */
export function createServerWords(): { note(text: string): void; said(): string } {
  let words = "";
  return {
    note: (text) => {
      words = (words + text.slice(0, mostCharacters)).slice(0, mostCharacters);
    },
    said: () => visible(words.replaceAll("\r\n", "\n").trim()).slice(0, mostCharacters),
  };
}
