import type { Answer, Question } from "../../contract/inventory";
import type { Asker } from "../ssh/asker";

export interface Questions extends Asker {
  /** Questions that wait for an answer, oldest first. */
  open(): readonly Question[];
  /** True when such a question was waiting; a question is answered once. */
  answer(questionId: string, answer: Answer): boolean;
  /** Answers every open question with `refuse`. */
  close(): void;
}

interface Waiting {
  readonly question: Question;
  readonly settle: (answer: Answer) => void;
}

/** Brings questions of the core to the view and the answers back; a question nobody answers in time is refused. */
export function createQuestions(parts: {
  readonly newId: () => string;
  readonly raised: (question: Question) => void;
  readonly settled: (questionId: string) => void;
  readonly waitMs: number;
}): Questions {
  const waiting = new Map<string, Waiting>();

  function settle(questionId: string, answer: Answer): boolean {
    const entry = waiting.get(questionId);
    if (entry === undefined) return false;
    waiting.delete(questionId);
    parts.settled(questionId);
    entry.settle(answer);
    return true;
  }

  return {
    ask: (asked, signal) =>
      new Promise<Answer>((resolve) => {
        const question = { ...asked, questionId: parts.newId() };
        const timer = setTimeout(() => settle(question.questionId, { kind: "refuse" }), parts.waitMs);
        const withdraw = (): void => void settle(question.questionId, { kind: "refuse" });
        signal?.addEventListener("abort", withdraw, { once: true });
        waiting.set(question.questionId, {
          question,
          settle: (answer) => {
            clearTimeout(timer);
            signal?.removeEventListener("abort", withdraw);
            resolve(answer);
          },
        });
        parts.raised(question);
        if (signal?.aborted === true) withdraw();
      }),
    open: () => [...waiting.values()].map((entry) => entry.question),
    answer: settle,
    close: () => [...waiting.keys()].forEach((questionId) => settle(questionId, { kind: "refuse" })),
  };
}
