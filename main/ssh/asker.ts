import type { Answer, Question } from "../../contract/inventory";

type WithoutId<Q> = Q extends Question ? Omit<Q, "questionId"> : never;

/** Told once it is known whether a secret was right: the server took it, or the key opened. Where that never becomes known, it is not called. */
export type Judged = (isRight: boolean) => void;

/** An answer, and who waits to hear whether the secret in it was right. */
export type Given = Answer & { readonly judged?: Judged };

/** Puts a question to the person at the desktop. Where nobody can be asked (cron), it answers `refuse` at once. */
export interface Asker {
  ask(question: WithoutId<Question>, signal?: AbortSignal): Promise<Given>;
}
