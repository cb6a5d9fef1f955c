import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";

/** Who holds a lock. `startedAt` tells a process from a later one with the same number; null where the system does not say. */
export interface Holder {
  readonly host: string;
  /** Of the machine, whatever it is called; null where it has none, or an earlier version wrote the lock. */
  readonly machine: string | null;
  /** Of the machine's start, which no other machine has; null where the system does not say, or an earlier version wrote the lock. */
  readonly boot: string | null;
  readonly pid: number;
  readonly startedAt: string | null;
  /** Tells two holders in one process apart. */
  readonly token: string;
}

export type Lock =
  | { readonly kind: "held"; readonly release: () => void }
  /** Null: the file says nothing that can be read. */
  | { readonly kind: "busy"; readonly by: Holder | null };

/**
 * Takes the lock that a file stands for, at once or not at all. A lock whose process is gone is taken over; one of another machine is not,
 * because nothing can be told of its process from here.
 */
export function takeLock(path: string, token: string): Lock {
  const self: Holder = {
    host: hostname(),
    machine: machineId(),
    boot: bootId(),
    pid: process.pid,
    startedAt: startOf(process.pid),
    token,
  };
  const own = `${path}.${token}`;
  writeFileSync(own, JSON.stringify(self), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      if (linked(own, path)) return { kind: "held", release: () => release(path, token) };
      const text = textOf(path);
      if (text === null) continue;
      const by = holderIn(text);
      if (by === null || isThere(by)) return { kind: "busy", by };
      takeAway(path, `${own}.stale`, text);
    }
    return { kind: "busy", by: holderIn(textOf(path) ?? "") };
  } finally {
    rmSync(own, { force: true });
  }
}

function linked(own: string, path: string): boolean {
  try {
    // Unlike a rename a link fails where there is something already, and the file is whole from its first moment.
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Between reading a stale lock and moving it away another process may have put its own there; that one goes back. */
function takeAway(path: string, aside: string, stale: string): void {
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (textOf(aside) !== stale) linked(aside, path);
  rmSync(aside, { force: true });
}

function release(path: string, token: string): void {
  if (holderIn(textOf(path) ?? "")?.token === token) rmSync(path, { force: true });
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function holderIn(text: string): Holder | null {
  try {
    const { host, machine, boot, pid, startedAt, token } = JSON.parse(text) as Partial<Holder>;
    const textOr = (value: unknown): string | null => (typeof value === "string" ? value : null);
    return typeof host === "string" && typeof pid === "number" && typeof token === "string"
      ? { host, machine: textOr(machine), boot: textOr(boot), pid, startedAt: textOr(startedAt), token }
      : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isThere(holder: Holder): boolean {
  const { pid, startedAt } = holder;
  if (isElsewhere(holder)) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const now = startOf(pid);
  return now === null ? process.platform !== "linux" : startedAt === null || now === startedAt;
}

/**
 * A machine may be named anew, as by DHCP, and keeps its id; but machines cloned from one image share theirs, and may share a home. Under
 * another name it is this one only where the start is the same as well.
 */
function isElsewhere({ host, machine, boot }: Holder): boolean {
  const here = machineId();
  if (host === hostname()) return machine !== null && here !== null && machine !== here;
  return machine === null || boot === null || machine !== here || boot !== bootId();
}

/** systemd's id of this installation; an image that was never started says `uninitialized`. */
function machineId(): string | null {
  return /^[0-9a-f]{32}$/.exec(textOf("/etc/machine-id")?.trim() ?? "")?.[0] ?? null;
}

function bootId(): string | null {
  return textOf("/proc/sys/kernel/random/boot_id")?.trim() ?? null;
}

/**
 * When a process began, in the kernel's own ticks since its boot; null where there is no /proc, or the process is gone or a zombie.
 * ```
 * 4711 (node) S 1 4711 4711 0 -1 4194304 … 8835217 …
 * ```
 */
function startOf(pid: number): string | null {
  const text = textOf(`/proc/${pid}/stat`);
  if (text === null) return null;
  const [state, ...rest] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return state === "Z" || state === "X" ? null : (rest[18] ?? null);
}
