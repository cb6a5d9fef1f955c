import { readFileSync } from "node:fs";

/** A process that is not mistaken for a later one with the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in clock ticks since the machine's boot. */
  readonly startedTicks: string;
}

export function thisProcess(): ProcessIdentity {
  return identityOf(process.pid) ?? { pid: process.pid, startedTicks: "" };
}

/** The identity of a running process, or null when there is none of that id or it has ended unreaped. */
export function identityOf(pid: number): ProcessIdentity | null {
  try {
    // The second field is the name in parentheses, which may hold spaces and parentheses itself.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return fields[0] === "Z" || fields[0] === "X" ? null : { pid, startedTicks: fields[19] ?? "" };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ESRCH") return null;
    throw error;
  }
}

/** Whether that very process still runs. */
export function isSameProcess(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.startedTicks === identity.startedTicks;
}
