import { WireError } from "../wire-error";

/** Rejects with WireError `silent` when the work is not over in time, after `expired` has given up what it waits on. */
export function withDeadline<T>(
  work: Promise<T>,
  deadlineMs: number,
  about: { readonly service: string; readonly node: string },
  expired: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        expired();
        reject(new WireError("silent", { ...about, deadlineMs: Math.round(deadlineMs) }));
      },
      Math.max(0, deadlineMs),
    );
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
