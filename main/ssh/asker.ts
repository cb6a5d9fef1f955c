import type { Answer, Question } from "../../contract/inventory";

type WithoutId<Q> = Q extends Question ? Omit<Q, "questionId"> : never;

/** Puts a question to the person at the desktop. Where nobody can be asked (cron), it answers `refuse` at once. */
export interface Asker {
  ask(question: WithoutId<Question>, signal?: AbortSignal): Promise<Answer>;
}
