import type { Position } from "./found";

/** A file of a few lines can stand for more hosts, groups and variables than there is memory or patience for. */
export class TooMuch extends Error {
  /** Null where it is the whole that is too much, and no place in it. */
  constructor(readonly at: Position | null = null) {
    super("import/too-much");
    this.name = "TooMuch";
  }
}

/** What reading one file may cost: the steps of looking things up, and what is kept of it in the same measure. */
export interface Budget {
  /** Throws TooMuch, with the place that was read, where nothing is left. */
  spend(steps: number, at?: Position): void;
}

const mostSteps = 50_000_000;
/** So that at most 100,000 mentions of hosts and 50,000 of groups are kept. */
export const stepsOfHost = 500;
export const stepsOfGroup = 1_000;
/** At most 2,500,000 are kept, of one host or group each: an alias brings all of a mapping's along wherever it stands. */
export const stepsOfVariable = 20;
/** At most 500,000 are kept, of which a person is told the first. */
export const stepsOfProblem = 100;
/** From a group to one that it is in, or holds. */
export const stepsOfEdge = 10;

export function createBudget(): Budget {
  let left = mostSteps;
  return {
    spend: (steps, at) => {
      left -= steps;
      if (left < 0) throw new TooMuch(at);
    },
  };
}
