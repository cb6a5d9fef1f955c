/** How many may be logging in at one sshd at once; the others wait in line. */
export interface Gate {
  through<T>(work: () => Promise<T>): Promise<T>;
  /** That sshd dropped one: from now on half as many, and one at the least. */
  narrow(): void;
  readonly places: number;
}

/** sshd drops connects at random beyond ten that have not logged in yet (MaxStartups 10:30:100), and counts one a moment longer than its client. */
const unauthenticatedAtOnce = 5;

export function createGate(atMost = unauthenticatedAtOnce): Gate {
  let places = atMost;
  let inside = 0;
  const line: (() => void)[] = [];

  async function enter(): Promise<void> {
    if (inside >= places) await new Promise<void>((resolve) => line.push(resolve));
    else inside += 1;
  }

  /** Hands the place to the next in line, unless there are fewer places than before. */
  function leave(): void {
    const next = inside <= places ? line.shift() : undefined;
    if (next === undefined) inside -= 1;
    else next();
  }

  return {
    through: async (work) => {
      await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
    narrow: () => (places = Math.max(1, Math.floor(places / 2))),
    get places() {
      return places;
    },
  };
}
