import { SshError } from "./ssh-error";

/**
 * What `work` gives, or `deadline` when that takes too long; `signal` then tells the work that nobody waits for it any more, and what it
 * gives all the same goes to `discard`. `leftMs` is what is left of the deadline.
 */
export function within<T>(
  node: string,
  deadlineMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  discard: (late: T) => void = () => undefined,
  leftMs = deadlineMs,
): Promise<T> {
  const controller = new AbortController();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const error = new SshError("deadline", node, { deadlineMs });
      controller.abort(error);
      reject(error);
    }, leftMs);
    work(controller.signal)
      .then((value) => {
        if (controller.signal.aborted) discard(value);
        else resolve(value);
      }, reject)
      .finally(() => clearTimeout(timer));
  });
}
