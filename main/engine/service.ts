import type { Effect } from "./engine";

/** What starts and stops a member's process on its host. */
export type ServiceControl =
  | { readonly kind: "systemd"; readonly unit: string }
  | { readonly kind: "supervisor"; readonly program: string }
  /** The service directory `sv` is given. */
  | { readonly kind: "runit"; readonly directory: string }
  /** Nobody keeps it: it is started again with the words it was started with, and stopped by a signal. */
  | { readonly kind: "plain"; readonly argv: readonly [string, ...string[]]; readonly workingDirectory: string };

/** As kept in a member's settings and shown to a person: `systemd:redis-server.service`, `plain:["/usr/bin/etcd","--name","e1"] /`. */
export function controlText(control: ServiceControl): string {
  switch (control.kind) {
    case "systemd":
      return `systemd:${control.unit}`;
    case "supervisor":
      return `supervisor:${control.program}`;
    case "runit":
      return `runit:${control.directory}`;
    case "plain":
      return `plain:${JSON.stringify(control.argv)} ${control.workingDirectory}`;
  }
}

/** Null for a text that names no control. */
export function controlOf(text: string): ServiceControl | null {
  const found = /^(systemd|supervisor|runit|plain):(.+)$/s.exec(text);
  const [, kind, rest] = found ?? [];
  if (rest === undefined) return null;
  switch (kind) {
    case "systemd":
      return { kind, unit: rest };
    case "supervisor":
      return { kind, program: rest };
    case "runit":
      return { kind, directory: rest };
    default:
      return plainOf(rest);
  }
}

function plainOf(text: string): ServiceControl | null {
  const end = text.lastIndexOf("] ");
  if (end < 0) return null;
  try {
    const argv: unknown = JSON.parse(text.slice(0, end + 1));
    if (!Array.isArray(argv) || !argv.every((word) => typeof word === "string")) return null;
    const [program, ...rest] = argv;
    return program === undefined
      ? null
      : { kind: "plain", argv: [program, ...rest], workingDirectory: text.slice(end + 2) };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The command that starts the stopped service. A plain one is cut off from the login, or it would end with it. */
export function startEffect(control: ServiceControl, account: string): Effect {
  switch (control.kind) {
    case "systemd":
      return asRoot("systemctl", "start", control.unit);
    case "supervisor":
      return asRoot("supervisorctl", "start", control.program);
    case "runit":
      return asRoot("sv", "start", control.directory);
    case "plain": {
      const script = 'cd "$1" && shift && setsid "$@" </dev/null >/dev/null 2>&1 &';
      return run(account, "/bin/sh", "-c", script, "sh", control.workingDirectory, ...control.argv);
    }
  }
}

/** The command that stops the running service in its own orderly way. */
export function stopEffect(control: ServiceControl, account: string, pid: number): Effect {
  switch (control.kind) {
    case "systemd":
      return asRoot("systemctl", "stop", control.unit);
    case "supervisor":
      return asRoot("supervisorctl", "stop", control.program);
    case "runit":
      return asRoot("sv", "stop", control.directory);
    case "plain":
      return run(account, "kill", "-TERM", String(pid));
  }
}

/**
 * The command that ends a process that has stopped answering and would not end by being asked. Its keeper is told to stop it first, or
 * would start it again at once; without one the process is ended and nothing more.
 */
export function endHungEffect(control: ServiceControl | null, account: string, pid: number): Effect {
  switch (control?.kind) {
    case "systemd":
      return asRoot(
        ...shell('systemctl stop --no-block "$1"; kill -KILL "$2"; systemctl stop "$1"', control.unit, pid),
      );
    case "supervisor":
      // A stop that is waited for ends it with SIGKILL after `stopwaitsecs`; the kill spares that time.
      return asRoot(...shell('supervisorctl stop "$1" & sleep 1; kill -KILL "$2"; wait', control.program, pid));
    case "runit":
      return asRoot(...shell('sv -w 0 down "$1"; kill -KILL "$2"; sv -w 7 down "$1"', control.directory, pid));
    case "plain":
    case undefined:
      return run(account, "kill", "-KILL", String(pid));
  }
}

function shell(script: string, name: string, pid: number): readonly [string, ...string[]] {
  return ["/bin/sh", "-c", script, "sh", name, String(pid)];
}

function asRoot(...argv: readonly [string, ...string[]]): Effect {
  return run("root", ...argv);
}

function run(runAs: string, ...argv: readonly [string, ...string[]]): Effect {
  return { kind: "run", command: { argv, runAs } };
}
