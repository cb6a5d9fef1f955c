import type { Duplex } from "node:stream";
import type { Login } from "../../contract/inventory";

/** A command as an argument list. It is quoted in one place (`quote.ts`), never glued together. */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly stdin?: string;
  /** Run as this account through `sudo -n -u`; left out, the login's own. Root logins use `runuser -u`. */
  readonly runAs?: string;
}

export interface Limits {
  /** Everything from the call to the last byte. The link is given up, not only the wait, when it is silent that long. */
  readonly deadlineMs: number;
  /** Bytes kept of stdout and of stderr each; the rest is counted and dropped. */
  readonly maxBytes: number;
}

/** How a command ended. `lost` means the link went before an end was seen: the outcome is unknown, never failure or success. */
export type Ending =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "killed"; readonly signal: string }
  | { readonly kind: "lost" };

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly ending: Ending;
  /** Bytes dropped beyond the cap. */
  readonly droppedBytes: number;
  /** Desktop wall clock, milliseconds since the Unix epoch, when the answer was whole. */
  readonly takenAt: number;
  readonly tookMs: number;
}

export type DialTarget =
  /** The address is resolved on the node's side; services often bind the network card, not loopback. */
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** A Unix socket, where the server sees the login's own account. */
  | { readonly kind: "socket"; readonly path: string };

export type LinkState =
  | { readonly state: "idle" }
  | { readonly state: "connecting" }
  | {
      readonly state: "ready";
      readonly since: number;
      readonly roundTripMs: number;
      readonly account: string;
      readonly isRoot: boolean;
    }
  | { readonly state: "broken"; readonly since: number; readonly error: Error };

/**
 * The only door to a node. Everything that is asked of a node or done to it passes here.
 * Every promise settles within its deadline plus five seconds, also on a link that went silent; it rejects with SshError.
 */
export interface NodeAccess {
  readonly node: string;
  state(): LinkState;
  /** Connects when not connected; rejects with SshError. */
  ready(): Promise<void>;
  /**
   * Runs a script of POSIX shell builtins in the node's one long-lived sh and gives its output.
   * Only for constant scripts that read: no process is started on the node. The script must not exit, cd or set options.
   */
  read(script: string, limits: Limits): Promise<Output>;
  /** Starts a process on the node. Resolves with the ending; a lost link after the send resolves with `lost`. */
  run(command: Command, limits: Limits): Promise<Output>;
  /** The exact bytes that `run` would hand to the node's shell, for showing before approval. */
  shown(command: Command): string;
  /** A TCP or Unix socket connection made by the node, as a stream without Nagle delay. */
  dial(target: DialTarget, limits: Pick<Limits, "deadlineMs">): Promise<Duplex>;
}

/** All nodes this desktop has a login for; one connection a node, shared by everyone. */
export interface Access {
  node(name: string): NodeAccess;
  /** Makes the login known; changing it drops the old connection. */
  know(name: string, login: Login): void;
  forget(name: string): Promise<void>;
  /** Called when a link changes state. */
  onChange(listener: (node: string, state: LinkState) => void): () => void;
  close(): Promise<void>;
}
