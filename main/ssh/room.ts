/** sshd allows ten sessions a connection by default (MaxSessions); two are left to others and to sessions that are still closing. */
const mostSessions = 8;

/** How many sessions may be open on one connection at once; the rest wait in line. */
export interface Room {
  /** Resolves with the way to leave again, which may be called twice. Gives up its place in the line when `signal` aborts. */
  enter(signal: AbortSignal): Promise<() => void>;
  /** The server refused one: from now on half as many, and one at the least. */
  shrink(): void;
  readonly places: number;
  readonly taken: number;
  /** How many wait. */
  readonly waiting: number;
}

export function createRoom(atMost = mostSessions): Room {
  let places = atMost;
  let taken = 0;
  const line: (() => void)[] = [];

  function leave(): void {
    taken -= 1;
    if (taken < places) line.shift()?.();
  }

  function take(): () => void {
    taken += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      leave();
    };
  }

  return {
    enter: (signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason as Error);
        if (taken < places) return resolve(take());
        const abort = (): void => {
          line.splice(line.indexOf(go), 1);
          reject(signal.reason as Error);
        };
        const go = (): void => {
          signal.removeEventListener("abort", abort);
          resolve(take());
        };
        signal.addEventListener("abort", abort, { once: true });
        line.push(go);
      }),
    shrink: () => (places = Math.max(1, Math.floor(places / 2))),
    get places() {
      return places;
    },
    get taken() {
      return taken;
    },
    get waiting() {
      return line.length;
    },
  };
}
