import type { Duplex } from "node:stream";
import type { Login } from "../../contract/inventory";
import type { Sentence } from "../../contract/sentence";
import type { ResolvedLogin } from "./resolved-login";

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

/**
 * How a command ended, as the node's shell told it (`exited`, `killed`, `start-failed`), or why no end was seen: the outcome is then
 * unknown, never failure or success.
 */
export type Ending =
  | { readonly kind: "exited"; readonly code: number }
  /** The signal's name without SIG. A program that exits with 128 and a signal's number by itself looks the same. */
  | { readonly kind: "killed"; readonly signal: string }
  /** 126: not executable, 127: not found. */
  | { readonly kind: "start-failed"; readonly code: 126 | 127 }
  /** The deadline passed first. On the node it may still run. */
  | { readonly kind: "timed-out" }
  /** It said far more than may be kept and was stopped. */
  | { readonly kind: "truncated" }
  /** The link went. */
  | { readonly kind: "lost" }
  /** The node closed the channel without the end mark: something cut the shell short, whatever exit code it gave. */
  | { readonly kind: "no-frame" };

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

/** What the node says of a command that was to be run there once. Each is evidence; only `unseen` is none. */
export type DurableState =
  /** Nobody ever began it on this node. */
  | { readonly kind: "none" }
  /** Begun, and not yet at the point from which it counts as started. */
  | { readonly kind: "claimed" }
  /** Nothing was run and nothing will be. */
  | { readonly kind: "refused"; readonly error: Error }
  /** It runs. Without its keeper its exit code will never be known. */
  | { readonly kind: "alive"; readonly hasKeeper: boolean }
  /** It was started and is gone without an exit code: what it did is unknown. */
  | { readonly kind: "dead"; readonly isRebooted: boolean; readonly output: string }
  | {
      readonly kind: "done";
      readonly ending: Ending & { kind: "exited" | "killed" | "start-failed" };
      /** Who ended it: itself, its deadline, or a person. The last two are told only when nothing of it was left. */
      readonly by: "itself" | "deadline" | "cancel";
      /** Stdout and stderr as they came, up to the cap. */
      readonly output: string;
      /** Bytes beyond the cap; null while a process it left behind holds its output open. */
      readonly droppedBytes: number | null;
    }
  /** Asked for, and the answer was not seen. */
  | { readonly kind: "unseen" };

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
      /** When a certificate that logged in on the way ceases to be valid, desktop wall clock; null where none did, or it is not told. */
      readonly certifiedUntil: number | null;
    }
  | { readonly state: "broken"; readonly since: number; readonly error: Error };

export interface Client {
  readonly how: Sentence;
  /** Whether a connection made by it is open; else it is the one that was tried last. */
  readonly isOpen: boolean;
}

/**
 * The only door to a node. Everything that is asked of a node or done to it passes here.
 * Every promise settles within its deadline plus five seconds, also on a link that went silent; it rejects with SshError.
 */
export interface NodeAccess {
  readonly node: string;
  state(): LinkState;
  /** Which client its login is made by, and what decided that; null before the first try. */
  transport(): Client | null;
  /** The login of the connection that is open; null where none is. */
  login(): ResolvedLogin | null;
  /**
   * The same node by this way (`way.ts`) alone. A connection made anew may lead to another host, because the config was changed
   * meanwhile: over such a one nothing is sent, and what is asked rejects with `way-changed`.
   */
  by(way: string): NodeAccess;
  /** Connects when not connected; rejects with SshError. */
  ready(): Promise<void>;
  /**
   * Runs a script of POSIX shell builtins in the node's one long-lived sh and gives its output.
   * Only for constant scripts that read: no process is started on the node. The script must not exit, cd or set options.
   */
  read(script: string, limits: Limits): Promise<Output>;
  /** Starts a process that only reads. Resolves with the ending, also when none was seen. */
  run(command: Command, limits: Limits): Promise<Output>;
  /**
   * Runs a command that changes the node: at most once for this id, ever, also when called again; then it tells what became of it.
   * It goes on without the link, and the node itself ends it at its deadline. Rejects with SshError only when nothing was sent.
   */
  runDurably(id: string, command: Command, limits: Limits): Promise<DurableState>;
  /** What became of it; only reads. */
  reattach(id: string): Promise<DurableState>;
  /** Sees to it that the node will not begin it any more, if it has not; then tells what became of it. */
  withdraw(id: string): Promise<DurableState>;
  /** Ends it: TERM, five seconds, KILL. Then tells what became of it; only `done` proves that it stopped. */
  cancel(id: string): Promise<DurableState>;
  /** The exact bytes that `run` and `runDurably` would hand to the node's shell, for showing before approval. */
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
  /** After sleep or a change of network: no link is believed until it has answered again, and none waits any longer to be remade. */
  suspect(): Promise<void>;
  /** A person asks: links that are down are tried again at the next ask, without the rest of their pause. */
  hurry(nodes: readonly string[]): void;
  /** Called when a link changes state. */
  onChange(listener: (node: string, state: LinkState) => void): () => void;
  close(): Promise<void>;
}
