/** A file of a few lines can stand for more hosts, groups and variables than there is memory or patience for. */
export class TooMuch extends Error {
  constructor() {
    super("import/too-much");
    this.name = "TooMuch";
  }
}

/** What reading one file may cost: the steps of looking things up, and what is kept of it in the same measure. */
export interface Budget {
  /** Throws TooMuch where nothing is left. */
  spend(steps: number): void;
}

const mostSteps = 50_000_000;
/** So that at most 100,000 mentions of hosts and 50,000 of groups are kept. */
export const stepsOfHost = 500;
export const stepsOfGroup = 1_000;
/** From a group to one that it is in, or holds. */
export const stepsOfEdge = 10;

export function createBudget(): Budget {
  let left = mostSteps;
  return {
    spend: (steps) => {
      left -= steps;
      if (left < 0) throw new TooMuch();
    },
  };
}
