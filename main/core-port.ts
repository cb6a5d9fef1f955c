import type { EventName, EventPayload, Reply, RequestName, Takes } from "../contract/channels";
import type { KeyStorage } from "./store/secrets";

/** The core as its host sees it: the desktop shell through a message port, the command line directly. */
export interface Core {
  /** Never rejects: what goes wrong is a reply with `ok: false`. The argument must have passed the request's schema. */
  handle<N extends RequestName>(name: N, argument: Takes<N>): Promise<Reply<N>>;
  /** The desktop goes to sleep, or is back: nothing read before is of now. */
  power(state: "suspended" | "resumed"): void;
  onEvent(listener: CoreListener): () => void;
  /** Ends every connection and closes every file. A run that is under way stays in the journal and is shown at the next start. */
  close(): Promise<void>;
}

export type CoreListener = <N extends EventName>(name: N, payload: EventPayload<N>) => void;

/** What the core asks of the desktop it runs on. */
export interface ShellPort {
  readonly keyStorage: KeyStorage;
  /** The path a person chose for a file, or null when the dialog was closed. */
  chooseSavePath(suggestedName: string): Promise<string | null>;
  /** The absolute path of a file a person chose to be read, or null when the dialog was closed. */
  chooseOpenPath(): Promise<string | null>;
}

export interface CoreParts {
  readonly userDataDirectory: string;
  readonly version: string;
  /** Electron's version, or `none` in plain Node. */
  readonly electron: string;
  readonly shell: ShellPort;
  /** Null: `~/.ssh/config`. */
  readonly sshConfigPath: string | null;
  /** False where nobody can be asked: every question is refused at once. */
  readonly interactive: boolean;
  /** False where nothing may be changed: the journal is then only read, because another process may be writing it. */
  readonly mayRecover: boolean;
  /** False for a one-shot command: clusters are read when asked, not in cycles. */
  readonly watch: boolean;
}
